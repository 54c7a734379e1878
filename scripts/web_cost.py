"""What the live page costs a pipeline: without it, with it and nobody looking, and with one page open.

    python scripts/web_cost.py pipelines/demo.yaml [--rounds 20] [--seconds 2]

One run, as fast as it goes, over pictures held in memory; the three take turns in an order that changes from round to
round, and each is compared with its own round. The page is a process of its own that asks as a browser does: the stream
of pictures, and the document once a second; what a browser then needs to show them is not the board's cost and not
counted.

Frame rates waver with whatever else the machine does, so the cost is told in processor time, as the kernel counts it:
`frames_per_cpu_s` are the frames for a second of this process's processor time, the page's threads included. On a
machine whose processors the pipeline fills, the rate falls by as much as this does. `page_ms` is the time of the page's
two threads for a second of wall time, and `percent_of_machine` that as a share of all processors. Costs in percent are
means over the rounds with their 95 % interval; that of the frame rate is for a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import mean, stdev

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.pipeline.run import Run
from edge_runtime.sources.resident import ResidentPictures
from edge_runtime.web.site import Site

WAYS = ("none", "closed", "open")
SETTLE_S = 0.7
# Student's t for 95 %, by degrees of freedom; beyond these it is near enough 2.
T95 = {
    1: 12.7,
    2: 4.30,
    3: 3.18,
    4: 2.78,
    5: 2.57,
    6: 2.45,
    7: 2.36,
    8: 2.31,
    9: 2.26,
    10: 2.23,
    14: 2.14,
    19: 2.09,
    29: 2.05,
}

BROWSER = """
import sys, threading, time, urllib.request
base = sys.argv[1]
def document():
    while True:
        urllib.request.urlopen(base + "/live.json").read()
        time.sleep(1)
threading.Thread(target=document, daemon=True).start()
stream = urllib.request.urlopen(base + "/picture.mjpeg")
while stream.read(65536):
    pass
"""


def measured(run: Run, seconds: float) -> dict[str, float]:
    """Frames and CPU time over so many seconds."""
    time.sleep(SETTLE_S)
    wall, cpu, page, published = time.monotonic(), time.process_time(), page_s(), run.snapshot().counts.published
    time.sleep(seconds)
    wall, cpu, page = time.monotonic() - wall, time.process_time() - cpu, page_s() - page
    frames = run.snapshot().counts.published - published
    return {
        "fps": frames / wall,
        "cpu_ms": 1000 * cpu / wall,
        "frames_per_cpu_s": frames / cpu,
        "page_ms": 1000 * page / wall,
        "percent_of_machine": 100 * page / wall / (os.cpu_count() or 1),
    }


def page_s() -> float:
    """CPU time of the server's thread and of the one that draws (proc_pid_schedstat: nanoseconds on a processor)."""
    ours = [thread.native_id for thread in threading.enumerate() if thread.name in ("live page", "sink live page")]
    return sum(int(Path(f"/proc/self/task/{tid}/schedstat").read_text().split()[0]) for tid in ours) / 1e9


def spread(values: list[float]) -> tuple[float, float]:
    """Mean and half of its 95 % interval."""
    if len(values) < 2:
        return mean(values), math.inf
    free = len(values) - 1
    t95 = T95[max(known for known in T95 if known <= free)]
    return mean(values), t95 * stdev(values) / math.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="A.B=C")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--pictures", type=int, default=30)
    arguments = parser.parse_args()
    fixed = ["source.pace=fast", "sinks=[]", f"http={{bind: {arguments.port}}}"]
    loaded = load_pipeline(arguments.pipeline, [*arguments.overrides, *fixed])
    source = ResidentPictures(open_source(loaded.config.one_source), arguments.pictures)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with (
        tempfile.TemporaryDirectory() as folder,
        Pipeline(loaded).start(sources={loaded.config.one_source.camera: source}, out=Path(folder) / "run") as run,
    ):
        measured(run, 2.0)
        order, shuffle = list(WAYS), random.Random(0).shuffle
        for _ in range(arguments.rounds):
            shuffle(order)
            for way in order:
                found[way].append(one_turn(run, way, arguments, loaded))
    told: dict[str, object] = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    for way in WAYS:
        told[way] = {key: round(mean(turn[key] for turn in found[way]), 2) for key in found[way][0]}
    told["cores"] = os.cpu_count()
    for figure in ("frames_per_cpu_s", "fps"):
        for way in WAYS[1:]:
            pairs = zip(found[way], found["none"], strict=True)
            middle, half = spread([100 * (1 - turn[figure] / base[figure]) for turn, base in pairs])
            told[f"{way}_costs_percent_of_{figure}"] = {"mean": round(middle, 2), "ci95": round(half, 2)}
    print(json.dumps(told, indent=2))


def one_turn(run: Run, way: str, arguments: argparse.Namespace, loaded: LoadedPipeline) -> dict[str, float]:
    with Site(SystemClock()) as site:
        if way == "none":
            return measured(run, arguments.seconds)
        site.open(loaded)
        site.show(run)
        if way == "closed":
            return measured(run, arguments.seconds)
        assert site.address is not None
        browser = subprocess.Popen([sys.executable, "-c", BROWSER, site.address])
        try:
            return measured(run, arguments.seconds)
        finally:
            browser.kill()
            browser.wait()


if __name__ == "__main__":
    main()
