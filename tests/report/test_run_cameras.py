"""The report of a run with several cameras: each is named, counted and seen, one that ended is in the headline."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_runtime.report.folder_pictures import with_folder_stills
from edge_runtime.report.run_files import read_run
from edge_runtime.report.run_page import run_page
from edge_runtime.report.run_panels import panels
from edge_runtime.report.run_pictures import worth_seeing
from edge_runtime.report.run_words import report_document, verdict

NS = 1_000_000_000
CONFIG = {
    "name": "around",
    "sources": [
        {"kind": "camera", "camera": "front", "device": "rtsp://user:secret@front/1"},
        {"kind": "camera", "camera": "left", "device": "rtsp://user:hidden@left/1"},
    ],
    "stages": [],
    "sinks": [{"kind": "jsonl", "path": "detections.jsonl"}, {"kind": "video", "path": "seen.avi"}],
    "budgets": {"latency_ms": 100.0},
}


def account(published, *, overwritten=0, fps=10.0, outages=0, longest_s=0.0, error=None):
    frames = {"captured": published + overwritten, "published": published, "overwritten": overwritten}
    times = {"fps": fps, "latency_ms": {"p50": 40.0, "p95": 50.0, "p99": 60.0}}
    return {
        "frames": {**frames, "shed": 0, "failed": 0},
        **times,
        "outages": outages,
        "longest_s": longest_s,
        "away_s": longest_s,
        "error": error,
    }


def write_around(folder, *, whole=True, error=None):
    """Six seconds of front at 10 a second, three of left at 5, which misses its frame 7 and is slowest at its sixth."""
    rows = [("front", n, n * NS // 10, 40.0) for n in range(60)]
    rows += [("left", n + (n > 6), n * NS // 5, 90.0 if n == 5 else 30.0) for n in range(15)]
    lines = [
        {"camera": camera, "frame_id": number, "t_capture_ns": 7 * NS + t_ns, "t_stream_ns": None, "latency_ms": ms}
        | {"point": "full", "stages": {}}
        for camera, number, t_ns, ms in sorted(rows, key=lambda row: row[2])
    ]
    (folder / "detections.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "pipeline.yaml").write_text(json.dumps(CONFIG))
    if whole:
        cameras = {
            "front": account(60),
            "left": account(15, overwritten=1, fps=5.0, outages=2, longest_s=3.25, error=error),
        }
        frames = {"captured": 76, "published": 75, "overwritten": 1, "shed": 0, "failed": 0}
        summary = {"name": "around", "frames": frames, "fps": 5.0, "seconds": 6.0, "cameras": cameras, "config": CONFIG}
        (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_each_camera_has_a_row_with_its_own_figures(tmp_path):
    story = read_run(write_around(tmp_path))
    page = run_page(story)
    assert "slowest of 2 cameras" in page
    row = page.split("<tr><th>left</th>")[1].split("</tr>")[0]
    assert re.findall(r"<td[^>]*>([^<]+)", row) == ["5.0", "40.0", "60.0", "16", "15", "1", "2 "]
    assert "<small>of up to 3.2 s</small>" in row
    document = report_document(story, None, None)
    assert document["cameras"]["left"]["frames"]["overwritten"] == 1


def test_a_camera_that_ended_is_in_the_headline_and_in_its_row(tmp_path):
    story = read_run(write_around(tmp_path, error="<unplugged>\n    plug it in"))
    assert verdict(story).state == "broken"
    assert verdict(story).sentence == "camera left ended early: <unplugged>; no budgets were stated"
    assert "<b>left</b> ended early: &lt;unplugged&gt;\n    plug it in</p>" in run_page(story)


def test_rates_and_losses_are_drawn_for_each_camera(tmp_path):
    found = {panel.title: panel for panel in panels(read_run(write_around(tmp_path)))}
    rates = {line.name: dict(line.points) for line in found["Frame rate"].lines}
    assert rates["front"][3.0] == pytest.approx(10.0)
    assert rates["left"][2.0] == pytest.approx(5.0)
    assert rates["left"][5.0] == 0.0  # gone, while the run went on
    (lost,) = found["Frames without a result"].lines
    assert (lost.name, dict(lost.points)[2.0], sum(count for _, count in lost.points)) == ("left", 1.0, 1.0)


def test_a_run_that_was_killed_is_counted_by_camera_and_keeps_every_password(tmp_path):
    story = read_run(write_around(tmp_path, whole=False))
    assert story.frames == {"captured": 76, "published": 75, "not published": 1, "failed": 0}
    left = story.cameras["left"]
    assert (left.frames["published"], left.frames["not published"]) == (15, 1)
    assert (left.fps, left.latency_ms["p50"]) == (pytest.approx(5.0), 30.0)
    assert not any(secret in str(story.config) for secret in ("secret", "hidden"))


def test_a_camera_that_ended_in_the_first_seconds_is_seen_too(tmp_path):
    story = read_run(write_around(tmp_path))
    lines = [line for line in story.lines if line.camera == "front" or line.t_s < 1.5]
    assert any(line.camera == "left" for line in lines)
    assert "A usual frame of left" in dict(worth_seeing(replace(story, lines=lines)))


def test_frames_worth_seeing_say_whose_they_are_and_every_camera_is_seen(tmp_path):
    story = read_run(write_around(tmp_path))
    chosen = {title: line.key for title, line in worth_seeing(story)}
    assert chosen["Slowest frame"][0] == "front"  # left's was in the first two seconds
    assert chosen["A usual frame of left"][0] == "left"
    for camera, light in (("front", 0), ("left", 100)):
        video = cv2.VideoWriter(str(tmp_path / f"seen_{camera}.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
        for number in range(60):
            video.write(np.full((48, 64, 3), light + number, np.uint8))
        video.release()
    stills = {still.title: still for still in with_folder_stills(story, tmp_path).stills}
    usual = stills["A usual frame of left"]
    assert ", left, frame " in usual.told
    number = int(usual.told.split("frame ")[1].split(":")[0])
    place = number - (number > 6)  # frame 7 was lost; two pictures of the video for each of five a second
    seen = cv2.imdecode(np.frombuffer(usual.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).mean()
    assert seen == pytest.approx(100 + 2 * place, abs=2)
