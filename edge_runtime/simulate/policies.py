"""Who chooses the point: the governor, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.ladder import Ladder, Rung
from edge_runtime.config.schema import Budgets
from edge_runtime.core import Decision, FrameStats, OperatingPoint, TelemetrySample
from edge_runtime.governor import Governor

# What counts as held where chance plays a part.
WINDOWS_HELD, FRAMES_ON_TIME = 0.97, 0.98


@dataclass(frozen=True, slots=True)
class Moment:
    """What a policy may look at; `segment` and the true `temp_c` are for the oracle alone."""

    sample: TelemetrySample | None
    stats: FrameStats
    ego_speed_mps: float | None
    segment: int
    temp_c: float


class Policy(Protocol):
    def decide(self, moment: Moment) -> OperatingPoint:
        """The point to run at from now on."""
        ...


class Governed:
    """The governor itself; it keeps what it decided."""

    def __init__(self, governor: Governor) -> None:
        self._governor = governor
        self.decisions: list[Decision] = []

    def decide(self, moment: Moment) -> OperatingPoint:
        decision = self._governor.decide(moment.sample, moment.stats, moment.ego_speed_mps)
        self.decisions.append(decision)
        return decision.point


class Constant:
    """Always the same point."""

    def __init__(self, rung: Rung) -> None:
        self._point = rung.point

    def decide(self, moment: Moment) -> OperatingPoint:
        return self._point


class Threshold:
    """What is usually done: a step down the ladder when a reading is over its limit, up when it is well below.

    It judges the last second of frames and the newest reading, at most once a second.
    """

    _UP_BELOW, _UP_AFTER = 0.9, 3
    _COOL_C = 3.0

    def __init__(self, ladder: Ladder, budgets: Budgets) -> None:
        self._points = [rung.point for rung in ladder.cheapest_first]
        self._rung = len(self._points) // 2
        self._budgets = budgets
        self._calm = 0
        self._seen: list[FrameStats] = []

    def decide(self, moment: Moment) -> OperatingPoint:
        self._seen.append(moment.stats)
        if sum(stats.span_s for stats in self._seen) >= 1.0 - 1e-6:
            self._judge(moment)
            self._seen = []
        return self._points[self._rung]

    def _judge(self, moment: Moment) -> None:
        over, near = self._pressure(moment)
        self._calm = 0 if near else self._calm + 1
        if over:
            self._rung = max(0, self._rung - 1)
        elif self._calm >= self._UP_AFTER:
            self._rung, self._calm = min(len(self._points) - 1, self._rung + 1), 0

    def _pressure(self, moment: Moment) -> tuple[bool, bool]:
        """Is anything over its limit, and is anything near it?"""
        budgets, sample = self._budgets, moment.sample
        ratios = [0.0]
        if budgets.power_w is not None and sample is not None and sample.power_w is not None:
            ratios.append(sample.power_w / budgets.power_w)
        if budgets.thermal_c is not None and sample is not None and sample.temp_c:
            over_c = max(sample.temp_c.values()) - budgets.thermal_c
            ratios.append(1.0 + over_c * (1.0 - self._UP_BELOW) / self._COOL_C)
        if budgets.latency_ms is not None:
            latencies = [stats.latency_p99_ms for stats in self._seen if stats.latency_p99_ms is not None]
            ratios.append(max(latencies, default=0.0) / budgets.latency_ms)
        floor = demanded_fps(budgets, moment.ego_speed_mps)
        slow = floor is not None and sum(stats.published for stats in self._seen) < 0.98 * floor - 1
        return slow or max(ratios) > 1.0, slow or max(ratios) > self._UP_BELOW


@dataclass(frozen=True, slots=True)
class Truth:
    """What a point does in a segment, from trying it: shares of seconds and frames held, and means."""

    power_held: float
    fps_held: float
    on_time: float
    power_w: float
    usefulness: float
    steady_c: float

    @property
    def shortfalls(self) -> tuple[float, float, float]:
        """By how much power, frame rate and deadline fall short of being held, 0 where they are."""
        return (
            max(0.0, WINDOWS_HELD - self.power_held),
            max(0.0, WINDOWS_HELD - self.fps_held),
            max(0.0, FRAMES_ON_TIME - self.on_time),
        )

    def feasible(self, limit_c: float | None) -> bool:
        """Does this point hold every budget here, for ever?"""
        return (limit_c is None or self.steady_c <= limit_c) and not any(self.shortfalls)


class Oracle:
    """Exhaustive search with perfect knowledge of board and scenario: the most useful point that holds every budget.

    It knows what each point does in each segment from having tried all of them there, the true temperature, and
    `warmth_kept`, the share of its distance from the steady temperature that the board keeps over a period.
    """

    def __init__(
        self, rungs: Sequence[Rung], truths: Sequence[Sequence[Truth]], limit_c: float | None, warmth_kept: float
    ) -> None:
        self._points, self._truths = [rung.point for rung in rungs], truths
        self._limit_c, self._warmth_kept = limit_c, warmth_kept
        self._best_first = [
            sorted(range(len(rungs)), key=lambda index: (*of[index].shortfalls, -of[index].usefulness)) for of in truths
        ]
        self._coolest = [min(range(len(rungs)), key=lambda index: of[index].steady_c) for of in truths]

    def decide(self, moment: Moment) -> OperatingPoint:
        truths = self._truths[moment.segment]
        for index in self._best_first[moment.segment]:
            steady_c = truths[index].steady_c
            next_c = steady_c + (moment.temp_c - steady_c) * self._warmth_kept
            if self._limit_c is None or next_c < self._limit_c - 0.05:
                return self._points[index]
        return self._points[self._coolest[moment.segment]]
