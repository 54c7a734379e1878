"""A GPU whose context broke in the middle of a drive: the networks are made anew, and the drive goes on."""

import json
import subprocess
import sys

from tests.integration.conftest import tiny_detector, tiny_video

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
sinks: []
"""


def test_a_run_survives_a_broken_gpu_context_once(gpu, trt, tmp_path):
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "drive.avi", frames=250)
    (tmp_path / "tiny.yaml").write_text(PIPELINE)
    command = [sys.executable, "-m", "tests.gpu.wreck", str(tmp_path / "tiny.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    summary = json.loads(ended.stdout.strip().splitlines()[-1])
    print(summary["frames"], summary["failures"], summary["warnings"])
    frames = summary["frames"]
    assert summary.get("error") is None, summary
    assert frames["captured"] == frames["published"] + frames["overwritten"] + frames["shed"] + frames["failed"]
    assert 3 <= frames["failed"] <= 6
    assert frames["published"] >= 150
    assert any("IllegalAddress" in reason and "frame" in reason for reason in summary["failures"])
