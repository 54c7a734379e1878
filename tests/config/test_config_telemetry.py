import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.errors import ConfigError

PIPELINE = """\
name: tiny
source: {kind: video, path: drive.avi}
models:
  road:
    onnx: tiny.onnx
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: [car]}
stages:
  - {name: objects, kind: detect, model: road}
"""


@pytest.fixture
def load(tmp_path):
    def load(block):
        (tmp_path / "tiny.yaml").write_text(PIPELINE + block)
        return load_pipeline(tmp_path / "tiny.yaml", runs=False).config

    return load


def test_without_a_word_the_best_source_is_taken_and_the_board_is_left_alone(load):
    config = load("")
    assert (config.telemetry.source, config.telemetry.period_ms, config.board.control) == ("auto", 200, False)


def test_the_log_of_a_recording_is_relative_to_the_pipeline(load, tmp_path):
    (tmp_path / "drive.jsonl").write_text("{}")
    config = load("telemetry: {source: recorded, log: drive.jsonl}\n")
    assert config.telemetry.log == tmp_path / "drive.jsonl"


def test_a_recording_without_its_log_is_refused(load):
    with pytest.raises(
        ConfigError, match=r"telemetry\.source: needs the log to play\n.*\n.*\n.*add `log: FILE\.jsonl`"
    ):
        load("telemetry: {source: recorded}\n")


def test_a_source_that_nobody_knows_is_answered_with_the_nearest(load):
    with pytest.raises(ConfigError, match="sysfs"):
        load("telemetry: {source: sysf}\n")
