"""Measurements of another day, played at the rate they were taken.

Two formats: JSON lines, one `TelemetrySample.document()` each, and the CSV into which logs of NVIDIA's tegrastats are
commonly turned (`t_ms`, `power_in_mw` and other `power_*_mw`, `gpu_pct`, `cpu_avg_pct`, `*_freq_mhz`, `*_temp_c`).
"""

from __future__ import annotations

import csv
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge_runtime.core import TelemetrySample
from edge_runtime.errors import TelemetryError

from .base import Closing

# Columns of a tegrastats CSV -> rails of Orin NX and Nano.
RAILS = {"power_in_mw": "VDD_IN", "power_cpu_gpu_cv_mw": "VDD_CPU_GPU_CV", "power_soc_mw": "VDD_SOC"}
CLOCKS = {"gpu_freq_mhz": "gpu", "emc_freq_mhz": "memory", "cpu_freq_mhz": "cpu"}


class RecordedTelemetry(Closing):
    """A log, moved so that its first sample is taken at the first reading. After its end the last one grows old."""

    name = "recorded"
    problem: str | None = None

    def __init__(self, samples: Sequence[TelemetrySample]) -> None:
        if not samples:
            raise ValueError("a recording needs at least one sample")
        self._samples = sorted(samples, key=lambda sample: sample.t_ns)
        self._times_ns = [sample.t_ns for sample in self._samples]
        self._shift_ns: int | None = None

    def read(self, now_ns: int) -> TelemetrySample | None:
        if self._shift_ns is None:
            self._shift_ns = now_ns - self._times_ns[0]
        past = bisect_right(self._times_ns, now_ns - self._shift_ns)
        if not past:
            return None
        sample = self._samples[past - 1]
        return replace(sample, t_ns=sample.t_ns + self._shift_ns)

    def close(self) -> None:
        pass


def load_samples(path: Path) -> list[TelemetrySample]:
    """Every sample of a log. Raises `TelemetryError` naming file and line of the first that cannot be read."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TelemetryError(f"{path}: cannot be read: {error}") from error
    if path.suffix.lower() == ".csv":
        samples = _from_csv(path, lines)
    else:
        samples = [_from_json(path, place, line) for place, line in enumerate(lines, 1) if line.strip()]
    if not samples:
        raise TelemetryError(f"{path}: holds no sample")
    return samples


def _from_json(path: Path, place: int, line: str) -> TelemetrySample:
    try:
        return TelemetrySample.from_document(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TelemetryError(
            f"{path}:{place}: not a telemetry sample ({error}); a line reads "
            '{"t_ns": 0, "source": "sysfs", "power_w": 21.5}'
        ) from error


def _from_csv(path: Path, lines: Sequence[str]) -> list[TelemetrySample]:
    rows = csv.DictReader(lines)
    if "t_ms" not in (rows.fieldnames or ()):
        raise TelemetryError(f"{path}:1: has no column t_ms; its columns are {', '.join(rows.fieldnames or ())}")
    samples = []
    for row in rows:
        try:
            samples.append(_from_row({name: float(value) for name, value in row.items() if name and value}))
        except (ValueError, KeyError, TypeError) as error:
            raise TelemetryError(f"{path}:{rows.line_num}: not a number: {error}") from error
    return samples


def _from_row(row: Mapping[str, float]) -> TelemetrySample:
    rails_w = {rail: row[column] / 1e3 for column, rail in RAILS.items() if column in row}
    zones_c = {name.removesuffix("_temp_c"): value for name, value in row.items() if name.endswith("_temp_c")}
    return TelemetrySample(
        t_ns=round(row["t_ms"] * 1e6),
        source="recorded",
        power_w=rails_w.get("VDD_IN"),
        rails_w=rails_w,
        temp_c={zone: celsius for zone, celsius in zones_c.items() if celsius},  # 0.0 stands for a missing sensor
        gpu_load=row["gpu_pct"] / 100 if "gpu_pct" in row else None,
        cpu_load=row["cpu_avg_pct"] / 100 if "cpu_avg_pct" in row else None,
        clocks_mhz={unit: row[column] for column, unit in CLOCKS.items() if column in row},
    )
