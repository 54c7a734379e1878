"""A choice in words: what runs, what would be more useful, and which budget keeps it away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edge_runtime.config.ladder import Rung
from edge_runtime.config.schema import Budgets, Constraint
from edge_runtime.core import Decision, OperatingPoint

from .choice import ORDER, Choice, Outlook


class Limits(NamedTuple):
    """What the choice was measured against: budgets, the floor at this speed, the temperature now."""

    budgets: Budgets
    floor_fps: float | None
    temp_c: float | None


def explained(
    choice: Choice, left_out: Sequence[Outlook], rung: Rung, point: OperatingPoint, limits: Limits, now_ns: int
) -> Decision:
    """The decision for a rung, with its reason; `point` is what to run until its power mode is reached.

    `left_out` are more useful points that were not in the choice, because they had to be left not long ago.
    """
    name = rung.name if point.name == rung.name else f"{point.name}, until {rung.name} has {rung.knobs.power_mode}"
    if choice.broken:
        alarm = f"no point holds every budget: given up {', '.join(choice.broken)}"
        reason = f"{name}: {alarm}; {_amounts(choice.best, choice.broken[0], limits)}"
        return Decision(now_ns, point, choice.broken[0], reason, feasible=False, alarm=alarm)
    rival = choice.rival or min(left_out, key=lambda outlook: outlook.usefulness, default=None)
    binding = choice.binding or (rival.first_broken(ORDER) if rival else None)
    if rival is not None and binding is not None:
        reason = f"{name}: {rival.rung.name} is more useful, but {_amounts(rival, binding, limits)}"
    elif rival is not None:
        reason = f"{name}: {rival.rung.name} fits again, but had to be left not long ago"
    elif choice.best.rung is not rung:
        reason = f"{name}: {choice.best.rung.name} fits, and is run if that lasts"
    else:
        reason = f"{name}: no budget keeps a more useful point away"
    return Decision(now_ns, point, binding, reason)


def _amounts(outlook: Outlook, constraint: Constraint, limits: Limits) -> str:
    budgets = limits.budgets
    if constraint == "power":
        near = "" if outlook.power_w > (budgets.power_w or 0.0) else ", too near"
        return f"would draw {outlook.power_w:.1f} W of {budgets.power_w:g} W{near}"
    if constraint == "thermal":
        return f"would heat a board at {limits.temp_c or 0.0:.1f} °C past {budgets.thermal_c:g} °C"
    if constraint == "fps":
        return f"would hold {outlook.fps:.1f} of {limits.floor_fps or 0.0:.1f} frames a second"
    return f"would take {outlook.latency_ms:.0f} of {budgets.latency_ms:g} ms"
