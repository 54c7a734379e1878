"""A drive in place of a pipeline file's own sources."""

import pytest

from edge_runtime.config.drive_sources import DriveSources
from edge_runtime.config.load import load_pipeline
from edge_runtime.errors import ConfigError

REST = """\
models:
  road:
    onnx: road.onnx
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: [car]}
stages: [{name: objects, kind: detect, model: road}]
record: {path: again.mcap}
"""
ONE = f"name: one\nsource: {{kind: video, path: gone.mp4}}\n{REST}"
TWO = f"""\
name: two
sources:
  - {{kind: video, camera: front, path: gone.mp4}}
  - {{kind: video, camera: left, path: gone.mp4}}
{REST}"""


def recorded(*cameras):
    return DriveSources(
        "drive.mcap", [{"kind": "recording", "path": "/drive.mcap", "camera": name} for name in cameras]
    )


def loaded(text, drive, overrides=(), faults=()):
    return load_pipeline("p.yaml", overrides, faults, runs=False, text=text, drive=drive).config


@pytest.mark.parametrize("text", [ONE, TWO])
@pytest.mark.parametrize("cameras", [("front",), ("front", "left")])
def test_the_cameras_of_the_drive_take_the_place_of_the_files_own(text, cameras):
    config = loaded(text, recorded(*cameras))
    assert [(source.kind, source.camera) for source in config.cameras] == [("recording", name) for name in cameras]
    assert config.record is None


def test_a_file_without_a_source_of_its_own_takes_any_drive():
    config = loaded(ONE.replace("source: {kind: video, path: gone.mp4}\n", ""), recorded("rear", "left", "right"))
    assert [source.camera for source in config.cameras] == ["rear", "left", "right"]


def test_overrides_come_on_top_for_every_camera_and_faults_know_their_names():
    fault = "camera_gap:d=1s,camera=left"
    config = loaded(
        ONE, recorded("front", "left"), ["source.ego_speed_kmh=80", "sources.left.ego_speed_kmh=70"], [fault]
    )
    assert [source.ego_speed_kmh for source in config.cameras] == [80.0, 70.0]
    assert len(config.faults) == 1


def test_other_names_are_answered_at_the_line_of_the_sources():
    with pytest.raises(ConfigError) as caught:
        loaded(TWO, recorded("front", "rear"))
    said = str(caught.value)
    assert "p.yaml:2:1: sources: the cameras are front and left here, and front and rear in drive.mcap" in said
    assert "a pipeline with one `source:` takes any drive" in said


def test_a_mistake_in_what_was_recorded_names_the_drive():
    with pytest.raises(ConfigError) as caught:
        loaded(ONE, DriveSources("drive.mcap", [{"kind": "recording", "camera": "front"}]))
    assert "drive.mcap: source.path: is missing" in str(caught.value)


def test_before_a_drive_is_known_the_names_are_those_of_the_file():
    assert [source.camera for source in loaded(TWO, DriveSources.any()).cameras] == ["front", "left"]
    assert [source.camera for source in loaded(ONE, DriveSources.any()).cameras] == ["front"]
