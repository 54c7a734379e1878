"""A run second by second, from what was read, told and decided: while it goes on, and once more on its recording."""

from __future__ import annotations

from statistics import fmean

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.schema import Budgets
from edge_runtime.core import Decision, FrameStats, TelemetrySample
from edge_runtime.governor.readings import power_problem
from edge_runtime.recording.power_log import Second

NS = 1_000_000_000


class Seconds:
    """Takes the readings and decisions of a run in their order; `end` gives a second whenever one is over.

    The power of a second is the mean of its readings, without those that cannot be true after `usual_w`, the last power
    that a governor believed.
    """

    def __init__(self, budgets: Budgets) -> None:
        self.usual_w: float | None = None
        self._budgets = budgets
        self._powers: list[float] = []
        self._decision: Decision | None = None
        self._alarm: str | None = None
        self._began_ns: int | None = None
        self._logged_ns: int | None = None

    def read(self, sample: TelemetrySample) -> bool:
        """A new reading of the board; whether its power counts."""
        counts = sample.power_w is not None and power_problem(sample.power_w, self.usual_w) is None
        if counts and sample.power_w is not None:
            self._powers.append(sample.power_w)
        return counts

    def decided(self, decision: Decision, sample: TelemetrySample | None) -> None:
        """What the governor answered when it was told of `sample`."""
        if decision.binding != "telemetry" and sample is not None:
            self.usual_w = sample.power_w
        self._decision, self._alarm = decision, decision.alarm or self._alarm

    def end(
        self, now_ns: int, sample: TelemetrySample | None, stats: FrameStats, ego_speed_mps: float | None
    ) -> Second | None:
        """To be called each time that a governor is told something, or would be; None while the second goes on."""
        if self._began_ns is None:
            self._began_ns = now_ns
        if now_ns - self._began_ns < NS:
            return None
        self._began_ns += NS
        power_w = fmean(self._powers) if self._powers else None
        fresh = sample is not None and sample.t_ns != self._logged_ns
        self._logged_ns = None if sample is None else sample.t_ns
        second = Second(
            t_ns=now_ns,
            fps=stats.fps,
            fps_floor=demanded_fps(self._budgets, ego_speed_mps),
            ego_speed_mps=ego_speed_mps,
            latency_p99_ms=stats.latency_p99_ms,
            power_w=power_w,
            power_budget_w=self._budgets.power_w,
            sample=sample,
            fresh=fresh,
            decision=self._decision,
            alarm=self._alarm,
        )
        self._powers.clear()
        self._alarm = None
        return second
