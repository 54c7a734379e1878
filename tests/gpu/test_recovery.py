"""Networks that fail in the middle of a drive: made anew once where that can help, and an end in order where not."""

import json
import subprocess
import sys
from pathlib import Path

from tests.tiny import tiny_detector, tiny_video

PIPELINE = """\
name: tiny
source: {kind: video, path: drive.avi, pace: live}
models:
  road:
    onnx: tiny.onnx
    backend: tensorrt
    tensorrt: {optimization_level: 0}
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: [car], confidence: 0.3}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: tracked, kind: track, of: objects}
engines: {folder: engines}
sinks: [{kind: jsonl}]
"""


def failed_drive(kind, tmp_path):
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "drive.avi", frames=250)
    (tmp_path / "tiny.yaml").write_text(PIPELINE)
    command = [sys.executable, "-m", "tests.gpu.wreck", kind, str(tmp_path / "tiny.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    summary = json.loads(ended.stdout.strip().splitlines()[-1])
    frames = summary["frames"]
    print(frames, summary.get("error"), summary["failures"], summary["warnings"])
    assert frames["captured"] == frames["published"] + frames["overwritten"] + frames["shed"] + frames["failed"]
    return summary


def test_a_run_survives_calls_that_fail(gpu, trt, tmp_path):
    summary = failed_drive("calls", tmp_path)
    assert summary.get("error") is None, summary
    assert summary["frames"]["failed"] == 3
    assert summary["frames"]["published"] >= 200
    assert summary["warnings"] == ["the networks failed and were made anew once"]
    lines = [json.loads(line) for line in (Path(summary["folder"]) / "detections.jsonl").read_text().splitlines()]
    before = {json.dumps(line["stages"]["objects"]) for line in lines if 10 < line["frame_id"] < 40}
    after = [json.dumps(line["stages"]["objects"]) for line in lines if line["frame_id"] > 60]
    assert after
    assert all(boxes in before for boxes in after)


def test_a_broken_context_ends_the_run_in_order(gpu, trt, tmp_path):
    summary = failed_drive("context", tmp_path)
    assert summary["frames"]["published"] >= 40
    assert any("IllegalAddress" in reason and "frame" in reason for reason in summary["failures"])
    assert "new process" in summary["error"]
