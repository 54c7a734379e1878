"""Drives are recorded, opened by Foxglove's own reader, and run again with the same outcome to the last byte."""

import json
import signal
import threading
from types import SimpleNamespace
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.cli.run import stop_on_signals
from edge_runtime.config.shipped import shipped
from edge_runtime.pipeline.drive import open_drive
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.pipeline.replay import pipeline_of, replay
from edge_runtime.recording.reader import LogLine, RecordedFrame, RecordedResult, Recording
from tests.recording.validation import validate
from tests.tiny import tiny_video

LADDER = """\
board: a test
idle_w: 5.0
points:
  - {name: full, knobs: {}, fps: 60, latency_ms: {p50: 5, p99: 9}, busy_ms: {gpu: 3, host: 2}, watts: 12, usefulness: 1.0}
  - {name: half, knobs: {detector_period: 2}, fps: 90, latency_ms: {p50: 4, p99: 8}, busy_ms: {gpu: 2, host: 2}, watts: 5, usefulness: 0.6}
"""  # noqa: E501


def lines(folder):
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def found(lines):
    """What is in results but for their times."""
    return [(line["frame_id"], line["stages"]) for line in lines]


@pytest.fixture
def governed(tiny):
    """A live run with a governor on a log of telemetry whose power rises and falls; the options that ask for it."""
    tiny_video(tiny.parent / "drive.avi", frames=75, brightness=lambda n: 120 + n)
    (tiny.parent / "ladder.yaml").write_text(LADDER)
    rows = [{"t_ns": n * 100_000_000, "source": "sysfs", "power_w": 9.0 + 6 * np.sin(n / 4)} for n in range(60)]
    (tiny.parent / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return [
        str(tiny),
        *("--pace", "live"),
        *("--set", f"governor.ladder={tiny.parent / 'ladder.yaml'}"),
        *("--set", "budgets.power_w=18"),
        *("--set", f"telemetry={{source: recorded, log: {tiny.parent / 'log.jsonl'}}}"),
    ]


@pytest.fixture
def drive(governed, tmp_path):
    """The recording of such a run, beside its run folder `run`."""
    assert run_app([*governed, "--record", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "drive.mcap"


def test_every_message_is_what_its_schema_says_and_foxgloves_are_those_of_its_sdk(drive):
    counts = validate(drive)
    published = len(lines(drive.parent / "run"))
    assert counts["/result"] == counts["/camera/front/annotations"] == published
    assert counts["/camera/front/image"] == published
    assert counts["/governor/inputs"] == counts["/governor/decision"] > 5
    assert counts["/telemetry"] > 5
    assert counts["/frame"] == 75


def test_a_recording_holds_the_results_of_the_run_and_its_books(drive):
    recording = Recording(drive)
    results = [dict(each.document) for each in recording.of(RecordedResult)]
    assert results == lines(drive.parent / "run")
    summary = recording.summary()
    assert summary["frames"] == json.loads((drive.parent / "run" / "summary.json").read_text())["frames"]
    assert summary["sinks"]["recording drive.mcap"]["dropped"] == 0
    fates = [frame.fate for frame in recording.of(RecordedFrame)]
    assert fates.count("published") == summary["frames"]["published"]
    assert fates.count("overwritten") == summary["frames"]["overwritten"]
    assert "board: a test" in recording.ladder_text


def test_two_replays_are_the_same_to_the_last_byte_and_decide_as_the_drive_did(drive, tmp_path, capsys):
    for name in ("one", "two"):
        assert run_app(["replay", str(drive), "--out", str(tmp_path / name), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["decisions_identical"] is True
        assert document["decisions"]["compared"] > 5
        assert document["frames"]["published"] == len(lines(tmp_path / "run"))
    for file in ("detections.jsonl", "decisions.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert (tmp_path / "one" / "decisions.jsonl").read_bytes() == (tmp_path / "run" / "decisions.jsonl").read_bytes()
    then, now = (
        [[line[key] for key in ("frame_id", "t_capture_ns", "latency_ms", "point")] for line in lines(tmp_path / run)]
        for run in ("run", "one")
    )
    assert now == then


def test_another_budget_decides_otherwise_and_the_first_difference_is_shown(drive, tmp_path, capsys):
    options = ["--set", "budgets.power_w=6", "--out", str(tmp_path / "again")]
    assert run_app(["replay", str(drive), *options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["decisions_identical"] is False
    first = document["decisions"]["first_difference"]
    assert first["recorded"]["reason"] != first["recomputed"]["reason"]
    assert first["inputs"]["stats"]["t_ns"] == first["t_ns"]
    assert {line["point"] for line in lines(tmp_path / "again")} <= {"half", "default"}
    assert run_app(["replay", str(drive), *options]) == 0
    assert "decisions differ, first number" in capsys.readouterr().out


def test_replayed_from_raw_pictures_the_results_are_those_of_the_drive(tiny, tmp_path):
    options = ["--set", "record={images: raw, path: drive.mcap}"]
    assert run_app([str(tiny), *options, "--out", str(tmp_path / "run")]) == 0
    assert run_app(["replay", str(tmp_path / "run" / "drive.mcap"), "--out", str(tmp_path / "again")]) == 0
    assert lines(tmp_path / "again") == lines(tmp_path / "run")


def test_a_cut_recording_replays_up_to_where_it_was_cut(drive, tmp_path, capsys):
    data = drive.read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(data[: len(data) * 2 // 3])
    assert run_app(["replay", str(cut), "--out", str(tmp_path / "again"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert 0 < document["frames"]["published"] < 75
    assert document["decisions_identical"] is True
    assert "cut.mcap was cut off" in document["summary"]["warnings"][0]


def test_a_drive_is_replayed_live_with_the_telemetry_of_then(drive, tmp_path, capsys):
    options = ["--clock", "live", "--frames", "30", "--out", str(tmp_path / "live"), "--json"]
    assert run_app(["replay", str(drive), *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["decisions_identical"] is None
    assert document["frames"]["captured"] == 30
    assert (tmp_path / "live" / "telemetry.jsonl").read_text().count("sysfs") > 5
    assert len((tmp_path / "live" / "decisions.jsonl").read_text().splitlines()) > 3


def test_a_recording_is_a_source_like_any_other(tiny, tmp_path):
    assert run_app([str(tiny), "--record", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "run")]) == 0
    source = f"source={{kind: recording, path: {tmp_path / 'drive.mcap'}, pace: fast}}"
    assert run_app([str(tiny), "--set", source, "--out", str(tmp_path / "again")]) == 0
    assert [line["frame_id"] for line in lines(tmp_path / "again")] == list(range(40))
    assert [len(stages["objects"]["xyxy"]) for _, stages in found(lines(tmp_path / "again"))] == [1] * 40


def test_a_recording_that_was_cut_off_before_its_first_picture_is_no_replay_that_went_well(tiny, tmp_path, capsys):
    assert run_app([str(tiny), "--record", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    data = (tmp_path / "drive.mcap").read_bytes()
    begun = data.index(b"/camera/front/image") + 500
    for name, size, said in (("empty", 0, "empty.mcap: is empty"), ("head", 1000, "--pipeline PIPELINE.yaml")):
        (tmp_path / f"{name}.mcap").write_bytes(data[:size])
        assert run_app(["replay", str(tmp_path / f"{name}.mcap"), "--out", str(tmp_path / "again")]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "begun.mcap").write_bytes(data[:begun])
    assert run_app(["replay", str(tmp_path / "begun.mcap"), "--out", str(tmp_path / "again"), "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["summary"]["error"]
    assert error == f"nothing to replay: {tmp_path / 'begun.mcap'} holds no picture"


def test_a_drive_without_pictures_is_still_decided_again(governed, tmp_path, capsys):
    drive = tmp_path / "drive.mcap"
    options = ["--set", "record.images=none", "--record", str(drive), "--out", str(tmp_path / "run")]
    assert run_app([*governed, *options]) == 0
    capsys.readouterr()
    assert run_app(["replay", str(drive), "--out", str(tmp_path / "again"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["decisions_identical"] is True
    assert document["frames"]["captured"] == 0
    assert document["without_picture"] > 50


def test_a_video_is_replayed_with_power_and_speed_of_a_csv(tiny, tmp_path, capsys):
    (tmp_path / "ladder.yaml").write_text(LADDER)
    rows = ["t_s,power_w,speed_kmh", *(f"{n / 2},{9 + n},{100 + 10 * n}" for n in range(1, 5))]
    (tmp_path / "drive.csv").write_text("\n".join(rows))
    outcomes = []
    for name in ("one", "two"):
        options = ["--pipeline", str(tiny), "--telemetry", str(tmp_path / "drive.csv"), "--out", str(tmp_path / name)]
        governor = ["--set", f"governor={{ladder: {tmp_path / 'ladder.yaml'}}}", "--set", "budgets.power_w=18"]
        assert run_app(["replay", str(tmp_path / "drive.avi"), *options, *governor, "--json"]) == 0
        outcomes.append(json.loads(capsys.readouterr().out))
    assert (tmp_path / "one" / "detections.jsonl").read_bytes() == (tmp_path / "two" / "detections.jsonl").read_bytes()
    assert outcomes[0]["decisions"]["made"] == 8  # every 200 ms of 1.6 s
    assert outcomes[0]["decisions_identical"] is None
    assert [line["t_capture_ns"] for line in lines(tmp_path / "one")][:3] == [0, 40_000_000, 80_000_000]
    speeds = [frame.ego_speed_mps for frame in frames_of(tmp_path / "drive.avi", tmp_path / "drive.csv")]
    assert speeds[0] == pytest.approx(110 / 3.6)
    assert speeds[20] == pytest.approx((110 + 10 * 0.6) / 3.6, rel=0.01)


def frames_of(path, log):
    return [entry for entry in open_drive(path, log).entries() if isinstance(entry, RecordedFrame)]


def test_a_kitti_drive_brings_its_calibration_and_speed(tiny, tmp_path, capsys):
    drive = tmp_path / "2011_09_26" / "drive"
    (drive / "image_02" / "data").mkdir(parents=True)
    (drive / "oxts" / "data").mkdir(parents=True)
    for n in range(4):
        cv2.imwrite(str(drive / "image_02" / "data" / f"{n:010d}.png"), np.full((48, 64, 3), 200, np.uint8))
        values = ["0"] * 8 + [str(10 + n)] + ["0"] * 21
        (drive / "oxts" / "data" / f"{n:010d}.txt").write_text(" ".join(values))
    (drive.parent / "calib_cam_to_cam.txt").write_text("P_rect_02: 700 0 32 0 0 700 24 0 0 0 1 0\n")
    assert run_app(["replay", str(drive), "--pipeline", str(tiny), "--out", str(tmp_path / "again"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["frames"]["published"] == 4
    assert document["summary"]["config"]["source"]["calibration"]["focal_px"] == [700.0, 700.0]
    speeds = [frame.ego_speed_mps for frame in frames_of(drive, None)]
    assert speeds == [10.0, 11.0, 12.0, 13.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.mcap"], "no such recording"),
        (["drive.avi"], r"--pipeline PIPELINE.yaml"),
        (["tiny.yaml", "--pipeline", "tiny.yaml"], "video"),
        (["drive.avi", "--pipeline", "tiny.yaml", "--telemetry", "tiny.yaml"], "not a telemetry sample"),
    ],
)
def test_what_cannot_be_replayed_is_answered_before_anything_starts(
    tiny, tmp_path, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tiny.parent)
    assert run_app(["replay", *arguments, "--out", str(tmp_path / "again")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_a_broken_budget_saves_the_seconds_that_led_to_it(tiny, tmp_path):
    options = {
        "record.keep_seconds": 10,
        "record.path": "front.mcap",
        "budgets.latency_ms": 0.001,
        "source.pace": "live",
    }
    tiny_video(tiny.parent / "drive.avi", frames=60)
    summary = Pipeline.load(tiny, options).run(out=tmp_path / "run")
    (saved,) = (path for path in (tmp_path / "run").glob("front.2*"))
    assert saved.name.endswith(".budget_latency_ms")
    recording = Recording(saved)
    assert [line.name for line in recording.of(LogLine)] == ["budget_latency_ms"]
    assert len(list(recording.of(RecordedFrame))) > 20
    assert any(f"budget_latency_ms: what led to it is in {saved}" in warning for warning in summary.warnings)


def test_somebody_may_ask_for_what_the_ring_holds_by_a_signal():
    asked = []
    run = SimpleNamespace(save_recording=asked.append, stop=lambda: None)
    with stop_on_signals(run, None):
        signal.raise_signal(signal.SIGUSR1)
    assert asked == ["signal"]
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_what_somebody_asks_for_is_saved_while_the_run_goes_on(tiny, tmp_path):
    tiny_video(tiny.parent / "drive.avi", frames=50)
    loaded = Pipeline.load(tiny, {"record.keep_seconds": 10, "record.path": "front.mcap"})
    half = threading.Event()
    with loaded.start(out=tmp_path / "run", on_result=lambda frame, result: half.set()) as run:
        assert half.wait(30)
        run.save_recording("signal")
        run.wait()
        run.finish()
    (saved,) = (path for path in (tmp_path / "run").glob("front.2*"))
    assert saved.name.endswith(".signal")


def test_a_lost_camera_is_an_event(tiny, tmp_path):
    from edge_runtime.errors import SourceError
    from edge_runtime.sources.base import Picture, SourceInfo

    class Torn:
        paced, warnings, info, left = True, (), SourceInfo(25.0, None, 64, 48), 5

        def read(self):
            self.left -= 1
            if self.left < 0:
                raise SourceError("camera front stopped delivering")
            return Picture(np.full((48, 64, 3), 200, np.uint8), None)

        def close(self):
            pass

    loaded = Pipeline.load(tiny, {"record.keep_seconds": 10, "record.path": "front.mcap", "source.pace": "fast"})
    with loaded.start(out=tmp_path / "run", sources={"front": Torn()}) as run:
        run.wait()
        run.finish()
    (saved,) = (path for path in (tmp_path / "run").glob("front.2*"))
    assert saved.name.endswith(".camera_lost")
    assert [line.message for line in Recording(saved).of(LogLine)] == ["camera front stopped delivering"]


def test_a_file_that_is_there_is_never_written_over(tiny, tmp_path, capsys):
    (tmp_path / "drive.mcap").write_text("the drive of last month")
    assert run_app([str(tiny), "--record", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "run")]) == 2
    assert "there is a recording already" in capsys.readouterr().err
    assert (tmp_path / "drive.mcap").read_text() == "the drive of last month"


def test_a_recording_is_not_called_like_a_video(tiny, tmp_path, capsys):
    assert run_app([str(tiny), "--record", str(tmp_path / "drive.mp4")]) == 2
    assert "does not end in .mcap" in capsys.readouterr().err
    assert run_app([str(tiny), "--set", "record.path=front.avi"]) == 2
    assert "write `path: front.mcap`" in capsys.readouterr().err


def test_a_replay_gives_a_plain_outcome_to_programs(drive, tmp_path):
    opened = open_drive(drive)
    with pipeline_of(opened, None, ["models.road.decode.confidence=0.99"]) as loaded:
        outcome = replay(opened, loaded, out=tmp_path / "again", frames=10)
    assert outcome.summary.frames.published == 10
    assert outcome.results == tmp_path / "again" / "detections.jsonl"
    assert all(not line["stages"]["tracked"]["xyxy"] for line in lines(tmp_path / "again"))
    assert outcome.decisions.identical in (True, None)


def test_a_drive_of_another_machine_finds_the_networks_that_ship_here(tmp_path):
    drive = tmp_path / "drive.mcap"
    small = {"source.pace": "fast", "source.size": [320, 192], "record.path": str(drive), "sinks": []}
    Pipeline.load("demo", small).run(out=tmp_path / "run", frames=3)
    opened = open_drive(drive)
    assets = str(shipped("networks")["demo_detector"].parent)
    elsewhere = opened.recording.pipeline_text.replace(assets, "/another/machine/assets")
    assert "/another/machine/assets/demo_detector.onnx" in elsewhere
    with patch.object(type(opened.recording), "pipeline_text", elsewhere), pipeline_of(opened, None) as loaded:
        assert loaded.config.models["road"].onnx == shipped("networks")["demo_detector"]
