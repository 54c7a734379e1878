"""`power_fps.csv`: what a run did and drew, one row a second, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Literal, TextIO

from edge_runtime.core import Decision, TelemetrySample
from edge_runtime.errors import RunError

from .run_folder import write_whole

NS = 1_000_000_000
COLUMNS = (
    *("t_s", "fps", "fps_floor", "speed_kmh", "latency_p99_ms", "power_w", "power_budget_w"),
    *("point", "power_mode", "binding", "alarm", "throttled", "sensor_age_s"),
)
_KINDS = ("w", "c", "events")
LAST = "reason"


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a run.

    Power is the mean of its readings, `alarm` the newest of all its decisions, even if over by now; everything else is
    as it was at its end. `fresh` tells whether the sample came in this second: of an older one only the age counts.
    """

    t_ns: int
    fps: float | None
    fps_floor: float | None
    ego_speed_mps: float | None
    latency_p99_ms: float | None
    power_w: float | None
    power_budget_w: float | None
    sample: TelemetrySample | None
    fresh: bool
    decision: Decision | None
    alarm: str | None


class PowerLog:
    """Writes whole rows at once, so that a killed process leaves a file that opens; one thread uses it.

    Every rail, zone and counter has a column of its own, from the first second that knows of it: a source that starts
    late, like jtop, makes the table wider, and the rows before stay empty there. What was not measured is an empty
    cell. Counters of events are given as what came in that second.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, str(path)
        self._start_ns: int | None = None
        self._columns: tuple[str, ...] = (*COLUMNS, LAST)
        self._measured: frozenset[str] = frozenset()
        self._counts: Mapping[str, int] = {}
        self._file: TextIO | None = None
        self._open("w")
        self._put(dict(zip(self._columns, self._columns, strict=True)))

    def write(self, second: Second) -> None:
        """Add a row. Raises `RunError` when the disk does not take it."""
        if self._start_ns is None:
            self._start_ns = second.t_ns - NS
        row: dict[str, object] = {
            "t_s": round((second.t_ns - self._start_ns) / NS, 1),
            "fps": second.fps,
            "fps_floor": second.fps_floor,
            "speed_kmh": None if second.ego_speed_mps is None else second.ego_speed_mps * 3.6,
            "latency_p99_ms": second.latency_p99_ms,
            "power_w": second.power_w,
            "power_budget_w": second.power_budget_w,
            "alarm": second.alarm,
        }
        if (decision := second.decision) is not None:
            row |= {"point": decision.point.name, "binding": decision.binding, LAST: decision.reason}
        if (sample := second.sample) is not None:
            row["sensor_age_s"] = round((second.t_ns - sample.t_ns) / NS, 2)
        if sample is not None and second.fresh:
            row |= {"power_mode": sample.power_mode, "throttled": " ".join(sample.throttled)}
            measured = self._measurements(sample)
            self._widen(measured)
            row |= measured
        self._put(row)

    def _measurements(self, sample: TelemetrySample) -> dict[str, object]:
        before, self._counts = self._counts, {**self._counts, **sample.throttle_events}
        events = {name: count - before.get(name, count) for name, count in sample.throttle_events.items()}
        return {
            **{f"{rail}_w": watts for rail, watts in sample.rails_w.items()},
            **{f"{zone}_c": celsius for zone, celsius in sample.temp_c.items()},
            **{f"{name}_events": count for name, count in events.items()},
        }

    def _widen(self, measured: Mapping[str, object]) -> None:
        """Give a column to what has none yet: the file is written anew, its rows filled up with empty cells."""
        if self._measured >= measured.keys():
            return
        known = self._measured | measured.keys()
        columns = (*COLUMNS, *sorted(known, key=lambda name: (_KINDS.index(name.rpartition("_")[2]), name)), LAST)
        text = StringIO()
        table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        table.writeheader()
        try:
            table.writerows(csv.DictReader(self._path.read_text(encoding="utf-8").splitlines()))
        except OSError as error:
            raise RunError(f"{self._path}: {error.strerror}") from error
        write_whole(self._path, text.getvalue())
        self.close()
        self._open("a")
        self._columns, self._measured = columns, known

    def _open(self, mode: Literal["w", "a"]) -> None:
        try:
            self._file = self._path.open(mode, newline="", encoding="utf-8", buffering=1)
        except OSError as error:
            raise RunError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _put(self, row: Mapping[str, object]) -> None:
        if self._file is None:
            raise RunError(f"{self._path}: is closed")
        text = StringIO()
        csv.writer(text, lineterminator="\n").writerow([_cell(row.get(column)) for column in self._columns])
        try:
            self._file.write(text.getvalue())
        except OSError as error:
            raise RunError(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Raises `OSError` when the disk does not take what waited; the file is closed all the same."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    # A spreadsheet that is not told the encoding takes another one.
    return value.replace("°C", "C") if isinstance(value, str) else "" if value is None else value
