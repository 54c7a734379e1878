#!/usr/bin/env python
"""How much faster many drives are replayed by two workers than by one, and whether the results stay the same.

    python scripts/many_drives.py                            64 drives on a local Ray cluster (pip install .[ray])
    python scripts/many_drives.py --workers processes        on processes instead
    python scripts/many_drives.py --drives 16 --frames 30    fewer and shorter ones

Each drive is a recording of the demo's painted street in small pictures, looked at by one network on one thread: it is
then nearly all of the work, and one worker uses little more than a core. Where several networks run side by side, or
pictures are large beside the network, one worker keeps more cores busy by itself, and a second one adds less.
Starting the workers counts. The two sides take turns, and the figure is the median of their ratios; it means something
only where nothing else runs. `cores` is how many of them a replay on one worker keeps busy. Printed as one JSON
document.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
from pathlib import Path

from recording_cost import LIGHT, PIPELINE

from edge_runtime.core import SystemClock
from edge_runtime.evaluate.many import Asked, Workers, replay_many, tasks_of
from edge_runtime.evaluate.many_workers import in_processes, on_ray
from edge_runtime.pipeline.pipeline import Pipeline

SIZE = [640, 384]


def record(folder: Path, number: int, frames: int) -> list[str]:
    """Drives that differ by their seed."""
    drives = []
    for n in range(number):
        drive = folder / f"drive{n:02}.mcap"
        overrides = {
            **LIGHT,
            "source.seed": n,
            "source.size": SIZE,
            "source.pace": "fast",
            "record.path": str(drive),
        }
        Pipeline.load(PIPELINE, overrides).run(out=folder / "record" / drive.stem, frames=frames)
        drives.append(str(drive))
    return drives


def seconds(drives: list[str], workers: Workers, out: Path) -> float:
    clock = SystemClock()
    began_ns = clock.now_ns()
    documents = replay_many(tasks_of(drives, Asked(), out), workers)
    took_s = (clock.now_ns() - began_ns) / 1e9
    if errors := [f"{one['name']}: {one['error']}" for one in documents if one["error"] is not None]:
        sys.exit("\n".join(errors))
    return took_s


def cores_of_one(drives: list[str], out: Path) -> float:
    """How many cores one worker keeps busy, over a few drives; what the children of this process took."""
    clock = SystemClock()
    began_ns, began_s = clock.now_ns(), children_s()
    replay_many(tasks_of(drives, Asked(), out), in_processes(1))
    return (children_s() - began_s) * 1e9 / (clock.now_ns() - began_ns)


def children_s() -> float:
    """CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def results(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((out / "drives").glob("*/detections.jsonl"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drives", type=int, default=64)
    parser.add_argument("--frames", type=int, default=60, help="of each drive")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", choices=("ray", "processes"), default="ray")
    asked = parser.parse_args()
    took: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drives = record(folder, asked.drives, asked.frames)
        for number in range(asked.rounds):
            for jobs in (1, 2) if number % 2 == 0 else (2, 1):
                workers = in_processes(jobs) if asked.workers == "processes" else on_ray("local", jobs=jobs)
                took[jobs].append(seconds(drives, workers, folder / f"{jobs}-{number}"))
        cores = cores_of_one(drives[:8], folder / "cores")
        outcomes = [results(folder / f"{jobs}-{number}") for jobs in took for number in range(asked.rounds)]
    document = {
        "drives": asked.drives,
        "frames": asked.frames,
        "workers": asked.workers,
        "cores": round(cores, 2),
        "seconds": {str(jobs): [round(each, 2) for each in all_s] for jobs, all_s in took.items()},
        "ratio": round(statistics.median(one / two for one, two in zip(took[1], took[2], strict=True)), 3),
        "identical": all(one == outcomes[0] and len(one) == asked.drives for one in outcomes),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
