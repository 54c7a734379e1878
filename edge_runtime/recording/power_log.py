"""`power_fps.csv`: what a run did and drew, one row a second, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TextIO

from edge_runtime.core import Decision, TelemetrySample
from edge_runtime.errors import RunError

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a run; power is the mean of its fresh samples, everything else as it was at its end."""

    t_ns: int
    fps: float | None
    fps_floor: float | None
    latency_p99_ms: float | None
    power_w: float | None
    power_budget_w: float | None
    sample: TelemetrySample | None
    decision: Decision | None


class PowerLog:
    """Writes whole rows at once, so that a killed process leaves a file that opens; one thread uses it.

    Rails, temperatures and counters get a column each if the first second knows of them: a board does not grow any
    while it runs. What was not measured is an empty cell.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_ns: int | None = None
        self._rails: list[str] = []
        self._zones: list[str] = []
        self._counters: list[str] = []
        try:
            self._file: TextIO | None = path.open("w", newline="", encoding="utf-8", buffering=1)
        except OSError as error:
            raise RunError(f"{path}: cannot be created: {error.strerror}") from error

    def write(self, second: Second) -> None:
        """Add a row. Raises `RunError` when the disk does not take it."""
        sample = second.sample
        if self._start_ns is None:
            self._start_ns = second.t_ns - NS
            if sample is not None:
                self._rails, self._zones = sorted(sample.rails_w), sorted(sample.temp_c)
                self._counters = sorted(sample.throttle_events)
            self._put(
                [
                    *("t_s", "fps", "fps_floor", "latency_p99_ms", "power_w", "power_budget_w"),
                    *("point", "binding", "alarm", "throttled", "sensor_age_s"),
                    *(f"{rail}_w" for rail in self._rails),
                    *(f"{zone}_c" for zone in self._zones),
                    *(f"{name}_events" for name in self._counters),
                ]
            )
        decision = second.decision
        self._put(
            [
                round((second.t_ns - self._start_ns) / NS, 1),
                *map(_figure, (second.fps, second.fps_floor, second.latency_p99_ms, second.power_w)),
                _figure(second.power_budget_w),
                *(("", "", "") if decision is None else (decision.point.name, decision.binding, decision.alarm)),
                "" if sample is None else " ".join(sample.throttled),
                "" if sample is None else round((second.t_ns - sample.t_ns) / NS, 2),
                *(_figure(None if sample is None else sample.rails_w.get(rail)) for rail in self._rails),
                *(_figure(None if sample is None else sample.temp_c.get(zone)) for zone in self._zones),
                *("" if sample is None else sample.throttle_events.get(name, "") for name in self._counters),
            ]
        )

    def _put(self, row: Sequence[object]) -> None:
        if self._file is None:
            raise RunError(f"{self._path}: is closed")
        text = StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        try:
            self._file.write(text.getvalue())
        except OSError as error:
            raise RunError(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _figure(value: float | None) -> float | str:
    return "" if value is None else round(value, 3)
