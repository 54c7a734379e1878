"""What judges or measures one camera asks which, where a pipeline has several, and takes the one it is told."""

from __future__ import annotations

import json

import pytest

from edge_runtime.cli.main import run_app
from tests.evaluate.conftest import AWAY, BOX, PIPELINE
from tests.tiny import tiny_video

SEVERAL = """\
sources:
  - {kind: video, camera: front, path: drive.avi}
  - {kind: video, camera: left, path: left.avi}
"""
VERBS = {
    "eval": ["--labels", "labels.json", "--stage", "objects", "--resamples", "20"],
    "bench": ["--frames", "30", "--repeats", "1"],
    "profile": [*("--seconds", "0.2", "--repeats", "1", "--frames", "10"), *("--out", "ladder.yaml")],
}


@pytest.fixture
def several(folder, labelled, monkeypatch):
    """`several.yaml` over two videos, of which left is too dark for the network; `labels.json` are of its 20 frames."""
    tiny_video(folder / "left.avi", frames=20, brightness=lambda n: 40)
    text = PIPELINE.format(name="several", source="{}").replace("source: {}\n", SEVERAL)
    (folder / "several.yaml").write_text(text)
    labelled([(n, "car", BOX) for n in range(20)], images=20)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_none_named_is_answered_with_the_names_before_anything_starts(several, capsys, verb):
    assert run_app([verb, "several.yaml", *VERBS[verb]]) == 2
    said = capsys.readouterr().err
    assert "several.yaml:3:3: sources: has 2 cameras: front and left" in said
    assert "choose one: --camera NAME" in said


@pytest.mark.parametrize("verb", VERBS)
def test_one_that_is_not_there_is_answered_with_what_was_meant(several, capsys, verb):
    assert run_app([verb, "several.yaml", *VERBS[verb], "--camera", "lfet"]) == 2
    said = capsys.readouterr().err
    assert "no camera is named 'lfet'" in said
    assert "did you mean `left`?" in said


def document(capsys, verb, camera):
    assert run_app([verb, "several.yaml", *VERBS[verb], "--camera", camera, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_eval_judges_the_camera_that_is_named(several, capsys):
    front, left = (document(capsys, "eval", camera) for camera in ("front", "left"))
    assert (front["recall"], left["recall"]) == (1.0, 0.0)
    assert (front["config"]["source"]["camera"], left["config"]["source"]["camera"]) == ("front", "left")


def test_bench_measures_the_camera_that_is_named(several, capsys):
    assert document(capsys, "bench", "left")["pipeline_fps"] > 0


def test_profile_measures_the_camera_that_is_named(several, capsys):
    assert [point["name"] for point in document(capsys, "profile", "front")["points"]]


def test_a_recording_of_several_is_judged_camera_by_camera(several, labelled, capsys):
    options = ["--pace", "fast", "--record", str(several / "drive.mcap"), "--out", "run"]
    assert run_app(["several.yaml", *options]) == 0
    capsys.readouterr()
    labels = labelled([(n, "car", box) for n in range(20) for box in (BOX, AWAY)], images=20)
    recalls = {}
    for camera in ("front", "left"):
        source = f"source={{kind: recording, path: drive.mcap, camera: {camera}}}"
        options = ["--labels", str(labels), "--stage", "objects", "--resamples", "20", "--json"]
        assert run_app(["eval", "video.yaml", "--set", source, *options]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["frames"] == 20
        recalls[camera] = found["recall"]
    assert recalls == {"front": 0.5, "left": 0.0}


def test_a_live_camera_of_several_has_no_labels_and_its_line_is_named(several, capsys):
    text = SEVERAL.replace("{kind: video, camera: left, path: left.avi}", "{kind: camera, camera: left, device: 0}")
    path = several / "live.yaml"
    path.write_text((several / "several.yaml").read_text().replace(SEVERAL, text))
    assert run_app(["eval", "live.yaml", *VERBS["eval"], "--camera", "left"]) == 2
    said = capsys.readouterr().err
    assert "a camera's pictures have no labels" in said
    assert "live.yaml:4:" in said
