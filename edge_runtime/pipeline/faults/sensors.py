"""Faults of the board's sensors: silent, stuck, or reading another power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_runtime.config.schema import PowerStepFault, SensorDeadFault, SensorFault
from edge_runtime.core import TelemetrySample
from edge_runtime.telemetry.base import Closing, Telemetry

from .tally import Tally


class SensorFaults:
    """Told every reading in its order, says what is read instead. A reading that is asked for again counts once."""

    def __init__(self, faults: Sequence[tuple[SensorFault, Tally]]) -> None:
        self._faults = faults
        self._stuck: dict[int, TelemetrySample] = {}
        self._seen_ns: int | None = None

    def see(self, since_ns: int, sample: TelemetrySample | None) -> TelemetrySample | None:
        """`since_ns` is the time since the first reading."""
        new = sample is not None and sample.t_ns != self._seen_ns
        self._seen_ns = self._seen_ns if sample is None else sample.t_ns
        for place, (fault, tally) in enumerate(self._faults):
            if not fault.holds(since_ns):
                self._stuck.pop(place, None)
            elif sample is None:
                continue
            elif isinstance(fault, PowerStepFault):
                if sample.power_w is not None:
                    sample = replace(sample, power_w=sample.power_w + fault.step_w)
                    tally.add("readings_raised", new)
            elif isinstance(fault, SensorDeadFault):
                sample = None
                tally.add("readings_lost", new)
            else:
                stuck = self._stuck.setdefault(place, sample)
                tally.add("readings_repeated", new and stuck is not sample)
                sample = replace(stuck, t_ns=sample.t_ns)
        return sample

    def silent(self, since_ns: int) -> bool:
        return any(isinstance(fault, SensorDeadFault) and fault.holds(since_ns) for fault, _ in self._faults)


class FaultyTelemetry(Closing):
    """A source of measurements with faults; owns it. One thread reads."""

    def __init__(self, telemetry: Telemetry, faults: SensorFaults) -> None:
        self._telemetry, self._faults = telemetry, faults
        self._first_ns: int | None = None
        self._since_ns = 0

    @property
    def name(self) -> str:
        return self._telemetry.name

    @property
    def problem(self) -> str | None:
        if self._faults.silent(self._since_ns):
            return f"{self.name} does not answer: the fault sensor_dead is on"
        return self._telemetry.problem

    def read(self, now_ns: int) -> TelemetrySample | None:
        sample = self._telemetry.read(now_ns)
        if self._first_ns is None:
            if sample is None:
                return None
            self._first_ns = now_ns
        self._since_ns = now_ns - self._first_ns
        return self._faults.see(self._since_ns, sample)

    def close(self) -> None:
        self._telemetry.close()
