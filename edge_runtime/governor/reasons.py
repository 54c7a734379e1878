"""A choice in words: what runs, what would be more useful, and which budget keeps it away."""

from __future__ import annotations

from typing import NamedTuple

from edge_runtime.config.schema import Budgets, Constraint
from edge_runtime.core import Decision, OperatingPoint

from .choice import Choice, Outlook


class Limits(NamedTuple):
    """What the choice was measured against: budgets, the floor at this speed, the temperature now."""

    budgets: Budgets
    floor_fps: float | None
    temp_c: float | None


def explained(choice: Choice, name: str, point: OperatingPoint, limits: Limits, now_ns: int) -> Decision:
    """The decision to run `point`, the rung called `name`, with its reason."""
    if choice.broken:
        alarm = f"no point holds every budget: given up {', '.join(choice.broken)}"
        reason = f"{name}: {alarm}; {_amounts(choice.best, choice.broken[0], limits)}"
        return Decision(now_ns, point, choice.broken[0], reason, feasible=False, alarm=alarm)
    if choice.rival is None or choice.binding is None:
        return Decision(now_ns, point, None, f"{name}: no budget keeps a more useful point away")
    rival = choice.rival
    reason = f"{name}: {rival.rung.name} is more useful, but {_amounts(rival, choice.binding, limits)}"
    return Decision(now_ns, point, choice.binding, reason)


def _amounts(outlook: Outlook, constraint: Constraint, limits: Limits) -> str:
    budgets = limits.budgets
    if constraint == "power":
        return f"would draw {outlook.power_w:.1f} W of {budgets.power_w:g} W, too near or above"
    if constraint == "thermal":
        return f"would heat a board at {limits.temp_c or 0.0:.1f} °C past {budgets.thermal_c:g} °C"
    if constraint == "fps":
        return f"would hold {outlook.fps:.1f} of {limits.floor_fps or 0.0:.1f} frames a second"
    return f"would take {outlook.latency_ms:.0f} of {budgets.latency_ms:g} ms"
