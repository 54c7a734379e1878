"""Drives of several cameras are recorded, opened by Foxglove's own reader, and run again with the same outcome."""

import json
from importlib.resources import files
from unittest.mock import patch

import numpy as np
import pytest
from mcap.reader import make_reader

from edge_runtime.cli.main import run_app
from edge_runtime.pipeline.drive import open_drive
from edge_runtime.pipeline.open_source import DrivePictures
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.recording import mcap_file
from edge_runtime.recording.reader import LogLine, RecordedFrame, RecordedResult, Recording
from tests.recording.validation import validate
from tests.tiny import tiny_detector, tiny_video

from .test_record_replay import LADDER

ONNX = str(files("edge_runtime.assets").joinpath("demo_detector.onnx"))
# Two painted drives; the left camera ends first.
SOURCES = """\
sources:
  - {kind: simulation, camera: front, seed: 1, size: [320, 192], fps: 5, seconds: 4, pace: fast}
  - {kind: simulation, camera: left, seed: 2, size: [320, 192], fps: 5, seconds: 2, pace: fast}
"""
PAINTED = """\
name: several
SOURCES
models:
  road:
    onnx: ONNX
    input: {size: [640, 384], resize: letterbox, color: bgr, scale: 1/255, pad: 114}
    decode:
      family: yolox
      classes: [person, car, truck, traffic light, traffic sign]
      strides: [4, 8, 16, 32]
      confidence: 0.35
stages:
  - {name: objects, kind: detect, model: road}
  - {name: far, kind: detect, model: road, regions: {max: 1, from: [horizon, tracks]}}
  - {name: fused, kind: merge, of: [objects, far]}
  - {name: tracked, kind: track, of: fused}
sinks: [{kind: jsonl}]
"""
PAINTED = PAINTED.replace("SOURCES\n", SOURCES).replace("ONNX", ONNX)
CAMERAS = {"front": 20, "left": 10}
SURER = ("--set", "models.road.decode.confidence=0.7")


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A folder with `several.yaml`, and the raw recording `drive.mcap` of its run `run`, in many chunks."""
    folder = tmp_path_factory.mktemp("painted")
    (folder / "several.yaml").write_text(PAINTED)
    record = f"record={{path: {folder / 'drive.mcap'}, images: raw}}"
    with patch.object(mcap_file, "CHUNK_BYTES", 200_000):
        assert run_app([str(folder / "several.yaml"), "--set", record, "--out", str(folder / "run")]) == 0
    return folder


@pytest.fixture(scope="module")
def again(painted):
    """The run folder of a replay of that recording, with nothing changed."""
    assert run_app(["replay", str(painted / "drive.mcap"), "--out", str(painted / "again")]) == 0
    return painted / "again"


def lines(folder):
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def of(camera, lines):
    return [line for line in lines if line["camera"] == camera]


def test_every_message_is_what_its_schema_says_and_each_camera_has_topics_of_its_own(painted):
    counts = validate(painted / "drive.mcap")
    for camera, frames in CAMERAS.items():
        assert counts[f"/camera/{camera}/image"] == counts[f"/camera/{camera}/annotations"] == frames
        assert counts[f"/camera/{camera}/calibration"] == 1
    assert counts["/frame"] == counts["/result"] == 30


def test_the_recording_knows_each_camera_and_holds_the_results_of_the_run(painted):
    recording = Recording(painted / "drive.mcap")
    assert recording.pictures == CAMERAS
    assert list(recording.cameras) == list(CAMERAS)
    assert all((known.fps, known.width, known.height) == (5.0, 320, 192) for known in recording.cameras.values())
    assert all(known.calibration.height_m == 1.4 for known in recording.cameras.values())
    assert [dict(each.document) for each in recording.of(RecordedResult)] == lines(painted / "run")
    frames = list(recording.of(RecordedFrame))
    assert len({frame.key for frame in frames}) == 30
    assert all(frame.picture.decode().shape == (192, 320, 3) for frame in frames)
    assert recording.summary()["cameras"]["left"]["frames"]["published"] == 10


def test_replays_are_the_same_to_the_last_byte_and_from_raw_pictures_those_of_the_drive(painted, again, tmp_path):
    assert run_app(["replay", str(painted / "drive.mcap"), "--out", str(tmp_path / "third")]) == 0
    assert (tmp_path / "third" / "detections.jsonl").read_bytes() == (again / "detections.jsonl").read_bytes()
    assert lines(again) == lines(painted / "run")
    cameras = json.loads((again / "summary.json").read_text())["cameras"]
    assert {name: camera["frames"]["published"] for name, camera in cameras.items()} == CAMERAS
    assert all(camera["latency_ms"]["p99"] > 0 and camera["fps"] > 0 for camera in cameras.values())


def test_one_camera_of_a_recording_is_replayed_and_compared_alone(painted, again, tmp_path, capsys):
    options = ["--camera", "left", "--against", str(again), "--out", str(tmp_path / "left"), "--json"]
    assert run_app(["replay", str(painted / "drive.mcap"), *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["identical"] is True
    assert document["compared"]["both"] == 10
    assert lines(tmp_path / "left") == of("left", lines(again))


def test_the_camera_of_a_recording_is_a_source_and_several_are_several(painted, again, tmp_path):
    drive, pipeline = painted / "drive.mcap", str(painted / "several.yaml")
    left = f"{{kind: recording, path: {drive}, camera: left, pace: fast}}"
    one = ["--set", "sources=null", "--set", f"source={left}", "--out", str(tmp_path / "one")]
    assert run_app([pipeline, *one]) == 0
    found = [line["stages"] for line in of("left", lines(again))]
    assert [line["stages"] for line in lines(tmp_path / "one")] == found
    front = f"{{kind: recording, path: {drive}, camera: front, pace: fast}}"
    assert run_app([pipeline, "--set", f"sources=[{left}, {front}]", "--out", str(tmp_path / "two")]) == 0
    assert [line["stages"] for line in of("left", lines(tmp_path / "two"))] == found
    assert len(of("front", lines(tmp_path / "two"))) == 20


def test_what_a_higher_confidence_loses_is_told_by_camera_also_on_the_page(painted, again, tmp_path, capsys):
    page = tmp_path / "changed.html"
    options = ["--against", str(again), "--html", str(page), "--out", str(tmp_path / "surer"), "--labels", "simulation"]
    assert run_app(["replay", str(painted / "drive.mcap"), *SURER, *options, "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["lost"] == sum(figures["lost"] for figures in document["by_camera"].values()) > 0
    assert list(document["by_camera"]) == ["front", "left"]
    assert document["first_difference"]["camera"] == "front"
    assert sum(row["lost"] for row in document["by_distance"]) > 0
    text = page.read_text()
    assert "By camera" in text
    shown = [f"{camera}, frame {n}" for camera, frames in CAMERAS.items() for n in range(frames)]
    assert sum(title in text for title in shown) >= 2
    assert run_app(["replay", str(painted / "drive.mcap"), *SURER, "--against", str(again)]) == 3
    assert "first difference, frame 0 of front: lost" in capsys.readouterr().out


def test_a_golden_file_keeps_all_cameras(painted, tmp_path, capsys):
    golden = str(tmp_path / "golden.jsonl")
    replay = ["replay", str(painted / "drive.mcap"), "--against", golden, "--frames", "6"]
    assert run_app([*replay, "--update-golden", "--out", str(tmp_path / "first")]) == 0
    capsys.readouterr()
    assert run_app([*replay, "--out", str(tmp_path / "second"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["identical"] is True
    assert document["compared"]["both"] == 12  # six of each
    assert document["summary"]["cameras"]["left"]["frames"]["published"] == 6


def test_labels_of_one_camera_ask_which(painted, again, tmp_path, capsys):
    label = {"id": 1, "image_id": 0, "category_id": 1, "bbox": [0, 0, 9, 9], "distance_m": 9.0}
    labels = {"images": [{"id": 0}], "categories": [{"id": 1, "name": "car"}], "annotations": [label]}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    options = ["--against", str(again), "--labels", str(tmp_path / "labels.json"), "--out", str(tmp_path / "x")]
    assert run_app(["replay", str(painted / "drive.mcap"), *options]) == 2
    assert (
        "labels one camera, and the drive has front and left\n    name one: --camera front" in capsys.readouterr().err
    )
    assert run_app(["replay", str(painted / "drive.mcap"), *options, "--camera", "left"]) == 0


def test_faults_come_to_the_camera_that_they_name(painted, again, tmp_path, capsys):
    faults = ["--fault", "corrupt_frame:50%,camera=left", "--fault", "camera_gap:t=1s,d=1s,camera=left"]
    drive = str(painted / "drive.mcap")
    for name in ("one", "two"):
        assert run_app(["replay", drive, *faults, "--out", str(tmp_path / name), "--json"]) == 0
    document = json.loads(capsys.readouterr().out.partition("\n}\n{")[0] + "\n}")
    assert (tmp_path / "one" / "detections.jsonl").read_bytes() == (tmp_path / "two" / "detections.jsonl").read_bytes()
    assert of("front", lines(tmp_path / "one")) == of("front", lines(again))
    assert of("left", lines(tmp_path / "one")) != of("left", lines(again))
    assert document["frames"]["published"] <= 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--camera", "lft"], "has the cameras front and left, none is called 'lft'\n    did you mean `left`?"),
        (["--pipeline", "other.yaml"], "the cameras are front and rear here, and front and left in drive.mcap"),
        (["--fault", "camera_gap:d=1s,camera=rear"], "no camera is named 'rear'"),
    ],
)
def test_a_camera_that_is_not_there_is_answered_before_anything_starts(
    painted, tmp_path, monkeypatch, capsys, options, said
):
    monkeypatch.chdir(painted)
    (painted / "other.yaml").write_text((painted / "several.yaml").read_text().replace("camera: left", "camera: rear"))
    assert run_app(["replay", "drive.mcap", *options, "--out", str(tmp_path / "x")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    source = "source={kind: recording, path: drive.mcap, camera: rear, pace: fast}"
    assert run_app(["several.yaml", "--set", "sources=null", "--set", source, "--out", str(tmp_path / "y")]) == 2
    assert "has the cameras front and left, none is called 'rear'" in capsys.readouterr().err


def test_a_pipeline_with_one_source_takes_every_camera_of_a_drive(painted, again, tmp_path):
    (painted / "one.yaml").write_text(PAINTED.replace(SOURCES, "source: {kind: video, path: no.mp4}\n"))
    options = ["--pipeline", str(painted / "one.yaml"), "--out", str(tmp_path / "x")]
    assert run_app(["replay", str(painted / "drive.mcap"), *options]) == 0
    assert lines(tmp_path / "x") == lines(again)


# Two cameras at 25 fps of a network that is fast enough to be steered live; the right one is there for a second only.
GOVERNED = """
name: governed
sources:
  - {kind: video, camera: front, path: front.avi}
  - {kind: video, camera: right, path: right.avi}
models:
  road:
    onnx: tiny.onnx
    backend: onnxruntime
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: [car], confidence: 0.3}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: tracked, kind: track, of: objects}
sinks: [{kind: jsonl}]
budgets: {power_w: 18}
governor: {ladder: ladder.yaml}
telemetry: {source: recorded, log: log.jsonl}
"""


@pytest.fixture
def governed(tmp_path):
    """Such a pipeline, on a log of telemetry whose power rises and falls."""
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "front.avi", frames=60, brightness=lambda n: 120 + n)
    tiny_video(tmp_path / "right.avi", frames=25, brightness=lambda n: 220 - n)
    (tmp_path / "ladder.yaml").write_text(LADDER)
    rows = [{"t_ns": n * 100_000_000, "source": "sysfs", "power_w": 9.0 + 6 * np.sin(n / 4)} for n in range(60)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "governed.yaml").write_text(GOVERNED)
    return tmp_path / "governed.yaml"


@pytest.fixture
def drive(governed, tmp_path, capsys):
    """The recording of a live run of it, beside its run folder `run`."""
    assert run_app([str(governed), "--record", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    return tmp_path / "drive.mcap"


def test_a_live_drive_replays_to_the_same_decisions_and_nobody_waits_for_a_camera_that_is_gone(drive, tmp_path, capsys):
    validate(drive)
    for name in ("one", "two"):
        assert run_app(["replay", str(drive), "--out", str(tmp_path / name), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["decisions_identical"] is True
        assert document["decisions"]["compared"] > 5
        assert document["frames"]["published"] == len(lines(tmp_path / "run"))
    for file in ("detections.jsonl", "decisions.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert (tmp_path / "one" / "decisions.jsonl").read_bytes() == (tmp_path / "run" / "decisions.jsonl").read_bytes()
    kept = ("camera", "frame_id", "t_capture_ns", "latency_ms", "point")
    then, now = ([[line[key] for key in kept] for line in lines(tmp_path / run)] for run in ("run", "one"))
    assert now == then
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    books = {name: camera["frames"] for name, camera in summary["cameras"].items()}
    fates = [(frame.camera, frame.fate) for frame in Recording(drive).of(RecordedFrame)]
    for name, frames in books.items():
        assert fates.count((name, "published")) == frames["published"]
        assert fates.count((name, "overwritten")) == frames["overwritten"]


def test_a_drive_is_replayed_live_with_a_source_for_each_camera(drive, tmp_path, capsys):
    options = ["--clock", "live", "--against", str(drive), "--out", str(tmp_path / "live"), "--json"]
    run_app(["replay", str(drive), *options])
    document = json.loads(capsys.readouterr().out)
    published = document["summary"]["cameras"]
    assert {name: camera["frames"]["captured"] for name, camera in published.items()} == {
        name: sum(line["camera"] == name for line in lines(tmp_path / "run")) for name in ("front", "right")
    }
    assert document["compared"]["added"] == 0
    assert document["compared"]["both"] == document["frames"]["published"] > 0


def test_cameras_of_a_drive_keep_their_distance_in_time(drive):
    opened = open_drive(drive)
    captured = {}
    for frame in opened.entries():
        if isinstance(frame, RecordedFrame) and frame.picture is not None:
            captured.setdefault(frame.camera, frame.t_capture_ns)
    first = {camera: DrivePictures(opened, camera).read().t_stream_ns for camera in captured}
    assert min(first.values()) == 0
    assert first["right"] - first["front"] == captured["right"] - captured["front"]


def test_a_cut_recording_replays_up_to_where_it_was_cut(drive, tmp_path, capsys):
    with drive.open("rb") as file:
        last = max(chunk.chunk_start_offset for chunk in make_reader(file).get_summary().chunk_indexes)
    (tmp_path / "cut.mcap").write_bytes(drive.read_bytes()[: last + 99])
    assert run_app(["replay", str(tmp_path / "cut.mcap"), "--out", str(tmp_path / "again"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert 0 < document["frames"]["published"] < len(lines(tmp_path / "run"))
    assert document["decisions_identical"] is True
    assert list(document["summary"]["cameras"]) == ["front", "right"]


def test_what_an_event_saves_holds_all_cameras(governed, tmp_path):
    options = {"record": {"path": "ring.mcap", "keep_seconds": 10}, "budgets.latency_ms": 0.001}
    Pipeline.load(governed, options).run(out=tmp_path / "run")
    (saved,) = (path for path in (tmp_path / "run").glob("ring.2*"))
    recording = Recording(saved)
    assert list(recording.cameras) == ["front", "right"]
    assert {frame.camera for frame in recording.of(RecordedFrame)} == {"front", "right"}
    assert "budget_latency_ms" in [line.name for line in recording.of(LogLine)]
    assert run_app(["replay", str(saved), "--out", str(tmp_path / "again")]) == 0


def test_many_drives_of_several_cameras_are_compared_each_with_its_golden(painted, again, tmp_path, capsys):
    drives = [tmp_path / "a.mcap", tmp_path / "b.mcap"]
    for drive in drives:
        drive.symlink_to(painted / "drive.mcap")
    replay = ["replay", *map(str, drives), "--jobs", "2"]
    assert run_app([*replay, "--out", str(tmp_path / "before")]) == 0
    for name in ("a", "b"):
        results = tmp_path / "before" / "drives" / name / "detections.jsonl"
        assert results.read_bytes() == (again / "detections.jsonl").read_bytes()
    assert run_app([*replay, "--camera", "left", "--out", str(tmp_path / "left")]) == 0
    assert lines(tmp_path / "left" / "drives" / "b") == of("left", lines(again))
    capsys.readouterr()
    options = ["--against", str(tmp_path / "before"), "--out", str(tmp_path / "after"), "--json"]
    assert run_app([*replay, *SURER, *options]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["rows"][0]["lost"] == document["rows"][1]["lost"] > 0
    assert document["frames"] == 60


def test_the_page_of_a_recording_tells_and_shows_each_camera_also_when_it_was_cut_off(painted, tmp_path, capsys):
    with (painted / "drive.mcap").open("rb") as file:
        chunks = [chunk.chunk_start_offset for chunk in make_reader(file).get_summary().chunk_indexes]
    (tmp_path / "cut.mcap").write_bytes((painted / "drive.mcap").read_bytes()[: chunks[2 * len(chunks) // 3] + 99])
    for drive, whole in ((painted / "drive.mcap", True), (tmp_path / "cut.mcap", False)):
        page = tmp_path / "page.html"
        assert run_app(["report", str(drive), "--out", str(page), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        published = {name: camera["frames"]["published"] for name, camera in document["cameras"].items()}
        assert published == CAMERAS if whole else 0 < sum(published.values()) < 30
        assert all(camera["latency_ms"]["p50"] > 0 for camera in document["cameras"].values())
        text = page.read_text()
        usual = [f"A usual frame of {name}" in text for name in CAMERAS]
        assert all(usual) if whole else any(usual)
        assert "data:image/jpeg;base64," in text
