"""A run folder as a run leaves it: twelve seconds, a step of the power, one change of the point, two lost frames."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

NS = 1_000_000_000
ZERO_NS = 5 * NS
SECONDS = 12
CONFIG = {
    "name": "highway",
    "source": {"kind": "camera", "device": "rtsp://user:secret@camera/1"},
    "stages": [{"name": "objects", "kind": "detect", "model": "road"}],
    "sinks": [{"kind": "jsonl", "path": "detections.jsonl"}],
    "budgets": {"fps_floor": 8.0, "latency_ms": 100.0, "power_w": 50.0},
    "governor": {"ladder": "gone.yaml"},
}
SUMMARY = {
    "name": "highway",
    "frames": {"captured": 122, "published": 120, "overwritten": 2, "shed": 0, "failed": 0},
    "seconds": 12.0,
    "fps": 10.0,
    "latency_ms": {"p50": 40.0, "p95": 60.0, "p99": 90.0},
    "stage_ms": {
        "queue": {"p50": 0.1, "p95": 0.2, "p99": 0.3},
        "objects.preprocess": {"p50": 1.0, "p95": 1.2, "p99": 1.5},
        "objects": {"p50": 20.0, "p95": 22.0, "p99": 30.0},
    },
    "power_w": {"mean": 46.0, "max": 61.0},
    "budgets": {
        "fps_floor": {"limit": 8.0, "windows": 11, "held": 11, "longest_violation_s": 0.0},
        "power_w": {"limit": 50.0, "windows": 12, "held": 10, "longest_violation_s": 2.0},
    },
    "sinks": {"jsonl detections.jsonl": {"written": 120, "dropped": 0, "error": None}},
    "warnings": ["the <camera> was odd"],
    "failures": {},
    "error": None,
    "backends": {"road": "onnxruntime"},
    "versions": {"edge_runtime": "0.1"},
    "config": {**CONFIG, "source": {"kind": "camera", "device": "rtsp://camera/1"}},
}


def write_run(folder: Path, *, whole: bool = True) -> Path:
    """The folder; of a run that is not `whole`, what a kill leaves: no summary, and half a line at the end of each."""
    folder.mkdir(parents=True, exist_ok=True)
    tail = "" if whole else '{"half'
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(CONFIG))
    rows = ["t_s,fps,fps_floor,latency_p99_ms,power_w,power_budget_w,point,binding,alarm,throttled,gpu_w,cpu_w,tj_c"]
    decisions, frames = [], []
    for second in range(1, SECONDS + 1):
        power_w = 61.0 if second in (6, 7) else 44.0
        point = "full" if second < 7 else "small"
        rows.append(f"{second}.0,10.0,8.0,60.0,{power_w},50.0,{point},power,,,{power_w - 10},10.0,55.5")
        said = "hot" if second == 7 else None
        reason = f"{point}: because of second {second}"
        line = {
            "t_ns": ZERO_NS + (second - 1) * NS,
            "point": point,
            "binding": "power",
            "alarm": said,
            "reason": reason,
        }
        decisions.append(json.dumps(line))
    for number in range(120):
        frame_id = number if number < 60 else number + 2
        line = {"frame_id": frame_id, "t_capture_ns": ZERO_NS + number * NS // 10, "t_stream_ns": None}
        frames.append(json.dumps({**line, "latency_ms": 90.0 if number == 80 else 40.0, "point": "full", "stages": {}}))
    half_row = "" if whole else "13.0,10.0,8.0,6"
    (folder / "power_fps.csv").write_text("\n".join(rows) + "\n" + half_row)
    (folder / "decisions.jsonl").write_text("\n".join(decisions) + "\n" + tail)
    (folder / "detections.jsonl").write_text("\n".join(frames) + "\n" + tail)
    if whole:
        (folder / "summary.json").write_text(json.dumps(SUMMARY))
    return folder
