#!/usr/bin/env python
"""What recording and replaying cost, on pictures of the demo's painted drive in 1080p.

    python scripts/recording_cost.py            all of it, about three minutes
    python scripts/recording_cost.py cpu        the recorder's own CPU time, beyond that of the JPEG encoder
    python scripts/recording_cost.py timing     frame times with and without recording, a second each in turns
    python scripts/recording_cost.py replay     fast throughput of a recording and of a video of the same frames
    python scripts/recording_cost.py kill       kill -9 at 100 random moments

Every comparison takes both sides in turns and reports medians, so that a machine that others use too is one thing for
both. Figures are printed as one JSON document.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

from edge_runtime.config.schema import RecordBlock, SimulationSource
from edge_runtime.core import ClassTable, Detections, Frame, FrameResult, OperatingPoint, SystemClock
from edge_runtime.pipeline.drive import open_drive
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.pipeline.recorder import Recorder
from edge_runtime.pipeline.replay import pipeline_of, replay
from edge_runtime.recording.cameras import RecordedCamera
from edge_runtime.recording.images import JPEG_QUALITY
from edge_runtime.recording.mcap_file import Opening
from edge_runtime.recording.ring import open_target
from edge_runtime.sources.resident import ResidentPictures
from edge_runtime.sources.simulation import SimulatedDrive

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = ROOT / "pipelines" / "demo.yaml"
SIZE, FPS, PICTURES = (1920, 1080), 30.0, 30
# Frames that are recorded, or not, in a row; and of them those in which the change settles.
BLOCK, SETTLE = 30, 5
# One network, so that 30 pictures a second are possible on a small machine.
LIGHT = {
    "models": {
        "road": {
            "onnx": str(ROOT / "edge_runtime" / "assets" / "demo_detector.onnx"),
            "input": {"size": [640, 384], "resize": "letterbox", "color": "bgr", "scale": "1/255", "pad": 114},
            "decode": {
                "family": "yolox",
                "classes": ["person", "car", "truck", "traffic light", "traffic sign"],
                "strides": [4, 8, 16, 32],
                "confidence": 0.35,
            },
        }
    },
    "stages": [{"name": "objects", "kind": "detect", "model": "road"}, {"name": "t", "kind": "track", "of": "objects"}],
    "sinks": [{"kind": "jsonl"}],
    "never_shed": [],
    "groups": {},
}
# So that a latency is that of a machine that keeps up, and not of one whose network is always late.
SMALLER = {"models.road.input.size": [448, 256]}


def source() -> ResidentPictures:
    block = SimulationSource(kind="simulation", seconds=30.0, size=SIZE, fps=FPS, seed=3)
    return ResidentPictures(SimulatedDrive(block), PICTURES)


def recorder_cpu(frames: int = 300, repeats: int = 5) -> dict[str, float]:
    """CPU time a frame of everything the recorder does, and of the encoder alone, on one thread each."""
    pictures = [picture.image for picture in source().pictures]
    found = Detections.of([[100 + 9 * n, 300, 180 + 9 * n, 360] for n in range(20)], [0.9] * 20, [0] * 20, range(20))
    whole, encoder = [], []
    for _ in range(repeats):
        began = time.process_time()
        for n in range(frames):
            cv2.imencode(".jpg", pictures[n % PICTURES], (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        encoder.append((time.process_time() - began) / frames)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "drive.mcap"
            opening = Opening({"front": RecordedCamera()}, "jpeg", 0, {}, {}, {}, {})
            target = open_target(path, opening, 0, keep_seconds=None, max_gb=None)
            clock, classes = SystemClock(), ClassTable(["car"])
            block = RecordBlock(path=path)
            recorder = Recorder(
                target, opening, block, clock, classes=classes, shown=("objects",), instead={}, waits=True
            )
            began = time.process_time()
            for n in range(frames):
                t_ns = clock.now_ns()
                frame = Frame(n, "front", t_ns, pictures[n % PICTURES], 20.0, None)
                recorder.captured(frame)
                recorder.published(
                    frame, FrameResult(n, "front", t_ns, 30.0, OperatingPoint(), {"objects": found}, stage_ms={"a": 1})
                )
            recorder.drain(60)
            recorder.finish({})
            whole.append((time.process_time() - began) / frames)
            size = path.stat().st_size / frames
    beyond = statistics.median(whole) - statistics.median(encoder)
    return {
        "encoder_ms": round(1e3 * statistics.median(encoder), 2),
        "beyond_encoder_ms": round(1e3 * beyond, 2),
        "beyond_encoder_share_of_a_core_at_30_fps": round(30 * beyond, 3),
        "mb_per_frame": round(size / 1e6, 3),
    }


def timing(pairs: int = 60) -> dict[str, object]:
    """Latency of a live run at 30 pictures a second whose results are recorded in every other second."""
    blocks: dict[int, list[float]] = {}

    def see(frame: Frame, result: FrameResult) -> None:
        if frame.frame_id % BLOCK >= SETTLE:  # what is still being written belongs to the block before
            blocks.setdefault(frame.frame_id // BLOCK, []).append(result.latency_ms)

    overrides = {**LIGHT, **SMALLER, "source.size": list(SIZE), "source.pace": "live", "record.path": "drive.mcap"}
    with tempfile.TemporaryDirectory() as folder:
        loaded = Pipeline.load(PIPELINE, overrides)
        frames = BLOCK * (2 * pairs + 2)
        with loaded.start(out=Path(folder) / "run", frames=frames, sources={"front": source()}, on_result=see) as run:
            recorder = run._recorder
            assert recorder is not None
            publish = recorder.published

            def in_every_other_block(frame: Frame, result: FrameResult) -> None:
                if frame.frame_id // BLOCK % 2:
                    publish(frame, result)

            recorder.published = in_every_other_block  # type: ignore[method-assign]
            run.wait()
            summary = run.finish()
    document: dict[str, object] = {"fps": round(summary.fps or 0.0, 2)}
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        at = {number: sorted(each)[int(share * len(each))] for number, each in blocks.items()}
        # Without, with, without: what drifts falls on both alike. The first second is that of a start.
        ratios = sorted(2 * at[n] / (at[n - 1] + at[n + 1]) for n in range(3, 2 * pairs + 1, 2))
        quarter = len(ratios) // 4
        document[name] = {
            "without": round(statistics.median(at[n] for n in at if n % 2 == 0), 2),
            "with": round(statistics.median(at[n] for n in at if n % 2), 2),
            "ratio": round(statistics.median(ratios), 3),
            "quartiles": [round(ratios[quarter], 3), round(ratios[-1 - quarter], 3)],
        }
    left_out = sum(sink.dropped for name, sink in summary.sinks.items() if name.startswith("recording"))
    return {**document, "pictures_left_out": left_out, "pairs": pairs}


def throughput(rounds: int = 7, frames: int = 200) -> dict[str, object]:
    """Frames a second of a fast run over a video and over a recording of the same frames, and of a virtual replay."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video, drive = folder / "drive.mp4", folder / "drive.mcap"
        pictures = source()
        writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE)
        for n in range(frames):
            writer.write(pictures.pictures[n % PICTURES].image)
        writer.release()
        of_video = {**LIGHT, "source": {"kind": "video", "path": str(video), "pace": "fast"}}
        of_drive = {**LIGHT, "source": {"kind": "recording", "path": str(drive), "pace": "fast"}}
        Pipeline.load(PIPELINE, {**of_video, "record.path": str(drive)}).run(out=folder / "record")
        rates: dict[str, list[float]] = {"video": [], "recording": [], "virtual replay": []}
        cpu_ms: dict[str, list[float]] = {name: [] for name in rates}
        for number in range(rounds):
            for name, overrides in (("video", of_video), ("recording", of_drive)):
                began = time.process_time()
                rates[name].append(Pipeline.load(PIPELINE, overrides).run(out=folder / f"{name}{number}").fps or 0.0)
                cpu_ms[name].append(1e3 * (time.process_time() - began) / frames)
            opened = open_drive(drive)
            with pipeline_of(opened, None) as loaded:
                began, began_cpu = time.monotonic(), time.process_time()
                outcome = replay(opened, loaded, out=folder / f"p{number}")
                rates["virtual replay"].append(outcome.summary.frames.published / (time.monotonic() - began))
                cpu_ms["virtual replay"].append(1e3 * (time.process_time() - began_cpu) / frames)
        same = len({(folder / f"p{number}" / "detections.jsonl").read_bytes() for number in range(rounds)}) == 1
    medians = {name: statistics.median(each) for name, each in rates.items()}
    ratios = {
        name: sorted(rate / video for rate, video in zip(each, rates["video"], strict=True))
        for name, each in rates.items()
    }
    return {
        "fps": {name: round(rate, 2) for name, rate in medians.items()},
        "cpu_ms_per_frame": {name: round(statistics.median(each), 1) for name, each in cpu_ms.items()},
        "recording_to_video": round(statistics.median(ratios["recording"]), 3),
        "recording_to_video_range": [round(ratios["recording"][place], 3) for place in (0, -1)],
        "virtual_replay_with_start_to_video": round(statistics.median(ratios["virtual replay"]), 3),
        "replays_identical": same,
        "frames": frames,
    }


def killed(times: int = 100) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        script = ROOT / "tests" / "recording" / "killed.py"
        done = subprocess.run([sys.executable, script, folder, str(times)], capture_output=True, text=True, check=True)
    report: dict[str, int] = json.loads(done.stdout)
    return report


PARTS = {"cpu": recorder_cpu, "timing": timing, "replay": throughput, "kill": killed}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"recording_cost.py: no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    print(json.dumps({part: PARTS[part]() for part in wanted}, indent=2))
