"""The page and the trace of a governed live run: what a recording alone tells is what the run folder tells."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.recording.reader import RecordedFrame, Recording
from edge_runtime.report.recorded_run import read_recording
from edge_runtime.report.run_at import add_stills, read_story
from edge_runtime.report.run_panels import panels
from edge_runtime.report.run_words import verdict
from tests.report.test_trace import check
from tests.tiny import PIPELINE, tiny_detector, tiny_video

from .test_record_replay import LADDER


@pytest.fixture(scope="module")
def governed(tmp_path_factory):
    """Five seconds with a governor on a log of telemetry whose power rises and falls: run folder, recording, trace."""
    folder = tmp_path_factory.mktemp("governed")
    tiny_detector(folder / "tiny.onnx")
    tiny_video(folder / "drive.avi", frames=125, brightness=lambda n: 120 + n)
    (folder / "ladder.yaml").write_text(LADDER)
    watts = [9.0 + 6 * np.sin(n / 4) for n in range(60)]
    rows = [
        {"t_ns": n * 100_000_000, "source": "sysfs", "power_w": w, "rails_w": {"gpu": w - 3}, "temp_c": {"tj": 50 + n}}
        for n, w in enumerate(watts)
    ]
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    budgets = "budgets: {power_w: 18, fps_floor: 10, latency_ms: 300, thermal_c: 64}\n"
    more = "governor: {ladder: ladder.yaml}\ntelemetry: {source: recorded, log: log.jsonl}\n"
    (folder / "tiny.yaml").write_text(PIPELINE.replace("pace: fast", "pace: live") + budgets + more)
    run, drive, trace = folder / "run", folder / "drive.mcap", folder / "trace.json"
    options = ["--out", str(run), "--record", str(drive), "--trace", str(trace)]
    assert run_app([str(folder / "tiny.yaml"), *options]) == 0
    return SimpleNamespace(run=run, drive=drive, trace=trace)


def test_a_recording_alone_tells_what_the_run_folder_tells(governed):
    one, other = read_story(governed.run), read_story(governed.drive)
    assert one.moments
    for then, now in zip(one.moments, other.moments, strict=True):
        for key in ("fps", "floor_fps", "latency_p99_ms", "power_w", "budget_w"):
            assert getattr(now, key) == pytest.approx(getattr(then, key), abs=0.001), key
        assert now.rails_w == pytest.approx(then.rails_w, abs=0.001)
        assert now.temp_c == then.temp_c
        assert (now.point, now.binding, now.alarm) == (then.point, then.binding, then.alarm)
    for key in ("points", "alarms", "frames", "budgets", "stage_ms", "latency_ms", "power_w", "versions", "ladder"):
        assert getattr(other, key) == getattr(one, key), key
    assert [line.frame_id for line in other.lines] == [line.frame_id for line in one.lines]
    assert [line.t_s for line in other.lines] == pytest.approx([line.t_s for line in one.lines], abs=0.001)
    assert verdict(other) == verdict(one)
    assert verdict(other).sentence.startswith("not held: ")
    assert "temperature in " in verdict(other).sentence
    assert [panel.title for panel in panels(other)] == [panel.title for panel in panels(one)]
    assert other.models.keys() == {"road"}
    assert any(event.name == "budget_thermal_c" and event.serious for event in other.events)


def test_its_frames_come_from_its_own_pictures(governed, tmp_path):
    story = add_stills(read_story(governed.drive), governed.drive)
    assert len(story.stills) >= 2
    assert {still.title for still in story.stills} >= {"Slowest frame"}
    assert not any("No frame is shown" in gap for gap in story.gaps)


def test_a_recording_that_was_cut_off_is_told_up_to_there(governed, tmp_path):
    data = governed.drive.read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(data[: len(data) * 2 // 3])
    whole, story = read_story(governed.drive), add_stills(read_story(cut), cut)
    assert not story.whole
    assert 0 < len(story.moments) < len(whole.moments)
    assert list(story.moments) == list(whole.moments)[: len(story.moments)]
    assert list(story.lines) == list(whole.lines)[: len(story.lines)]
    assert story.frames["published"] == len(story.lines)
    assert story.frames["captured"] == sum(count for name, count in story.frames.items() if name != "captured")
    assert story.budgets["latency_ms"].windows == len(story.moments)
    assert {"objects", "objects.preprocess", "tracked"} <= story.stage_ms.keys()
    assert story.versions == whole.versions
    assert story.stills
    assert verdict(story).sentence.endswith("as far as its logs go")
    assert story.gaps[0].startswith("The recording was cut off")


def test_what_an_event_saved_is_told_from_its_first_picture_on(tiny, tmp_path):
    tiny_video(tiny.parent / "drive.avi", frames=60)
    options = {"record.keep_seconds": 10, "record.path": "front.mcap", "budgets.latency_ms": 0.001}
    Pipeline.load(tiny, {**options, "source.pace": "live"}).run(out=tmp_path / "run")
    (saved,) = (path for path in (tmp_path / "run").glob("front.2*"))
    story = read_story(saved)
    assert not story.whole
    assert story.name == "tiny"
    assert story.lines[0].t_s < 1.0
    assert [event.name for event in story.events] == ["budget_latency_ms"]
    assert any("a part of a run" in gap for gap in story.gaps)
    # hours of what the governor was told stand before the pictures of such a folder
    recording = Recording(saved)
    later = [
        replace(each, t_capture_ns=each.t_capture_ns + 3605 * 10**9) if isinstance(each, RecordedFrame) else each
        for each in recording.entries()
    ]
    recording.entries = lambda: iter(later)
    shifted = read_recording(recording)
    assert shifted.lines[0].t_s == pytest.approx(story.lines[0].t_s)
    assert shifted.moments[0].t_s > 0
    assert any("It begins 1:00:0" in gap for gap in shifted.gaps)


def test_a_recording_of_a_fast_run_has_seconds_from_its_frames_and_says_what_is_missing(tiny, tmp_path, capsys):
    tiny_video(tiny.parent / "drive.avi", frames=60)
    drive = tmp_path / "drive.mcap"
    assert run_app([str(tiny), "--record", str(drive), "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert run_app(["report", str(drive), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["page"] == str(tmp_path / "drive.html")
    assert document["frames"]["published"] == 60
    assert any("at pace `fast` is not" in gap for gap in document["missing"])
    page = (tmp_path / "drive.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "SHA-256" in page


def test_failed_frames_are_counted_with_their_reasons(tiny, tmp_path):
    tiny_detector(tiny.parent / "tiny.onnx", nan_above=0.7)
    tiny_video(tiny.parent / "drive.avi", frames=30, brightness=lambda n: 200 if n == 9 else 120)
    drive = tmp_path / "drive.mcap"
    assert run_app([str(tiny), "--record", str(drive), "--out", str(tmp_path / "run")]) == 0
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(drive.read_bytes()[:-300])
    story = read_story(cut)
    assert (story.frames["published"], story.frames["failed"]) == (29, 1)
    assert list(story.failures.values()) == [1]


def test_recall_of_an_evaluation_stands_on_the_page(governed, tmp_path, capsys):
    evaluation, page = tmp_path / "eval.json", tmp_path / "page.html"
    bands = [
        {"from_m": 0, "to_m": 20, "recall": 0.9, "count": 4},
        {"from_m": 20, "to_m": None, "recall": 0, "count": 1},
    ]
    evaluation.write_text(json.dumps({"recall_by_distance": bands}))
    assert run_app(["report", str(governed.drive), "--eval", str(evaluation), "--out", str(page)]) == 0
    assert "Recall over distance" in page.read_text()
    for text, said in (("[1]", "is no document of an evaluation"), ('{"recall_by_distance": []}', "no distance_m")):
        evaluation.write_text(text)
        assert run_app(["report", str(governed.drive), "--eval", str(evaluation), "--out", str(page)]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", "file.txt", "."])
def test_what_is_no_run_is_answered_with_what_to_name(tmp_path, capsys, name):
    (tmp_path / "file.txt").write_text("text")
    assert run_app(["report", str(tmp_path / name)]) == 2
    assert "or a recording (FILE.mcap)" in capsys.readouterr().err


def test_a_file_that_is_no_recording_is_named(tmp_path, capsys):
    (tmp_path / "drive.mcap").write_bytes(b"none" * 99)
    assert run_app(["report", str(tmp_path / "drive.mcap")]) == 2
    assert "drive.mcap: is not an MCAP file" in capsys.readouterr().err
    assert not (tmp_path / "drive.html").exists()


def test_the_trace_has_the_governor_as_a_lane_and_watts_rate_heat_and_losses_as_curves(governed):
    document = json.loads(governed.trace.read_text())
    check(document)
    events = document["traceEvents"]
    lanes = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    decided = [event for event in events if event["ph"] == "X" and lanes[event["tid"]] == "governor"]
    decisions = [json.loads(line) for line in (governed.run / "decisions.jsonl").read_text().splitlines()]
    points = [event for event in decided if event["name"] in ("full", "half")]
    assert len(decided) - len(points) == len(decisions)
    reasons = {event["args"]["reason"] for event in decided}
    assert reasons == {decision["reason"] for decision in decisions}
    assert {event["name"] for event in points} == {decision["point"] for decision in decisions}
    curves = {}
    for event in events:
        if event["ph"] == "C":
            curves.setdefault(event["name"], []).append(event["args"]["value"])
    assert {"watts", "fps", "°C of the hottest zone", "overwritten", "shed"} <= curves.keys()
    assert max(curves["°C of the hottest zone"]) >= 70
    assert 5 < np.median(curves["fps"]) < 60
    counts = json.loads((governed.run / "summary.json").read_text())["frames"]
    assert curves["overwritten"][-1] == counts["overwritten"]
    assert curves["shed"][-1] == counts["shed"]
    assert all(1 <= depth <= 8 for depth in curves["queue of jsonl detections.jsonl"])
