"""Does anything grow while a pipeline runs for days? Memory, threads and file handles over many frames, everything on.

    python scripts/soak.py [--frames 200000] [--every 10000] [--anew 50000] [--json]

Small networks on small pictures, so that a day's frames take an hour: two cameras, planned regions, tracks, labelled
lights, a governor that changes its point as the power of a log rises and falls, JSON lines, drawn videos, a recording
ring that saves now and then, and the live page with a process that looks at it, comes and goes. After every `--anew`
frames the run ends and a new one begins in the same process, as a service does. Counted are frames that came out.

Before each row the looking process is stopped, so that what it holds is not counted. `RSS` is what is resident: glibc
gives new threads arenas of their own and keeps what they once held, so it rises in steps, to some bound, with every
page that is opened and every run that begins; MALLOC_ARENA_MAX=2 in front, as the service has it, bounds that. `held`
is the same once glibc has given back what nobody uses (`malloc_trim`), and `blocks` are those of Python's allocator:
what a leak would raise. `held` grows by `slope`, a least-squares line over all rows but the first fifth. Exit code 3
when handles or threads differ from row to row, or `held` grows by more than `--most-mb` in 100,000 frames.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import psutil
import yaml
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.pipeline.run import Run
from edge_runtime.web.site import Site

ASSETS = Path(__file__).parents[1] / "edge_runtime" / "assets"
# Pixels of a picture and of a network's input, and bands of brightness in it.
PICTURE, SIDE, BANDS, PICTURES = (160, 96), (80, 48), 5, 240
READINGS, APART_S = 20, 0.05
LOOKER = """
import sys, threading, time, urllib.request
base = sys.argv[1]
def ask():
    while True:
        for page in ("/", "/live.json", "/metrics", "/healthz"):
            urllib.request.urlopen(base + page).read()
        time.sleep(1)
threading.Thread(target=ask, daemon=True).start()
stream = urllib.request.urlopen(base + "/picture.mjpeg")
while stream.read(65536):
    pass
"""


@dataclass(frozen=True)
class Row:
    """What the process held after so many frames; run numbers are from 0."""

    frames: int
    run: int
    seconds: float
    rss_mb: float
    held_mb: float
    blocks: int
    handles: int
    threads: int


def small_network(path: Path) -> None:
    """Three boxes that move with the brightness of five bands of the picture, and come and go with it."""
    rng = np.random.default_rng(0)
    slopes, base = np.zeros((BANDS, 3, 6), np.float32), np.zeros((3, 6), np.float32)
    for box, kind in enumerate((0, 1, 1)):
        for low, high, span in ((0, 2, SIDE[0] - 20), (1, 3, SIDE[1] - 20)):
            slopes[:, box, low] = slopes[:, box, high] = span * rng.dirichlet(np.ones(BANDS))
            base[box, high] = 16.0
        slopes[box, box, 4], base[box, 4], base[box, 5] = 1.0, 0.0, kind
    values: dict[str, np.ndarray] = {
        "slopes": slopes.reshape(BANDS, 18),
        "base": base.reshape(18),
        "row": np.array([1, BANDS], np.int64),
        "boxes": np.array([1, 3, 6], np.int64),
    }
    band = [SIDE[1], SIDE[0] // BANDS]
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=band, strides=[1, band[1]]),
        helper.make_node("ReduceMean", ["pooled"], ["bright"], axes=[1], keepdims=0),
        helper.make_node("Reshape", ["bright", "row"], ["bands"]),
        helper.make_node("Gemm", ["bands", "slopes", "base"], ["flat"]),
        helper.make_node("Reshape", ["flat", "boxes"], ["found"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE[1], SIDE[0]])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 3, 6])],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def pipeline(folder: Path, fps: float, seconds: float, port: int = 8097) -> LoadedPipeline:
    """Everything on, in `folder`; the telemetry lasts for `seconds`."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for n in range(PICTURES):
        levels = [140 + 100 * math.sin(2 * math.pi * n * (band + 1) / PICTURES) for band in range(BANDS)]
        row = np.repeat(np.array(levels, np.uint8), PICTURE[0] // BANDS)
        cv2.imwrite(str(pictures / f"{n:04}.jpg"), np.broadcast_to(row[None, :, None], (PICTURE[1], PICTURE[0], 3)))
    small_network(folder / "small.onnx")
    network = {
        "onnx": "small.onnx",
        "backend": "onnxruntime",
        "input": {"size": list(SIDE), "resize": "stretch", "color": "bgr", "scale": "1/255"},
        "decode": {"family": "end2end", "classes": ["car", "traffic light"], "confidence": 0.3},
    }
    lights = {
        "onnx": str(ASSETS / "demo_light_state.onnx"),
        "backend": "onnxruntime",
        "optional": True,
        "input": {"size": [24, 48], "resize": "stretch", "color": "bgr", "scale": "1/255"},
        "decode": {"family": "classification", "classes": ["red", "yellow", "green"], "activation": "none"},
    }
    point = {"fps": 500, "latency_ms": {"p50": 5, "p99": 20}, "busy_ms": {"gpu": 3, "host": 3}}
    ladder = {
        "board": "a test",
        "idle_w": 5.0,
        "points": [
            {"name": "full", "knobs": {}, "watts": 12, "usefulness": 1.0, **point},
            {"name": "half", "knobs": {"detector_period": 2, "regions": 1}, "watts": 5, "usefulness": 0.6, **point},
        ],
    }
    (folder / "ladder.yaml").write_text(yaml.safe_dump(ladder))
    with (folder / "telemetry.jsonl").open("w") as file:
        for n in range(round(2 * seconds)):
            watts = 14.0 + 8.0 * math.sin(n / 40)
            row_of = {"t_ns": n * 500_000_000, "source": "sysfs", "power_w": watts, "temp_c": {"cpu": 40 + n % 7}}
            file.write(json.dumps(row_of) + "\n")
    camera = {"kind": "images", "path": "pictures", "fps": fps / 2, "loop": True, "pace": "live"}
    regions = {"max": 2, "from": ["tracks", "explore"]}
    document = {
        "name": "soak",
        "sources": [{**camera, "camera": "front"}, {**camera, "camera": "rear"}],
        "models": {"road": network, "road_far": network, "light_state": lights},
        "stages": [
            {"name": "objects", "kind": "detect", "model": "road"},
            {"name": "far", "kind": "detect", "model": "road_far", "regions": regions},
            {"name": "found", "kind": "merge", "of": ["objects", "far"]},
            {"name": "tracked", "kind": "track", "of": "found"},
            {"name": "lights", "kind": "classify", "model": "light_state", "of": "tracked", "only": ["traffic light"]},
        ],
        "sinks": [{"kind": "jsonl"}, {"kind": "video", "fps": 25}],
        "record": {"path": "ring.mcap", "keep_seconds": 5, "max_gb": 0.05},
        "governor": {"ladder": "ladder.yaml", "safe_point": "half"},
        "telemetry": {"source": "recorded", "log": "telemetry.jsonl"},
        "budgets": {"power_w": 15, "latency_ms": 200},
        "http": {"bind": port},
    }
    path = folder / "soak.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_pipeline(path)


def give_back() -> None:
    """Let glibc return what nobody uses to the system; elsewhere nothing happens."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def handles_held() -> int:
    """Open handles, but for the picture that each camera is just reading."""
    count = 0
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, as that of the listing itself
            count += not os.readlink(handle).endswith(".jpg")
    return count


def reading(frames: int, run: int, began_s: float) -> Row:
    """What this process holds: of handles and threads the most usual number of a second, for some come and go."""
    process, seen = psutil.Process(), []
    gc.collect()
    for _ in range(READINGS):
        seen.append((process.memory_info().rss, sys.getallocatedblocks(), handles_held(), process.num_threads()))
        time.sleep(APART_S)
    rss, blocks, handles, threads = zip(*seen, strict=True)
    give_back()
    return Row(
        frames,
        run,
        round(time.monotonic() - began_s, 1),
        round(statistics.median(rss) / 2**20, 2),
        round(process.memory_info().rss / 2**20, 2),
        round(statistics.median(blocks)),
        statistics.mode(handles),
        statistics.mode(threads),
    )


@contextmanager
def looked_at(address: str | None) -> Iterator[None]:
    """With a process that looks at the page; on the way out until nothing of it is left here."""
    if address is None:
        yield
        return
    looker = subprocess.Popen([sys.executable, "-c", LOOKER, address], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        looker.kill()
        looker.wait()
        for _ in range(100):
            if "sink live page" not in {thread.name for thread in threading.enumerate()}:
                break
            time.sleep(0.1)


def soak(loaded: LoadedPipeline, folder: Path, frames: int, every: int, anew: int) -> Iterator[Row]:
    """Rows as they come; the last frame of a run is its last row."""
    began_s, done = time.monotonic(), 0
    with Site(SystemClock()) as site:
        site.open(loaded)
        for number in range(max(1, frames // anew)):
            with Pipeline(loaded).start(out=folder / f"run-{number}") as run:
                site.show(run)
                for goal in range(every, min(anew, frames) + 1, every):
                    with looked_at(site.address):
                        out = wait_for(run, goal)
                    run.save_recording("soak")
                    yield reading(done + out, number, began_s)
                done += run.finish().frames.published


def wait_for(run: Run, goal: int) -> int:
    """Until so many frames are out; raises when the run ends before."""
    while (out := run.snapshot().counts.published) < goal:
        if run.wait(0.02):
            raise SystemExit(f"the run ended after {out} frames: {run.finish().error}")
    return out


def slope_mb(rows: Sequence[Row]) -> float:
    """MB in 100,000 frames."""
    kept = rows[len(rows) // 5 :]
    line = statistics.linear_regression([row.frames for row in kept], [row.held_mb for row in kept])
    return 1e5 * line.slope


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--every", type=int, default=10_000, help="frames between two rows")
    parser.add_argument("--anew", type=int, default=50_000, help="frames after which a new run begins")
    parser.add_argument("--fps", type=float, default=400.0, help="of the pictures; the newest wins")
    parser.add_argument("--most-mb", type=float, default=2.0, help="growth in 100,000 frames that is let pass")
    parser.add_argument("--port", type=int, default=8097, help="of the live page")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        loaded = pipeline(Path(folder), asked.fps, seconds=asked.frames / 10, port=asked.port)
        heads = f"{'frames':>8} {'run':>3} {'s':>7} {'RSS MB':>8} {'held MB':>8}"
        print(f"{heads} {'blocks':>8} {'handles':>7} {'threads':>7}", file=sys.stderr)
        for row in soak(loaded, Path(folder), asked.frames, asked.every, asked.anew):
            rows.append(row)
            text = f"{row.frames:8} {row.run:3} {row.seconds:7.0f} {row.rss_mb:8.1f} {row.held_mb:8.1f}"
            print(f"{text} {row.blocks:8} {row.handles:7} {row.threads:7}", file=sys.stderr, flush=True)
    slope, kept = slope_mb(rows), rows[len(rows) // 5 :]
    held = {name: sorted({getattr(row, name) for row in kept}) for name in ("handles", "threads")}
    print(
        f"memory: {slope:+.2f} MB in 100,000 frames; handles {held['handles']}, threads {held['threads']}",
        file=sys.stderr,
    )
    if asked.json:
        print(
            json.dumps({"slope_mb_per_100k": round(slope, 3), **held, "rows": [asdict(row) for row in rows]}, indent=2)
        )
    return 3 if slope > asked.most_mb or any(len(values) > 1 for values in held.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
