"""What the governor is doing right now, and what it did in a run: for people, not for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from .alarms import Alarm


@dataclass(frozen=True, slots=True)
class SteeringState:
    """What holds right now: the power of the last second and its budget, the point, and what is wrong, if anything."""

    power_w: float | None
    power_budget_w: float | None
    point: str | None
    binding: str | None
    alarm: str | None


@dataclass(frozen=True, slots=True)
class SteeringAccount:
    """What the governor did in a run: changes of the point, seconds at each, and its alarms, one of each kind."""

    changes: int
    seconds_at: dict[str, float]
    alarms: tuple[Alarm, ...]
