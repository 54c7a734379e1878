"""Which point is best, given what each would do? Pure comparison, in the order in which budgets count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_runtime.config.ladder import Rung
from edge_runtime.config.schema import Constraint

ORDER: tuple[Constraint, ...] = ("thermal", "power", "fps", "latency", "usefulness")
# Where a budget cannot be held, points that break it about as little as the best one does count as equals (W, W, frames
# a second, ms).
ABOUT = (0.1, 0.1, 0.3, 1.0)
# A share of the usefulness is worth so many times that share of the power.
SAVING = 4.0


class Outlook(NamedTuple):
    """What a point would do now.

    `excess` is by how much each budget would be broken (W, W, frames a second, ms, in the order of `ORDER`), above
    zero where it would be; `usefulness` counts only the frames it would still deliver.
    """

    rung: Rung
    usefulness: float
    power_w: float
    fps: float
    latency_ms: float
    excess: tuple[float, float, float, float]

    def first_broken(self, order: Iterable[Constraint]) -> Constraint | None:
        return next((name for name in order if name != "usefulness" and self.excess[ORDER.index(name)] > 0.0), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """The best point, the budgets that no point can hold (most important first), and the more useful point that is
    kept away, if any, with the budget that does it."""

    best: Outlook
    broken: tuple[Constraint, ...]
    rival: Outlook | None
    binding: Constraint | None


def complete(order: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """Every constraint once: those named first, the others after them as they usually come."""
    return tuple(dict.fromkeys((*order, *ORDER)))


def choose(outlooks: Sequence[Outlook], order: Sequence[Constraint], economy: float) -> Choice:
    """The most useful point that holds every budget; where none does, budgets are given up from the end of the order.

    Up to a share of `economy` of the usefulness is given away where that saves `SAVING` times as much of the power.
    """
    left, broken = list(outlooks), []
    for name in order:
        if name == "usefulness":
            most = max(outlook.usefulness for outlook in left)
            left = [outlook for outlook in left if outlook.usefulness >= most * (1.0 - economy)]
            continue
        index = ORDER.index(name)
        holding = [outlook for outlook in left if outlook.excess[index] <= 0.0]
        if not holding:
            broken.append(name)
            least = min(outlook.excess[index] for outlook in left)
            holding = [outlook for outlook in left if outlook.excess[index] <= least + ABOUT[index]]
        left = holding
    best = _worth_it(left, economy)
    most = max(outlook.usefulness for outlook in left)
    rivals = [outlook for outlook in outlooks if outlook.usefulness > most * (1.0 + 1e-6)]
    rival = min(rivals, key=lambda outlook: outlook.usefulness, default=None)
    return Choice(best, tuple(broken), rival, rival.first_broken(order) if rival else None)


def _worth_it(outlooks: Sequence[Outlook], economy: float) -> Outlook:
    top = max(outlooks, key=lambda outlook: (outlook.usefulness, -outlook.power_w))

    def gain(outlook: Outlook) -> float:
        return (1.0 - outlook.power_w / top.power_w) - SAVING * (1.0 - outlook.usefulness / top.usefulness)

    return max((one for one in outlooks if one.usefulness >= top.usefulness * (1.0 - economy)), key=gain)
