"""This machine's own counters: load, clocks and temperatures by psutil, power by RAPL where its files can be read.

RAPL (Intel, AMD) counts energy since boot: power is the difference of two readings, so the first has none. Its files
are for root since CVE-2020-8694. Total power is `psys` where there is one, else packages and memory together; what
else is in the machine is not in it.
"""

from __future__ import annotations

from pathlib import Path

import psutil

from edge_runtime.core import TelemetrySample

from .files import number, text


class HostReader:
    """Always there, though it may know little."""

    name = "host"

    def __init__(self, root: Path = Path("/")) -> None:
        self._zones = {}
        for zone in sorted((root / "sys/class/powercap").glob("*rapl:*")):
            if (label := text(zone / "name")) and number(zone / "energy_uj") is not None:
                inside = "" if zone.name.count(":") == 1 else zone.name.split(":")[1]
                self._zones[f"{label}-{inside}" if inside else label] = zone
        self._last: tuple[int, dict[str, int]] | None = None
        psutil.cpu_percent(None)  # the first answer means nothing

    def read(self, now_ns: int) -> TelemetrySample:
        rails_w = self._rails_w(now_ns)
        clock = psutil.cpu_freq()
        sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
        hottest = {chip: max(entry.current for entry in entries) for chip, entries in sensors.items() if entries}
        return TelemetrySample(
            t_ns=now_ns,
            source=self.name,
            power_w=self._total_w(rails_w),
            rails_w=rails_w,
            temp_c={chip: float(celsius) for chip, celsius in hottest.items() if celsius > 0},
            cpu_load=psutil.cpu_percent(None) / 100,
            clocks_mhz={"cpu": clock.current} if clock and clock.current else {},
        )

    def close(self) -> None:
        pass

    def _rails_w(self, now_ns: int) -> dict[str, float]:
        counted = {label: number(zone / "energy_uj") for label, zone in self._zones.items()}
        energy_uj = {label: value for label, value in counted.items() if value is not None}
        last, self._last = self._last, (now_ns, energy_uj)
        if last is None or now_ns <= last[0]:
            return {}
        seconds = (now_ns - last[0]) / 1e9
        used_uj = {label: energy_uj[label] - last[1][label] for label in energy_uj if label in last[1]}
        for label in [label for label, used in used_uj.items() if used < 0]:  # the counter came round
            used_uj[label] += number(self._zones[label] / "max_energy_range_uj") or 0
        return {label: used / 1e6 / seconds for label, used in used_uj.items() if used >= 0}

    def _total_w(self, rails_w: dict[str, float]) -> float | None:
        if "psys" in rails_w:
            return rails_w["psys"]
        parts = [label for label in self._zones if label.startswith(("package", "dram"))]
        return sum(rails_w[label] for label in parts) if parts and all(label in rails_w for label in parts) else None
