"""Telemetry and speed of a drive from a CSV, for a video that was not recorded by us.

    t_s, power_w, RAIL_w …, ZONE_c …, NAME_events …, throttled, power_mode, speed_kmh or speed_mps

`t_s` counts from the first picture of the video and is the end of the time that a row stands for; `NAME_events` counts
what came in that time. Every other column may be missing, a cell may be empty, and columns by other names are left
alone, so that the `power_fps.csv` of a run is taken as it is.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.core import TelemetrySample
from edge_runtime.errors import TelemetryError

NS = 1_000_000_000
_NOT_RAILS = ("power_w", "power_budget_w")
_SPEEDS = {"speed_mps": 1.0, "speed_kmh": 1 / 3.6}


@dataclass(frozen=True, slots=True)
class DriveLog:
    """Samples, and pairs of time and speed in m/s, both in the order of time from the first picture on."""

    samples: tuple[TelemetrySample, ...] = ()
    speeds: tuple[tuple[int, float], ...] = ()


def is_drive_csv(path: Path) -> bool:
    """Whether its first line has `t_s`; a log of tegrastats has `t_ms`."""
    try:
        with path.open(encoding="utf-8") as file:
            return "t_s" in next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError):
        return False


def read_drive_csv(path: Path) -> DriveLog:
    """Raises `TelemetryError` naming file and line of the first value that is no number."""
    samples, speeds, events = [], [], Counter[str]()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            for row in rows:
                try:
                    t_ns = round(float(row["t_s"]) * NS)
                    samples.append(_sample(row, t_ns, events))
                    for column, factor in _SPEEDS.items():
                        if row.get(column):
                            speeds.append((t_ns, max(0.0, float(row[column]) * factor)))
                except (KeyError, TypeError, ValueError) as error:
                    raise TelemetryError(f"{path}:{rows.line_num}: not a number: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TelemetryError(f"{path}: cannot be read: {error}") from error
    if not samples:
        raise TelemetryError(f"{path}: holds no row")
    samples.sort(key=lambda sample: sample.t_ns)
    measured = tuple(sample for sample in samples if sample.power_w is not None or sample.temp_c or sample.rails_w)
    return DriveLog(measured, tuple(sorted(speeds)))


def _sample(row: Mapping[str, str], t_ns: int, events: Counter[str]) -> TelemetrySample:
    """One row; `events` counts on from row to row."""
    filled = {name: text for name, text in row.items() if isinstance(name, str) and isinstance(text, str) and text}
    counts = {name: text for name, text in filled.items() if name.endswith("_events")}
    events.update({name.removesuffix("_events"): round(float(text)) for name, text in counts.items()})
    rails = [name for name in filled if name.endswith("_w") and name not in _NOT_RAILS]
    return TelemetrySample(
        t_ns=t_ns,
        source="recorded",
        power_w=float(filled["power_w"]) if "power_w" in filled else None,
        rails_w={name.removesuffix("_w"): float(filled[name]) for name in rails},
        temp_c={name.removesuffix("_c"): float(filled[name]) for name in filled if name.endswith("_c")},
        throttle_events={name.removesuffix("_events"): events[name.removesuffix("_events")] for name in counts},
        throttled=tuple(filled.get("throttled", "").split()),
        power_mode=filled.get("power_mode"),
    )
