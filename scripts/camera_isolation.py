"""What the end of one camera costs another in the same pipeline, and what it gains to see them as one batch.

    python scripts/camera_isolation.py [--repeats 5] [--seconds 10] [--yolox yolox_nano.onnx]

Two RTSP cameras (tests/integration/rtsp_server.py; packages python3-gi and gir1.2-gst-rtsp-server-1.0) through the
demo's detector on one CPU thread. The first is only ever looked at; the second is alive for so many seconds, dies, is
dead for as many, and comes back, again and again in one run. It dies in two ways: `killed` (nobody listens at its
address any more) and `hung` (its address takes connections and never answers). Of the first camera, for each of these
times: `latency_ms` from capture to publication, and `age_ms` since the picture was made, which the maker wrote into it;
that one also has the time before the capture, where a camera that is being opened could hold up another's thread.

`ratio` is dead : alive, each repeat with its own; `again` is the second half of alive : the first, where nothing has
changed: so much a ratio wavers on this machine by itself. A p99 of few hundred frames is that of its few worst, so a
machine that does other work beside decides it: run this on a calm one, or with weight (`sudo nice -n -15`).

The gain: frames a second of all cameras together from pictures in memory, as fast as it goes, with a network that
takes a frame of each as one batch and with the same network fixed at a batch of one, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import Frame, FrameResult
from edge_runtime.evaluate.bench import machine
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.sources.resident import ResidentPictures

ROOT = Path(__file__).resolve().parent.parent
SERVER = ROOT / "tests" / "integration" / "rtsp_server.py"
BITS, PATIENCE_S, SETTLE_S = 16, 60.0, 2.0

DEMO = f"""
name: isolation
models:
  road:
    onnx: {ROOT}/edge_runtime/assets/demo_detector.onnx
    backend: onnxruntime
    input: {{size: [320, 192], resize: letterbox, color: bgr, scale: 1/255, pad: 114}}
    decode:
      family: yolox
      classes: [person, car, truck, traffic light, traffic sign]
      strides: [4, 8, 16, 32]
      confidence: 0.35
stages:
  - {{name: objects, kind: detect, model: road}}
  - {{name: tracked, kind: track, of: objects}}
"""
YOLOX = """
name: gain
models:
  road:
    onnx: ONNX
    backend: onnxruntime
    input: {size: [416, 416], resize: letterbox_top_left, color: bgr, scale: 1.0, pad: 114}
    decode: {family: yolox, classes: coco, confidence: 0.35}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: tracked, kind: track, of: objects}
"""


class Camera:
    """An RTSP server that can be killed, stopped and started on one port."""

    def __init__(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.port = str(unused.getsockname()[1])
        self.start()

    def start(self) -> None:
        command = ["/usr/bin/python3", str(SERVER), "--port", self.port]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        if not self._server.stdout.readline():
            sys.exit(f"{SERVER} does not start: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0")

    def kill(self) -> None:
        self._server.kill()
        self._server.communicate()

    def signal(self, name: str) -> None:
        subprocess.run(["kill", f"-{name}", str(self._server.pid)], check=True)


WAYS = {
    "killed": (Camera.kill, Camera.start),
    "hung": (lambda camera: camera.signal("STOP"), lambda camera: camera.signal("CONT")),
}


def made_ms(frame: Frame) -> int:
    """When the picture was made, modulo 2^16 ms, as its upper half says."""
    bars = frame.image[20:160].mean(axis=(0, 2)).reshape(BITS, -1)[:, 8:-8].mean(axis=1)
    return int("".join("1" if bar > 128 else "0" for bar in bars), 2)


class Log:
    """What came out, as (camera, time of capture in s, latency, age in ms)."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float, float]] = []
        self.arrived = threading.Condition()

    def __call__(self, frame: Frame, result: FrameResult) -> None:
        age_ms = (frame.t_capture_ns / 1e6 - made_ms(frame)) % 2**BITS + result.latency_ms
        with self.arrived:
            self.rows.append((frame.camera, frame.t_capture_ns / 1e9, result.latency_ms, age_ms))
            self.arrived.notify_all()

    def wait_for(self, camera: str, since_s: float) -> float:
        """When the first frame of a camera captured from then on was taken."""

        def found() -> float | None:
            return next((t_s for name, t_s, *_ in reversed(self.rows) if name == camera and t_s >= since_s), None)

        with self.arrived:
            if not self.arrived.wait_for(lambda: found() is not None, PATIENCE_S):
                sys.exit(f"nothing came from {camera} for {PATIENCE_S:g} s")
            return min(t_s for name, t_s, *_ in self.rows if name == camera and t_s >= since_s)

    def of(self, camera: str, begin_s: float, end_s: float) -> dict[str, float]:
        rows = [row for row in self.rows if row[0] == camera and begin_s <= row[1] < end_s]
        figures: dict[str, float] = {"frames": len(rows)}
        for place, name in ((2, "latency_ms"), (3, "age_ms")):
            values = [row[place] for row in rows]
            for label, share in (("p50", 50.0), ("p99", 99.0), ("max", 100.0)):
                figures[f"{name}.{label}"] = round(float(np.percentile(values, share)), 2)
        return figures


def isolation(way: str, repeats: int, seconds: float, overrides: Sequence[str]) -> dict[str, object]:
    die, come_back = WAYS[way]
    front, left, log = Camera(), Camera(), Log()
    blocks = [
        f"{{kind: camera, camera: {name}, device: 'rtsp://127.0.0.1:{camera.port}/front'}}"
        for name, camera in (("front", front), ("left", left))
    ]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ("alive", "again", "dying", "dead", "back")}
    recoveries_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_pipeline(written(folder, DEMO + f"sources: [{', '.join(blocks)}]\n"), overrides)
        with Pipeline(loaded).start(out=Path(folder, "run"), on_result=log) as run:
            for name in ("front", "left"):
                log.wait_for(name, 0.0)
            for _ in range(repeats):
                time.sleep(SETTLE_S)
                alive_s = time.monotonic()
                time.sleep(seconds)
                died_s = time.monotonic()
                die(left)
                time.sleep(SETTLE_S)
                dead_s = time.monotonic()
                time.sleep(seconds)
                back_s = time.monotonic()
                come_back(left)
                recoveries_s.append(round(log.wait_for("left", back_s + 0.05) - back_s, 3))
                time.sleep(SETTLE_S)
                half_s = (alive_s + died_s) / 2
                spans = (alive_s, half_s), (half_s, died_s), (died_s, dead_s), (dead_s, back_s), (back_s, back_s + 2)
                for name, span in zip(found, spans, strict=True):
                    found[name].append(log.of("front", *span))
                found["alive"][-1]["whole"] = log.of("front", alive_s, died_s)  # type: ignore[assignment]
            summary = run.finish()
    front.kill()
    left.kill()
    told: dict[str, object] = {}
    for figure in ("latency_ms", "age_ms"):
        p99 = f"{figure}.p99"
        alive = [each["whole"][p99] for each in found["alive"]]  # type: ignore[index]
        dead = [each[p99] for each in found["dead"]]
        told[figure] = {
            "alive_p50": spread([each["whole"][f"{figure}.p50"] for each in found["alive"]]),  # type: ignore[index]
            "dead_p50": spread([each[f"{figure}.p50"] for each in found["dead"]]),
            "alive_p99": spread(alive),
            "dead_p99": spread(dead),
            "ratio": spread([one / other for one, other in zip(dead, alive, strict=True)]),
            "again": spread([one[p99] / other[p99] for one, other in zip(found["again"], found["alive"], strict=True)]),
            "dying_max": spread([each[f"{figure}.max"] for each in found["dying"]]),
            "back_max": spread([each[f"{figure}.max"] for each in found["back"]]),
        }
    told["frames_of_front"] = summary.document()["cameras"]["front"]
    told["recovery_s"] = spread(recoveries_s)
    return told


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def written(folder: str, text: str) -> Path:
    path = Path(folder, "pipeline.yaml")
    path.write_text(text)
    return path


def with_batch(onnx: Path, size: str, batch: str, folder: str) -> Path:
    made = Path(folder, f"{onnx.stem}_{batch}.onnx")
    command = [sys.executable, "-m", "edge_runtime", "model", "edit", str(onnx), "--batch", batch]
    command += ["--size", size, "-o", str(made)] if size else ["-o", str(made)]
    if (ran := subprocess.run(command, capture_output=True, text=True)).returncode:
        sys.exit(ran.stderr)
    return made


def gain(text: str, onnx: Path, size: str, cameras: int, repeats: int, seconds: float) -> dict[str, object]:
    """Frames a second, and a CPU second, of all cameras together: as one batch, and one after another."""
    names = [f"camera{n}" for n in range(cameras)]
    blocks = [
        f"{{kind: simulation, camera: {name}, seed: {n}, size: [640, 360], fps: 10, pace: fast}}"
        for n, name in enumerate(names)
    ]
    found: dict[str, list[tuple[float, float]]] = {"one after another": [], "one batch": []}
    with tempfile.TemporaryDirectory() as folder:
        models = {
            way: with_batch(onnx, size, batch, folder) for way, batch in zip(found, ("1", "dynamic"), strict=True)
        }
        pipeline = re.sub("onnx: .*", "onnx: ONNX", text) + f"sources: [{', '.join(blocks)}]\n"
        path = written(folder, pipeline.replace("ONNX", str(models["one batch"])))
        sources = load_pipeline(path).config.cameras
        pictures = {block.camera: ResidentPictures(open_source(block), 8) for block in sources}
        order = list(found)
        for turn in range(repeats + 1):
            random.Random(turn).shuffle(order)
            for way in order:
                loaded = load_pipeline(path, [f"models.road.onnx={models[way]}"])
                out = Path(folder, f"{turn} {way}")
                with Pipeline(loaded).start(out=out, sources=dict(pictures)) as run:
                    time.sleep(0.5)
                    before, wall, cpu = run.snapshot().counts.published, time.monotonic(), time.process_time()
                    time.sleep(seconds)
                    frames = run.snapshot().counts.published - before
                    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
                if turn:  # the first warms up
                    found[way].append((frames / wall, frames / cpu))
    return {
        **{
            f"{way}, frames a {what}": spread([each[place] for each in turns])
            for way, turns in found.items()
            for place, what in enumerate(("second", "CPU second"))
        },
        "gain": spread([one[0] / other[0] for one, other in zip(*reversed(found.values()), strict=True)]),
        "gain a CPU second": spread([one[1] / other[1] for one, other in zip(*reversed(found.values()), strict=True)]),
    }


def busy_s() -> tuple[float, float]:
    """Seconds that this machine's processors were busy so far, for whomever, and those that there were."""
    jiffies = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    hertz = os.sysconf("SC_CLK_TCK")
    return (sum(jiffies) - jiffies[3] - jiffies[4]) / hertz, sum(jiffies) / hertz


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each time alive and dead")
    parser.add_argument("--way", choices=WAYS, action="append", help="only this; may be repeated")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="A.B=C", help="of the pipeline")
    parser.add_argument("--cameras", type=int, default=3, help="of the gain; 0: do not measure it")
    parser.add_argument("--yolox", type=Path, metavar="ONNX", help="YOLOX-nano, for the gain as well")
    options = parser.parse_args()
    before, told = busy_s(), {"machine": machine(), "date": date.today().isoformat()}
    for way in options.way or WAYS:
        told[way] = isolation(way, options.repeats, options.seconds, options.overrides)
    if options.cameras:
        demo = ROOT / "edge_runtime/assets/demo_detector.onnx"
        networks = {"demo detector": (DEMO, demo, "320,192")}  # whose picture may have any size
        if options.yolox is not None:
            networks["YOLOX-nano"] = (YOLOX, options.yolox, "")
        for name, network in networks.items():
            told[f"{options.cameras} cameras, {name}"] = gain(*network, options.cameras, options.repeats, 3.0)
    busy, there = (now - then for now, then in zip(busy_s(), before, strict=True))
    told["machine_busy_percent"] = round(100 * busy / there)
    told["this_process_percent"] = round(100 * time.process_time() / there)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
