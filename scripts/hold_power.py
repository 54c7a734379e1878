#!/usr/bin/env python3
"""Does a real board hold a power budget that is well under what the pipeline would like to draw?

    python scripts/hold_power.py pipelines/highway_video.yaml --set source.path=drive.mp4 --out held

Watts at rest, then the pipeline with nothing held back, then slower points around the budget, a few seconds each, and
at last the same pipeline with a governor on that ladder and a budget of rest plus 60 % of what it drew above it. Every
run is an `edge-run` as a person would type it, and nothing of the machine is set. The folder holds the last run: its
logs, a plot, and the table that is printed. Some pictures of the pipeline's own source are the camera: decoded
beforehand, so that reading them costs next to nothing, and shown at a rate that the pipeline cannot reach. Exit code 3
when a budget was held in less than 97 % of the seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
import yaml

from edge_runtime.config.export import to_document
from edge_runtime.config.ladder import Busy, Knobs, Ladder, MeasuredLatency, Rung, ladder_text
from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import DetectStage, NetworkStage, PipelineConfig, TelemetryBlock
from edge_runtime.core import SystemClock
from edge_runtime.errors import EdgeRuntimeError
from edge_runtime.sources import open_source
from edge_runtime.telemetry import open_telemetry

HELD, NOT_HELD = 0.97, 3
# The first seconds of a run are those of starting up.
WARM_UP_S = 2
# The cheapest point: a rate with room above the floor, and no regions.
LEAST_SHARE, ABOVE_FLOOR = 0.15, 1.5
# Points between it and the fastest one are sought where they should draw so much of what the budget leaves.
AIMS = (0.85, 1.1, 0.95, 0.7)
# Above the cheapest point's watts a budget must leave so much, or there is nothing to steer with.
ROOM = 1.2
# A rate nearer than this to one that was measured is no point of its own.
APART = 0.04
PICTURES = 40


class Stopped(Exception):
    """What a person must know instead of a table."""


def main() -> int:
    options = arguments()
    try:
        config = load_pipeline(options.pipeline, options.set).config
        options.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as pictures:
            written = keep_pictures(config, Path(pictures))
            bench = Bench(config, options, Path(pictures))
            say(f"{written} pictures at {options.camera_fps:g} a second, watts from {options.telemetry}")
            return prove(bench, config, options)
    except (EdgeRuntimeError, Stopped) as error:
        print(error, file=sys.stderr)
        return 2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "pipeline", type=Path, help="a pipeline file with a detector; one with regions has more to turn"
    )
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a value of the file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--share", type=float, default=0.6, help="of the watts above rest that may be drawn (0.6)")
    parser.add_argument("--floor", type=float, default=30.0, metavar="FPS", help="frames a second to hold (30)")
    parser.add_argument("--seconds", type=float, default=180.0, help="length of the run that counts (180)")
    parser.add_argument("--camera-fps", type=float, default=400.0, metavar="FPS", help="rate of the pictures (400)")
    parser.add_argument("--telemetry", default="auto", metavar="SOURCE", help="as in `telemetry.source` (auto)")
    parser.add_argument("--rest-seconds", type=float, default=10.0, metavar="S")
    parser.add_argument("--full-seconds", type=float, default=20.0, metavar="S")
    parser.add_argument("--rung-seconds", type=float, default=6.0, metavar="S")
    parser.add_argument("--ladder", type=Path, metavar="FILE", help="take this one of an earlier run, measure none")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def keep_pictures(config: PipelineConfig, folder: Path) -> int:
    """The first pictures of the source, uncompressed, there and back again, so that nothing jumps where they repeat."""
    with closing(open_source(config.one_source)) as source:
        count = 0
        while count < PICTURES and (picture := source.read()) is not None:
            cv2.imwrite(str(folder / f"{count:04}.bmp"), picture.image)
            count += 1
    for step, number in enumerate(range(count - 2, 0, -1)):
        os.link(folder / f"{number:04}.bmp", folder / f"{count + step:04}.bmp")
    return count


class Bench:
    """Runs the pipeline by its command line, with the pictures as its camera and without sinks."""

    def __init__(self, config: PipelineConfig, options: argparse.Namespace, pictures: Path) -> None:
        self._out: Path = options.out / "measured"
        self._out.mkdir(exist_ok=True)
        self._networks = {stage.name for stage in config.stages if isinstance(stage, NetworkStage)}
        source = to_document(config)["source"]
        images = {"kind": "images", "path": str(pictures), "fps": options.camera_fps, "pace": "live", "loop": True}
        kept = {key: source[key] for key in ("camera", "ego_speed_kmh", "calibration") if key in source}
        changed = {
            "source": {**images, **kept},
            "sinks": [],
            "telemetry": {"source": options.telemetry, "period_ms": 100},
        }
        self._pipeline = self._out / "pipeline.yaml"
        self._pipeline.write_text(yaml.safe_dump({**to_document(config), **changed}, sort_keys=False))

    def run(self, ladder: Path, budgets: Mapping[str, float], seconds: float, out: Path) -> dict[str, Any]:
        """`edge-run run` with this ladder and these budgets; its summary."""
        command = [
            sys.executable,
            "-m",
            "edge_runtime",
            "run",
            str(self._pipeline),
            "--json",
            "--seconds",
            f"{seconds:g}",
        ]
        command += ["--set", f"governor={json.dumps({'ladder': str(ladder)})}"]
        command += ["--set", f"budgets={json.dumps(dict(budgets))}", "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Stopped(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr[-2000:]}")
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def measure(self, name: str, knobs: Knobs, seconds: float, rest_w: float) -> Rung:
        """One point, run alone for some seconds: nothing keeps it from what it would like to draw."""
        unknown = {"fps": 1.0, "latency_ms": {"p50": 1.0, "p99": 1.0}, "busy_ms": {"gpu": 0.0, "host": 0.0}}
        alone = Rung(name=name, knobs=knobs, watts=0.0, usefulness=1.0, **unknown)
        ladder = self._out / f"{name}.yaml"
        ladder.write_text(ladder_text(Ladder(board="not measured yet", idle_w=rest_w, points=(alone,))))
        summary = self.run(ladder, {}, seconds, self._out / name)
        watts = [row["power_w"] for row in seconds_of(self._out / name)[WARM_UP_S:] if row["power_w"] is not None]
        if not watts or summary["fps"] is None:
            raise Stopped(f"{self._out / name}: no second of it was measured. {'; '.join(summary['warnings'])}")
        gpu, host = self._busy_ms(summary["stage_ms"])
        # Threads that wait for each other take longer than a frame keeps the busier one busy, so this is no more than
        # the governor expects; where it expects less, the watts must be those of so many frames.
        fps = min(summary["fps"], 1e3 / max(gpu, host))
        measured = {
            "fps": round(fps, 1),
            "latency_ms": MeasuredLatency(p50=summary["latency_ms"]["p50"], p99=summary["latency_ms"]["p99"]),
            "busy_ms": Busy(gpu=round(gpu, 3), host=round(host, 3)),
            "watts": round(max(0.0, fmean(watts) - rest_w), 1),
        }
        say(f"{name}: {summary['fps']:.1f} fps, {fmean(watts):.1f} W")
        return alone.model_copy(update=measured)

    def _busy_ms(self, stage_ms: Mapping[str, Mapping[str, float | None]]) -> tuple[float, float]:
        """Of the networks and of the busier host thread, as the governor will hear of them (`pipeline.meter`)."""
        took_ms = {
            stage: spread["p50"] or 0.0 for stage, spread in stage_ms.items() if stage not in ("source", "queue")
        }
        networks = sum(took_ms.pop(name, 0.0) for name in self._networks)
        front = sum(ms for stage, ms in took_ms.items() if stage.endswith(".preprocess"))
        return networks, max(front, sum(took_ms.values()) - front)


def prove(bench: Bench, config: PipelineConfig, options: argparse.Namespace) -> int:
    rest_w, device = watts_at_rest(options)
    say(f"at rest: {rest_w:.1f} W")
    path = options.ladder or options.out / "ladder.yaml"
    if options.ladder is None:
        full = bench.measure("full", Knobs(), options.full_seconds, rest_w)
        rungs = [full]
        rungs.append(bench.measure(*cheapest(full.fps, config, options.floor), options.rung_seconds, rest_w))
        for aim in AIMS:
            if (cap := cap_for(aim * options.share * (full.watts or 0.0), rungs)) is not None:
                rungs.append(bench.measure(f"{cap}fps", Knobs(fps_cap=float(cap)), options.rung_seconds, rest_w))
        ladder = Ladder(board=device, idle_w=round(rest_w, 1), camera_fps=options.camera_fps, points=tuple(rungs))
        ladder = with_usefulness(ladder, most_regions(config))
        path.write_text(ladder_text(ladder, "Measured by scripts/hold_power.py.\nusefulness: views a second"))
    ladder = Ladder.model_validate(yaml.safe_load(path.read_text()))
    drawn_w = [rung.watts or 0.0 for rung in ladder.points]
    full_w, least_w = drawn_w[0], min(drawn_w)
    budget_w = round(rest_w + options.share * full_w, 1)
    if rest_w + ROOM * least_w > budget_w:
        raise Stopped(
            f"the budget would be {budget_w:g} W, and the cheapest point draws {rest_w + least_w:.1f} W: nothing is"
            f" left to steer with. Try --share {min(0.95, 1.1 * ROOM * least_w / full_w):.2f}"
        )
    say(f"budget: {budget_w:g} W; {options.seconds:g} s with the governor")
    summary = bench.run(path, {"power_w": budget_w, "fps_floor": options.floor}, options.seconds, options.out)
    plot = options.out / "plot.svg"
    subprocess.run([sys.executable, "-m", "edge_runtime", "report", str(options.out), "--plot", str(plot)], check=False)
    table = table_of(summary, options.out, device, {"rest": rest_w, "full": rest_w + full_w})
    (options.out / "held.md").write_text(table)
    print(table, end="")
    shares = [budget["held"] / max(1, budget["windows"]) for budget in summary["budgets"].values()]
    return 0 if min(shares) >= HELD else NOT_HELD


def watts_at_rest(options: argparse.Namespace) -> tuple[float, str]:
    """The mean of all readings while nothing runs, and the name of what was measured."""
    clock, never = SystemClock(), threading.Event()
    say(f"measuring {options.rest_seconds:g} s at rest")
    watts: dict[int, float] = {}
    with open_telemetry(TelemetryBlock(source=options.telemetry, period_ms=100), clock) as telemetry:
        end_ns = clock.now_ns() + round(options.rest_seconds * 1e9)
        while clock.now_ns() < end_ns:
            clock.wait_until_ns(clock.now_ns() + 50_000_000, never)
            sample = telemetry.read(clock.now_ns())
            if sample is not None and sample.power_w is not None:
                watts[sample.t_ns] = sample.power_w
        name, problem = telemetry.name, telemetry.problem
    if not watts:
        raise Stopped(
            f"{name} measures no watts here{f': {problem}' if problem else ''}. Try: edge-run doctor telemetry"
        )
    return fmean(watts.values()), name


def most_regions(config: PipelineConfig) -> int:
    blocks = [stage.regions for stage in config.stages if isinstance(stage, DetectStage)]
    return sum(block.max for block in blocks if block is not None)


def cheapest(full_fps: float, config: PipelineConfig, floor: float) -> tuple[str, Knobs]:
    cap = round(max(LEAST_SHARE * full_fps, min(ABOVE_FLOOR * floor, full_fps)))
    return f"{cap}fps-whole", Knobs(fps_cap=float(cap), regions=0 if most_regions(config) else None)


def cap_for(aim_w: float, rungs: Sequence[Rung]) -> int | None:
    """The rate that should draw `aim_w` above rest, by the points around it; None where there is none to be had."""
    known = sorted((rung.watts or 0.0, rung.fps) for rung in rungs)
    if not known[0][0] < aim_w < known[-1][0]:
        return None
    watts, fps = np.array(known).T
    cap = round(float(np.interp(aim_w, watts, fps)))
    return None if any(abs(rung.fps - cap) < APART * cap for rung in rungs) else cap


def with_usefulness(ladder: Ladder, regions: int) -> Ladder:
    """Views a second, against the fastest point's: what can be said of a pipeline without labels."""

    def views(rung: Rung) -> float:
        return rung.fps * (1 + (regions if rung.knobs.regions is None else rung.knobs.regions))

    most = max(views(rung) for rung in ladder.points)
    rated = [rung.model_copy(update={"usefulness": round(views(rung) / most, 3)}) for rung in ladder.points]
    return ladder.model_copy(update={"points": tuple(rated)})


def seconds_of(folder: Path) -> list[dict[str, Any]]:
    """`power_fps.csv`: numbers where there are some, None where nothing was measured."""
    with (folder / "power_fps.csv").open(newline="") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> Any:
    try:
        return float(text) if text else None
    except ValueError:
        return text


def table_of(summary: Mapping[str, Any], folder: Path, device: str, watts: Mapping[str, float]) -> str:
    rows, budgets = seconds_of(folder), summary["budgets"]
    powers = [row["power_w"] for row in rows if row["power_w"] is not None]
    if not powers:
        raise Stopped(f"{folder / 'power_fps.csv'} holds no second with power. {'; '.join(summary['warnings'])}")
    points = [json.loads(line)["point"] for line in (folder / "decisions.jsonl").read_text().splitlines()]
    changes = sum(before != after for before, after in pairwise(points))
    last_minute = points[-len(points) * 60 // max(60, round(summary["seconds"])) :]
    power, fps = budgets["power_w"], budgets["fps_floor"]
    lines = {
        "measured by": device,
        "at rest": f"{watts['rest']:.1f} W",
        "with nothing held back": f"{watts['full']:.1f} W",
        "budget": f"{power['limit']:.1f} W",
        "seconds in which power was held": _share(power),
        f"seconds at {fps['limit']:g} fps or more": _share(fps),
        "longest violation, power and fps": f"{power['longest_violation_s']:g} s, {fps['longest_violation_s']:g} s",
        "mean watts, highest second": f"{fmean(powers):.1f} W, {max(powers):.1f} W",
        "frames a second": f"{summary['fps']:.1f}",
        "latency p50, p99": f"{summary['latency_ms']['p50']:.1f} ms, {summary['latency_ms']['p99']:.1f} ms",
        "changes of the point a minute": f"{60 * changes / summary['seconds']:.1f}",
        "in the last minute": str(sum(before != after for before, after in pairwise(last_minute))),
    }
    return "".join(f"| {key} | {value} |\n" for key, value in {"figure": "value", "---": "---", **lines}.items())


def _share(budget: Mapping[str, Any]) -> str:
    share = budget["held"] / budget["windows"] if budget["windows"] else 0.0
    return f"{budget['held']} of {budget['windows']}, {100 * share:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
