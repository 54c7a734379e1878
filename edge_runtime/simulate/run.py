"""A scenario run with every policy, and the document that compares them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.config.ladder import Ladder, Rung
from edge_runtime.config.plant import Plant
from edge_runtime.config.schema import Budgets, GovernorBlock
from edge_runtime.governor import Governor, safe_rung

from .board import Trace, drive
from .files import Scenario, Segment
from .policies import Constant, Governed, Oracle, Policy, Threshold, Truth
from .score import Held, Windows, late, policy_document, segment_rows, windows
from .world import World, make_world

POLICIES = ("governor", "oracle", "max", "safe", "threshold")
# The oracle tries every point in every segment for so long, the first seconds left out.
_TRIAL_S, _TRIAL_WARM_S = 32, 2


@dataclass(frozen=True)
class Outcome:
    """A simulated scenario: what every policy did in the same world, and which segments can be held at all."""

    scenario: str
    world: World
    traces: dict[str, Trace]
    judged: dict[str, Windows]
    feasible: tuple[bool, ...]
    reasons: tuple[str, ...]

    @property
    def able(self) -> Held:
        """By second: can every budget be held, for ever, and is no heat left over that even the oracle must shed?"""
        feasible = np.array([self.feasible[self.world.segment_at(second)] for second in range(self.world.seconds)])
        return feasible & self.judged["oracle"].held["thermal"]

    def document(self) -> dict[str, Any]:
        """The JSON document of `simulate --json`."""
        world = self.world
        policies = {
            name: policy_document(world, trace, self.judged[name], self.able) for name, trace in self.traces.items()
        }
        rows = {
            name: segment_rows(world, self.judged[name], trace, world.ladder) for name, trace in self.traces.items()
        }
        segments = [
            {
                **segment.model_dump(),
                "floor_fps": world.floors_fps[index],
                "feasible": self.feasible[index],
                "policies": {name: row[index] for name, row in rows.items()},
            }
            for index, segment in enumerate(world.segments)
        ]
        budgets = world.budgets.model_dump(mode="json", exclude_none=True)
        return {
            "scenario": self.scenario,
            "plant": world.plant.name,
            "seconds": world.seconds,
            "budgets": budgets,
            "policies": policies,
            "segments": segments,
        }


def simulate(
    ladder: Ladder,
    settings: GovernorBlock,
    budgets: Budgets,
    plant: Plant,
    scenario: Scenario,
    *,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> Outcome:
    """Run governor, oracle, max, safe and threshold through the same world."""
    world = make_world(plant, scenario, ladder, budgets, seed)
    progress("trying every point in every segment")
    truths = try_all(world, budgets, seed)
    budgets, limit_c = world.budgets, world.budgets.thermal_c
    period_s = settings.period_ms / 1e3
    thermal = plant.thermal
    governed = Governed(Governor(ladder, budgets, settings))
    policies: dict[str, Policy] = {
        "governor": governed,
        "oracle": Oracle(ladder.points, truths, limit_c, math.exp(-period_s / (thermal.r_c_per_w * thermal.c_j_per_c))),
        "max": Constant(ladder.most_useful_first[0]),
        "safe": Constant(safe_rung(ladder, budgets, settings.safe_point)),
        "threshold": Threshold(ladder, budgets),
    }
    traces: dict[str, Trace] = {}
    for name in POLICIES:
        progress(name)
        traces[name] = drive(world, policies[name], period_s=period_s)
    return Outcome(
        scenario.name,
        world,
        traces,
        {name: windows(world, trace) for name, trace in traces.items()},
        tuple(any(truth.feasible(limit_c) for truth in of) for of in truths),
        tuple(decision.reason for decision in governed.decisions),
    )


def try_all(world: World, budgets: Budgets, seed: int) -> list[list[Truth]]:
    """What every point does in every segment, with other noise than the scenario's own."""
    known: dict[Segment, list[Truth]] = {}
    truths = []
    for segment in world.segments:
        alone = segment.model_copy(update={"seconds": float(_TRIAL_S), "sensor": "ok"})
        if alone not in known:
            known[alone] = [_try(world, budgets, alone, rung, seed) for rung in world.ladder.points]
        truths.append(known[alone])
    return truths


def _try(world: World, budgets: Budgets, segment: Segment, rung: Rung, seed: int) -> Truth:
    thermal = world.plant.thermal
    # Heat is a matter of hours, not of a trial: only the steady temperature counts.
    cold = world.plant.model_copy(
        update={"thermal": thermal.model_copy(update={"throttle_c": 150.0, "c_j_per_c": 1e6})}
    )
    trial = make_world(cold, Scenario(budgets=world.budgets, segments=(segment,)), world.ladder, budgets, seed + 1)
    trace = drive(trial, Constant(rung), period_s=0.5)
    judged = windows(trial, trace)
    power_w = float(judged.power_w[_TRIAL_WARM_S:].mean())
    return Truth(
        power_held=float(judged.held["power"][_TRIAL_WARM_S:].mean()),
        fps_held=float(judged.held["fps"][_TRIAL_WARM_S:].mean()),
        on_time=1.0 - float(late(trial, trace).mean()) if trace.done_s else 0.0,
        power_w=power_w,
        usefulness=float(judged.usefulness[_TRIAL_WARM_S:].mean()),
        steady_c=segment.ambient_c + thermal.r_c_per_w * power_w,
    )
