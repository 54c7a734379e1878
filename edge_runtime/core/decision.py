"""What a governor decided, and why."""

from __future__ import annotations

from dataclasses import dataclass

from .point import OperatingPoint


@dataclass(frozen=True, slots=True)
class Decision:
    """The point to run at from now on.

    `binding` names the constraint that keeps a more useful point away (thermal, power, fps, latency, telemetry), None
    when nothing does. `reason` is the sentence for the log. `feasible` is False when no point holds every budget;
    `alarm` is then, and when telemetry cannot be trusted, what a person must know.
    """

    t_ns: int
    point: OperatingPoint
    binding: str | None
    reason: str
    feasible: bool = True
    alarm: str | None = None
