"""The copy that a service runs means the same as the file it was made from, and reads like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.service.copy import standing_copy
from tests.service.machine import CHECKOUT

TEXT = """\
name: demo   # what it is called
source:
  kind: simulation  # painted
  seed: 3
models:
  road:
    onnx: "road net.onnx"   # trained on Monday
    input: {size: [640, 384], resize: letterbox, color: bgr, scale: 1/255}
    decode: {family: yolox, classes: [car], strides: [4, 8, 16, 32]}
stages: [{name: objects, kind: detect, model: road}]
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "road net.onnx").write_bytes((CHECKOUT / "edge_runtime/assets/demo_detector.onnx").read_bytes())
    path = tmp_path / "demo.yaml"
    path.write_text(TEXT)
    return path


def copied(path: Path, *overrides: str) -> str:
    """The copy, having seen that it loads elsewhere to the same pipeline."""
    loaded = load_pipeline(path, overrides)
    text = standing_copy(path.read_text(), loaded)
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "copy.yaml").write_text(text)
    assert load_pipeline(elsewhere / "copy.yaml").config == loaded.config
    return text


def test_paths_become_absolute_and_comments_stay(path):
    assert copied(path) == TEXT.replace('"road net.onnx"', f'"{path.parent}/road net.onnx"')


def test_overrides_are_written_into_the_text(path):
    text = copied(path, "source.seed=7", "models.road.input.size=[320, 192]", "source.loop=true", "name=night")
    assert "name: night   # what it is called" in text
    assert "  kind: simulation  # painted\n  loop: true\n  seed: 7\n" in text
    assert "size: [320, 192], resize: letterbox" in text


def test_a_key_that_comes_into_a_block_of_one_line_stays_in_it(path):
    text = copied(path, "models.road.decode.confidence=0.4")
    assert "decode: {family: yolox, confidence: 0.4, classes: [car]" in text


def test_values_that_mean_something_to_yaml_are_quoted(path):
    path.write_text(TEXT.replace("seed: 3", "camera: front"))
    assert 'camera: "no"' in copied(path, 'source.camera="no"')


def test_a_block_that_comes_in_is_written_on_one_line(path):
    assert 'name: demo   # what it is called\nbudgets: {"power_w": 50}\n' in copied(path, "budgets.power_w=50")
    assert 'sinks: [{"kind": "jsonl"}]' in copied(path, "sinks=[{kind: jsonl}]")


def test_a_block_that_is_replaced_gives_the_resolved_pipeline(path):
    assert "painted" not in copied(path, "models.road.decode={family: yolox, classes: coco}")


@pytest.mark.parametrize("shipped", sorted((CHECKOUT / "pipelines").glob("demo*.yaml")), ids=lambda path: path.name)
def test_the_shipped_demo_keeps_every_comment(shipped):
    text = standing_copy(shipped.read_text(), load_pipeline(shipped))
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert comments == [line.partition("#")[2] for line in shipped.read_text().splitlines() if "#" in line]
