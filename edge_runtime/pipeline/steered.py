"""What the governor is doing right now, and what it did in a run: for people, not for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.core import TelemetrySample

from .alarms import Alarm


@dataclass(frozen=True, slots=True)
class SteeringState:
    """What holds right now: the power of the last second and its budget, the point, and what is wrong, if anything.

    `reason` is the sentence of the last decision, `fps_floor` what the vehicle's speed demands, `sample` the last
    reading of the board, and `alarms` are all of the run so far.
    """

    power_w: float | None
    power_budget_w: float | None
    point: str | None
    binding: str | None
    alarm: str | None
    reason: str | None = None
    fps_floor: float | None = None
    sample: TelemetrySample | None = None
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class SteeringAccount:
    """What the governor did in a run: changes of the point, seconds at each, and its alarms, one of each kind."""

    changes: int
    seconds_at: dict[str, float]
    alarms: tuple[Alarm, ...]
