"""The point for when sensors cannot be trusted."""

from __future__ import annotations

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.ladder import Ladder, Rung
from edge_runtime.config.schema import Budgets


def safe_rung(ladder: Ladder, budgets: Budgets, name: str | None) -> Rung:
    """The named one, else the cheapest that should hold the floor at any speed."""
    if name is not None:
        return ladder.by_name[name]
    floor = demanded_fps(budgets, None) or 0.0
    holding = [rung for rung in ladder.cheapest_first if 1e3 / rung.service_ms >= floor and _uncapped(rung, floor)]
    return (holding or ladder.cheapest_first)[0]


def _uncapped(rung: Rung, floor: float) -> bool:
    return rung.knobs.fps_cap is None or rung.knobs.fps_cap >= floor
