"""Can this reading be trusted? A dead sensor must not look cold, and a stuck one must not look calm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from edge_runtime.core import TelemetrySample

NS = 1_000_000_000
# A reading this many times above or below the last good one is a broken sensor, not a load.
_JUMP = 10.0
_COLDEST_C, _HOTTEST_C, _JUMP_C = -40.0, 130.0, 30.0
# From idle to full load a graphics card jumps so far too: a rise that lasts so long is believed.
_BELIEVED_NS = 5 * NS
# Readings that are the same to the last bit, for so many samples and so long, come from a sensor that has stopped.
_FROZEN_SAMPLES, _FROZEN_NS = 3, 800_000_000
# After a fault, so long of good readings before they count again.
_GOOD_AGAIN_NS = NS


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problem` says what is wrong with the reading, None when it can be used; `new` when it was not seen before."""

    problem: str | None
    new: bool


def power_problem(power_w: float | None, usual_w: float | None) -> str | None:
    """Why a reading of the power cannot be true after one of `usual_w`; None when it can."""
    if power_w is None:
        return "telemetry has no power reading"
    if not (math.isfinite(power_w) and power_w > 0):
        return f"impossible power reading: {power_w:.3g} W"
    if usual_w is not None and not 1 / _JUMP < power_w / usual_w < _JUMP:
        return f"impossible power reading: {power_w:.3g} W after {usual_w:.3g} W"
    return None


def one_for_all(readings_w: Sequence[float | None], usual_w: float | None) -> float | None:
    """The mean of some readings, None where there is none; but where one cannot be true, that one: in a mean it would
    vanish."""
    known = [reading for reading in readings_w if reading is not None]
    fault = [reading for reading in known if power_problem(reading, usual_w)]
    return fault[-1] if fault else fmean(known) if known else None


class Readings:
    """Judges each reading by its age, its values, and those before it."""

    def __init__(
        self, *, needs_power: bool, needs_heat: bool, stale_ms: float, over_current_per_s: float = 0.0
    ) -> None:
        self._needs_power, self._needs_heat = needs_power, needs_heat
        self._stale_ns, self._over_current_per_s = int(stale_ms * 1e6), over_current_per_s
        self._last: TelemetrySample | None = None
        self._power_w: float | None = None
        self._hottest_c: float | None = None
        self._period_ns = 0.0
        self._repeats = 0
        self._same_since_ns = 0
        self._problem: str | None = None
        self._good_since_ns: int | None = None
        self._faulty = False
        self._fault = ""
        self._risen_ns: int | None = None

    @property
    def needed(self) -> bool:
        """Without a power or thermal budget nobody looks at the sensors."""
        return self._needs_power or self._needs_heat

    def judge(self, sample: TelemetrySample | None, now_ns: int) -> Verdict:
        if not self.needed:
            return Verdict(None, False)
        new = sample is not None and (self._last is None or sample.t_ns > self._last.t_ns)
        if sample is not None and new:
            self._problem = self._look_at(sample)
            self._last = sample
        problem = self._problem or self._age(sample, now_ns)
        if problem is not None:
            self._faulty = self._faulty or self._power_w is not None or self._hottest_c is not None
            self._fault = problem.partition(":")[0]
            self._good_since_ns = None
            return Verdict(problem, new)
        if self._faulty:
            if self._good_since_ns is None:
                self._good_since_ns = now_ns
            if now_ns - self._good_since_ns < _GOOD_AGAIN_NS:
                return Verdict(f"{self._fault}: over, but not yet trusted", new)
            self._faulty = False
        return Verdict(None, new)

    def _age(self, sample: TelemetrySample | None, now_ns: int) -> str | None:
        if sample is None or self._last is None:
            return "no telemetry"
        age_ns = now_ns - sample.t_ns
        # A source slower than expected is stale only when it misses its own next two readings.
        if age_ns > max(self._stale_ns, 2.5 * self._period_ns):
            return f"telemetry is stale: the last reading is {age_ns / NS:.1f} s old"
        if age_ns < -NS:
            return f"telemetry is dated {-age_ns / NS:.1f} s ahead"
        return None

    def _look_at(self, sample: TelemetrySample) -> str | None:
        problem = self._impossible(sample) or self._frozen(sample) or self._over_current(sample)
        if self._last is not None:
            step_ns = sample.t_ns - self._last.t_ns
            self._period_ns = step_ns if not self._period_ns else min(step_ns, 0.8 * self._period_ns + 0.2 * step_ns)
        if problem is None:
            self._power_w = sample.power_w
            self._hottest_c = max(sample.temp_c.values(), default=None)
        return problem

    def _impossible(self, sample: TelemetrySample) -> str | None:
        if self._needs_power and (problem := power_problem(sample.power_w, self._power_w)):
            if not self._lasting_rise(sample):
                return problem
        else:
            self._risen_ns = None
        if self._needs_heat:
            if not sample.temp_c:
                return "telemetry has no temperature"
            for zone, temp_c in sample.temp_c.items():
                if not _COLDEST_C < temp_c < _HOTTEST_C:
                    return f"impossible temperature of {zone}: {temp_c:g} °C"
            hottest_c = max(sample.temp_c.values())
            if self._hottest_c is not None and abs(hottest_c - self._hottest_c) > _JUMP_C:
                return f"impossible temperature: {hottest_c:g} °C after {self._hottest_c:g} °C"
        return None

    def _lasting_rise(self, sample: TelemetrySample) -> bool:
        """Whether the power has been far too high for a while: then it is a load, and believing it is no optimism."""
        if not math.isfinite(power_w := sample.power_w or 0.0) or power_w < (self._power_w or math.inf):
            self._risen_ns = None
            return False
        self._risen_ns = sample.t_ns if self._risen_ns is None else self._risen_ns
        return sample.t_ns - self._risen_ns >= _BELIEVED_NS

    def _frozen(self, sample: TelemetrySample) -> str | None:
        if self._last is None or _values(sample) != _values(self._last):
            self._repeats, self._same_since_ns = 0, sample.t_ns
            return None
        self._repeats += 1
        if self._repeats >= _FROZEN_SAMPLES and sample.t_ns - self._same_since_ns >= _FROZEN_NS:
            return f"telemetry is frozen: {self._repeats} readings in a row are the same"
        return None

    def _over_current(self, sample: TelemetrySample) -> str | None:
        if self._last is None:
            return None
        before = self._last.throttle_events
        rise = sum(max(0, count - before.get(name, count)) for name, count in sample.throttle_events.items())
        seconds = (sample.t_ns - self._last.t_ns) / NS
        if rise > self._over_current_per_s * max(seconds, 1.0):
            return f"over-current: {rise} events in {seconds:.1f} s"
        return None


def _values(sample: TelemetrySample) -> tuple[object, ...]:
    return (sample.power_w, sample.rails_w, sample.temp_c, sample.gpu_load, sample.cpu_load)
