#!/usr/bin/env python3
"""The governor's figures over seeded scenario-plant pairs: simulate them all, print one table.

    python scripts/governor_figures.py                      # 200 pairs that the governor was not developed on
    python scripts/governor_figures.py --pairs 300 --first 0 # those that it was developed on

Boards and ladders are those of configs/. Pairs are drawn from their seeds (edge_runtime/simulate/pairs.py); a second
counts as feasible when some point of the ladder holds every budget in that segment for ever, and no heat is left over
from before that even the oracle must shed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_runtime.config.block_file import load_block
from edge_runtime.config.ladder import load_ladder
from edge_runtime.config.plant import Plant
from edge_runtime.config.schema import Budgets, GovernorBlock
from edge_runtime.core import FrameStats, TelemetrySample
from edge_runtime.governor import Governor
from edge_runtime.simulate.pairs import Pair, make_pair
from edge_runtime.simulate.run import POLICIES, Outcome, simulate
from edge_runtime.simulate.score import late

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def figures(pair: Pair, outcome: Outcome) -> dict[str, Any]:
    """The sums of one pair from which the table is made."""
    world = outcome.world
    document = outcome.document()
    able = outcome.able
    sensed = np.array([world.segments[world.segment_at(second)].sensor == "ok" for second in range(world.seconds)])
    max_fps = outcome.judged["max"].held["fps"]
    segment = np.array([world.segment_at(second) for second in range(world.seconds)])
    max_holds = np.array([max_fps[segment == index].mean() >= 0.97 for index in range(len(world.segments))])[segment]
    row: dict[str, Any] = {"seed": pair.seed, "kind": pair.kind, "plant": pair.plant.name, "feasible": int(able.sum())}
    row["seconds"] = world.seconds
    for name in POLICIES:
        judged, trace = outcome.judged[name], outcome.traces[name]
        missed = late(world, trace)
        done = np.minimum(np.asarray(trace.done_s).astype(int), world.seconds - 1)
        row[name] = {
            **{key: int(judged.held[key][able].sum()) for key in judged.held},
            "power_and_fps": int((judged.held["power"] & judged.held["fps"])[able].sum()),
            "frames": int(able[done].sum()),
            "missed": int(missed[able[done]].sum()),
            "useful": float(judged.usefulness.sum()),
            "useful_sensed": float(judged.usefulness[sensed].sum()),
            "useful_feasible": float(judged.usefulness[able & sensed].sum()),
            "energy": float(judged.power_w.sum()),
            "energy_max_holds": float(judged.power_w[max_holds].sum()),
            **{
                key: document["policies"][name][key]
                for key in (
                    "longest_steady_miss_burst",
                    "settling_s",
                    "steady_changes_per_minute",
                    "longest_fault_violation_s",
                    "throttled_share",
                )
            },
        }
    return row


def decision_us(boards: list[tuple[Plant, Any]]) -> tuple[float, float]:
    """Median and 99th percentile cost of a decision on this machine."""
    ladder = max((ladder for _, ladder in boards), key=lambda ladder: len(ladder.points))
    budgets = Budgets(power_w=40.0, thermal_c=85.0, fps_floor=25.0, latency_ms=100.0)
    governor = Governor(ladder, budgets, GovernorBlock(ladder=Path("none")))
    random, name, took = np.random.default_rng(0), None, []
    for tick in range(3000):
        t_ns = tick * 200_000_000
        sample = TelemetrySample(t_ns, "plant", 35 + random.normal(), temp_c={"tj": 60 + random.normal()})
        stats = FrameStats(t_ns, 0.2, 6, 6, 0, 30.0, 30.0, 20.0, 25.0, 12.0, 14.0, 4.0, name)
        began = time.perf_counter_ns()
        name = governor.decide(sample, stats, 20.0).point.name
        took.append((time.perf_counter_ns() - began) / 1e3)
    return float(np.median(took)), float(np.quantile(took, 0.99))


def table(rows: list[dict[str, Any]], cost_us: tuple[float, float]) -> Table:
    """The figures, measured against what is to be reached, and the same for every policy."""

    def total(name: str, key: str) -> float:
        return float(sum(row[name][key] for row in rows))

    def worst(name: str, key: str) -> str:
        return f"{max(row[name][key] for row in rows):.0f}"

    feasible = sum(row["feasible"] for row in rows)
    shown = Table(title=f"{len(rows)} pairs, {sum(row['seconds'] for row in rows)} s, {feasible} s of them feasible")
    for head in ("figure", "to reach", *POLICIES):
        shown.add_column(head, justify="left" if head == "figure" else "right")

    def line(figure: str, goal: str, text: Any) -> None:
        shown.add_row(figure, goal, *(text(name) for name in POLICIES))

    for key, figure, goal in (
        ("power_and_fps", "power and fps held", ">= 97 %"),
        ("power", "power held", ""),
        ("fps", "fps held", ""),
        ("thermal", "thermal held", "100 %"),
        ("latency", "every frame of the second in time", ""),
    ):
        line(figure, goal, lambda name, key=key: f"{100 * total(name, key) / feasible:.2f} %")
    line("deadline misses", "<= 2 %", lambda name: f"{100 * total(name, 'missed') / total(name, 'frames'):.3f} %")
    line("longest burst of misses", "<= 5", lambda name: worst(name, "longest_steady_miss_burst"))
    for key, figure, goal in (
        ("useful", "usefulness of the oracle's", ">= 95 %"),
        ("useful_sensed", "  where sensors work", ""),
        ("useful_feasible", "  and budgets are feasible", ""),
    ):
        line(figure, goal, lambda name, key=key: f"{100 * total(name, key) / total('oracle', key):.2f} %")
    line("energy", "< threshold", lambda name: f"{total(name, 'energy') / 1e3:.0f} kJ")
    line(
        "energy of max's where max holds fps", "<= 80 %",
        lambda name: f"{100 * total(name, 'energy_max_holds') / total('max', 'energy_max_holds'):.1f} %",
    )  # fmt: skip

    def settled(name: str) -> str:
        took = [seconds for row in rows for seconds in row[name]["settling_s"]]
        return f"{100 * float(np.mean(np.asarray(took) <= 2)):.1f} %"

    line("steps settled within 2 s", "100 %", settled)
    line("most changes a steady minute", "<= 6", lambda name: worst(name, "steady_changes_per_minute"))
    line(
        "  pairs with more than 6",
        "0",
        lambda name: str(sum(row[name]["steady_changes_per_minute"] > 6 for row in rows)),
    )
    line("longest violation in a sensor fault", "<= 2 s", lambda name: worst(name, "longest_fault_violation_s") + " s")
    shown.caption = f"one decision: median {cost_us[0]:.0f} us, 99 % under {cost_us[1]:.0f} us"
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200, metavar="N")
    parser.add_argument("--first", type=int, default=4000, metavar="SEED", help="seed of the first pair")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the sums of every pair here")
    options = parser.parse_args()
    boards = [
        (load_block(path, Plant), load_ladder(CONFIGS / "ladders" / path.name))
        for path in sorted((CONFIGS / "plants").glob("*.yaml"))
    ]
    rows = []
    settings = GovernorBlock(ladder=Path("none"))
    for seed in track(range(options.first, options.first + options.pairs), "pairs", console=Console(stderr=True)):
        pair = make_pair(seed, boards)
        outcome = simulate(pair.ladder, settings, Budgets(), pair.plant, pair.scenario, seed=seed)
        rows.append(figures(pair, outcome))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 150).print(table(rows, decision_us(boards)))


if __name__ == "__main__":
    main()
