"""Which points are worth keeping: those that nothing more useful replaces. Pure comparison, of anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

# A saving smaller than this share is within what repeated measurements differ by.
NOTICEABLE = 0.03


def front(points: Sequence[T], useful: Callable[[T], float], costs: Callable[[T], Sequence[float]]) -> list[T]:
    """The Pareto front, most useful first.

    A point is on it when, held against every more useful one on it, at least one of its costs is noticeably lower. Of
    two that are equally useful the cheaper counts as the more useful.
    """
    kept: list[T] = []
    for point in sorted(points, key=lambda point: (-useful(point), sum(costs(point)))):
        mine = costs(point)
        if all(_saves(mine, costs(better)) for better in kept):
            kept.append(point)
    return kept


def _saves(mine: Sequence[float], others: Sequence[float]) -> bool:
    return any(cost < other * (1.0 - NOTICEABLE) for cost, other in zip(mine, others, strict=True))


def thin(points: Sequence[T], most: int, value: Callable[[T], float]) -> list[T]:
    """At most `most` of them, in their order: both ends by `value`, and what lies most evenly between."""
    if len(points) <= most:
        return list(points)
    ranked = sorted(points, key=value)
    if most == 1:
        return ranked[:1]
    low, high = value(ranked[0]), value(ranked[-1])
    wanted = [low + (high - low) * place / (most - 1) for place in range(most)]
    chosen = {id(min(ranked, key=lambda point: abs(value(point) - goal))) for goal in wanted}
    return [point for point in points if id(point) in chosen]
