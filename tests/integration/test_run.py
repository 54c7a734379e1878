"""Whole runs on a small network: what comes out, how a run ends, and that its books balance."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading

import cv2
import pytest

import edge_runtime
from edge_runtime.cli.main import run_app
from edge_runtime.engines.ort import OnnxRuntimeEngine
from tests.tiny import tiny_detector, tiny_video


def lines(folder):
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def balanced(frames):
    return frames["captured"] == sum(frames[name] for name in ("published", "overwritten", "shed", "failed"))


def test_every_frame_of_a_file_replayed_fast_comes_out_once_and_in_order(tiny, tmp_path):
    out = tmp_path / "out"
    assert run_app([str(tiny), "--out", str(out)]) == 0
    found = lines(out)
    assert [line["frame_id"] for line in found] == list(range(40))
    assert found[7]["stages"]["objects"]["class_name"] == ["car"]
    # 8..40 of a 64-pixel input stretched over 160 x 120
    assert found[7]["stages"]["objects"]["xyxy"] == [[20.0, 15.0, 100.0, 75.0]]
    assert {tuple(line["stages"]["tracked"]["track_id"]) for line in found} == {(1,)}
    counted = summary(out)["frames"]
    assert counted == {"captured": 40, "published": 40, "overwritten": 0, "shed": 0, "failed": 0}


def test_the_run_folder_holds_a_pipeline_that_runs_again(tiny, tmp_path):
    assert run_app([str(tiny), "--out", str(tmp_path / "one"), "--frames", "5"]) == 0
    assert run_app([str(tmp_path / "one" / "pipeline.yaml"), "--out", str(tmp_path / "two"), "--frames", "5"]) == 0
    assert [line["stages"] for line in lines(tmp_path / "one")] == [line["stages"] for line in lines(tmp_path / "two")]


def test_json_is_one_document_on_stdout_and_equals_the_file(tiny, tmp_path, capsys):
    assert run_app(["run", str(tiny), "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == summary(tmp_path / "out")
    for key in ("frames", "fps", "latency_ms", "stage_ms", "power_w", "budgets", "versions", "config"):
        assert key in printed


def test_three_lines_of_python_run_a_pipeline_and_see_every_result(tiny, tmp_path):
    pipeline = edge_runtime.load(tiny, {"sinks": []})
    seen = []
    result = pipeline.run(lambda frame, result: seen.append((frame.image.shape, result)), out=tmp_path / "out")
    assert result.frames.published == len(seen) == 40
    assert seen[0][0] == (120, 160, 3)
    assert len(seen[0][1].detections["tracked"]) == 1


def test_nan_outputs_fail_their_frames_and_the_run_goes_on(tiny, tmp_path):
    tiny_detector(tmp_path / "tiny.onnx", nan_above=0.5)
    tiny_video(tmp_path / "drive.avi", brightness=lambda n: 250 if n % 4 == 0 else 110)
    out = tmp_path / "out"
    assert run_app([str(tiny), "--out", str(out)]) == 0
    counted = summary(out)
    assert counted["frames"]["failed"] == 10
    assert balanced(counted["frames"])
    assert any("NaN" in reason for reason in counted["failures"])
    failed = [line for line in lines(out) if "error" in line]
    assert [line["frame_id"] for line in failed] == list(range(0, 40, 4))


def test_a_run_in_which_every_frame_failed_is_a_failure(tiny, tmp_path):
    tiny_detector(tmp_path / "tiny.onnx", nan_above=0.0)
    assert run_app([str(tiny), "--out", str(tmp_path / "out")]) == 1


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("edge_runtime.vision.track.Tracker.update", ZeroDivisionError("a defect")),
        ("edge_runtime.vision.preprocess.Preprocessor.write", ZeroDivisionError("a defect")),
        ("edge_runtime.engines.ort.OnnxRuntimeEngine._run", RuntimeError("out of memory")),
    ],
)
def test_the_books_of_a_run_that_breaks_down_balance_too(tiny, tmp_path, monkeypatch, where, error, depth):
    module, _, method = where.rpartition(".")
    owner, _, name = module.rpartition(".")
    broken = getattr(importlib.import_module(owner), name)
    good, calls = getattr(broken, method), []

    def breaks(*arguments):
        calls.append(1)
        if len(calls) > 12:
            raise error
        return good(*arguments)

    monkeypatch.setattr(broken, method, breaks)
    out = tmp_path / "out"
    assert run_app([str(tiny), "--set", f"executor.in_flight={depth}", "--out", str(out)]) == 1
    document = summary(out)
    assert str(error) in document["error"]
    assert document["frames"]["published"] >= 5
    assert document["frames"]["failed"] >= 1
    assert balanced(document["frames"])
    assert sum(document["failures"].values()) == document["frames"]["failed"]


def test_live_pace_drops_to_the_newest_when_the_network_is_too_slow(tiny, tmp_path):
    slow = threading.Event()

    def hold(frame, result):
        slow.wait(0.02)

    pipeline = edge_runtime.load(tiny, {"source.pace": "live"})
    result = pipeline.run(hold, out=tmp_path / "out", frames=20)
    assert balanced(result.document()["frames"])
    assert result.frames.captured == 20


def test_strict_exits_three_when_a_budget_was_not_held(tiny, tmp_path):
    arguments = [str(tiny), "--pace", "live", "--set", "source.loop=true", "--seconds", "2.5"]
    budget = ["--set", "budgets.fps_floor=500"]
    assert run_app([*arguments, *budget, "--out", str(tmp_path / "a"), "--strict"]) == 3
    assert run_app([*arguments, *budget, "--out", str(tmp_path / "b")]) == 0
    held = summary(tmp_path / "a")["budgets"]["fps_floor"]
    assert held["windows"] > 0
    assert held["held"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_the_books_balance(tiny, tmp_path, number):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "edge_runtime", str(tiny), "--pace", "live", "--set", "source.loop=true"]
    process = subprocess.Popen([*command, "--out", str(out), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert any(b"fps=" in line for line in iter(process.stderr.readline, b""))
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    document = json.loads(stdout)
    assert document["frames"]["published"] > 0
    assert balanced(document["frames"])
    assert len(lines(out)) == document["frames"]["published"]


def test_a_truncated_video_gives_its_frames_and_a_warning_with_the_position(tiny, tmp_path):
    whole = (tmp_path / "drive.avi").read_bytes()
    (tmp_path / "drive.avi").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    assert run_app([str(tiny), "--out", str(out)]) == 0
    document = summary(out)
    assert 5 < document["frames"]["published"] < 40
    assert balanced(document["frames"])
    assert document["warnings"]


def test_a_sink_that_runs_out_of_disk_is_named_and_the_pipeline_goes_on(tiny, tmp_path):
    out = tmp_path / "out"
    code = run_app([str(tiny), "--out", str(out), "--set", "sinks.0.path=/dev/full"])
    document = summary(out)
    assert code == 0
    assert document["frames"]["published"] == 40
    (sink,) = document["sinks"].values()
    assert "No space left" in sink["error"]
    assert sink["dropped"] == 40


def test_an_output_folder_that_cannot_be_written_is_refused_before_the_first_frame(tiny, tmp_path, capsys):
    blocker = tmp_path / "file"
    blocker.write_text("")
    assert run_app([str(tiny), "--out", str(blocker / "run")]) == 2
    error = capsys.readouterr().err
    assert "cannot write to the run folder" in error
    assert "--out DIR" in error


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tiny.onnx": b"not a network at all"}, "is not an ONNX file"),
        ({"drive.avi": b"not a video at all"}, "drive.avi"),
        ({"drive.avi": b""}, "drive.avi"),
    ],
)
def test_files_that_are_not_what_they_should_be_are_named(tiny, tmp_path, capsys, change, says):
    for name, content in change.items():
        (tmp_path / name).write_bytes(content)
    assert run_app([str(tiny), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("models.road.input.size=[32, 32]", "the network takes pictures of 64 x 64, not 32 x 32"),
        ("models.road.input.layout=nhwc", "Write layout: nchw"),
        ("models.road.input.dtype=float16", "the network takes float32, not float16"),
        ("models.road.input.name=images", "the network has no input 'images'"),
        ("models.road.decode.output=boxes", "no output 'boxes'"),
        ("models.road.decode={family: yolox, classes: coco}", "road"),
    ],
)
def test_a_model_that_contradicts_its_block_is_refused_before_the_first_frame(tiny, tmp_path, capsys, override, says):
    assert run_app([str(tiny), "--set", override, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_that_does_not_fit_points_at_the_line_of_the_file(tiny, tmp_path, capsys):
    text = tiny.read_text().replace(
        "family: end2end, classes: [car]", "family: end2end, outputs: [a, b, c, d], classes: [car]"
    )
    tiny.write_text(text)
    assert run_app([str(tiny), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "tiny.yaml:8:40: models.road.decode.outputs" in error
    assert "'found' (1, 1, 6)" in error


def test_a_folder_of_pictures_runs_like_a_video(tiny, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    capture = cv2.VideoCapture(str(tmp_path / "drive.avi"))
    for n in range(12):
        cv2.imwrite(str(pictures / f"{n}.png"), capture.read()[1])
    source = f"source={{kind: images, path: {pictures}, fps: 10, pace: fast}}"
    out = tmp_path / "out"
    assert run_app([str(tiny), "--set", source, "--out", str(out)]) == 0
    assert [line["t_stream_ns"] for line in lines(out)][:3] == [0, 100_000_000, 200_000_000]


def test_bench_reports_every_figure_of_its_document(tiny, capsys):
    assert run_app(["bench", str(tiny), "--frames", "60", "--repeats", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    for name in ("bare_engine_fps", "sequential_fps", "pipeline_fps", "overlap_efficiency", "runtime_cpu_us_per_frame"):
        assert document[name] > 0
        assert len(document["repeats"][name]) == 2
    assert set(document["latency_ms"]) == {"p50", "p95", "p99"}
    assert set(document["rss_mb"]) == {"start", "end"}
    assert "objects" in document["stage_ms"]


def test_memory_and_threads_do_not_grow_over_a_thousand_looped_frames(tiny, tmp_path):
    before = threading.active_count()
    pipeline = edge_runtime.load(tiny, {"source.loop": True, "sinks": []})
    assert pipeline.run(out=tmp_path / "out", frames=1000).frames.published == 1000
    assert threading.active_count() == before
    assert len(os.listdir(tmp_path / "out")) == 2


def test_a_network_that_breaks_is_made_anew_and_tracks_go_on(tiny, tmp_path, monkeypatch):
    made = []
    before = OnnxRuntimeEngine._run

    def breaks(self, batch):
        if self not in made:
            made.append(self)
            self.calls = 0
        self.calls += 1
        if self is made[0] and self.calls > 10:
            raise RuntimeError("CUDA error 700")
        return before(self, batch)

    monkeypatch.setattr(OnnxRuntimeEngine, "_run", breaks)
    assert run_app([str(tiny), "--out", str(tmp_path / "out")]) == 0
    found = summary(tmp_path / "out")
    assert len(made) == 2
    assert balanced(found["frames"])
    assert 3 <= found["frames"]["failed"] <= 6
    assert any("made anew" in warning for warning in found["warnings"])
    assert {tuple(line["stages"].get("tracked", {}).get("track_id", ())) for line in lines(tmp_path / "out")} <= {
        (1,),
        (),
    }


def test_a_trace_shows_every_frame_on_every_lane(tiny, tmp_path):
    trace = tmp_path / "trace.json"
    assert run_app([str(tiny), "--out", str(tmp_path / "out"), "--trace", str(trace)]) == 0
    events = json.loads(trace.read_text())["traceEvents"]
    lanes = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    frames = dict.fromkeys(lanes.values(), 0)
    for event in events:
        if event["ph"] == "X" and event["name"] in ("read", "launch", "objects", "write"):
            frames[lanes[event["tid"]]] += 1
    for lane in ("source", "front", "network road", "back", "sink jsonl detections.jsonl"):
        assert frames[lane] == 40, (lane, frames)


def test_a_trace_into_a_folder_that_is_not_there_is_refused_before_anything_runs(tiny, tmp_path, capsys):
    assert run_app([str(tiny), "--trace", str(tmp_path / "nowhere" / "t.json")]) == 2
    assert "Run: mkdir -p" in capsys.readouterr().err
