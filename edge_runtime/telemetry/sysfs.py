"""The kernel's own files: power monitors, thermal zones, clocks, over-current counters, throttle alerts.

The fast path, up to 20 times a second: one reading opens about forty small files. Everything is looked up by name and
label, once, because numbers of hwmon folders move between boots. `root` is the folder that holds sys and proc.

- Power: hwmon chips `ina3221` (millivolts times milliamperes of each labelled channel) and `ina238` (microwatts).
- Over-current: hwmon `soctherm_oc`, cumulative counters of events. oc3 climbs in normal bursts: judge its rate.
- Throttling: cooling devices whose type ends in `-throttle-alert`, above 0 while they act.
- A zone or engine that is switched off has no temperature: it gives EAGAIN, nothing, or -256 degrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from edge_runtime.core import TelemetrySample
from edge_runtime.errors import TelemetryError

from .files import children, find_gpu, number, text
from .rails import rail_w, total_w

OFFLINE_C = -256.0
OVER_CURRENT = {"oc1": "oc1_under_voltage", "oc2": "oc2_average", "oc3": "oc3_instantaneous"}
ALERT = "-throttle-alert"


class SysfsReader:
    """Reads a Jetson's tree of kernel files. Raises `TelemetryError` when the tree has none of them."""

    name = "sysfs"

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.rails: dict[str, Callable[[], float | None]] = {}
        self.zones: dict[str, Path] = {}
        self.counters: dict[str, Path] = {}
        self.alerts: dict[str, Path] = {}
        for chip in children(root / "sys/class/hwmon"):
            self._add_chip(chip)
        for zone in children(root / "sys/class/thermal", "thermal_zone*"):
            if kind := text(zone / "type"):
                self.zones[kind.removesuffix("-thermal").removesuffix("-therm").lower()] = zone / "temp"
        for device in children(root / "sys/class/thermal", "cooling_device*"):
            if (kind := text(device / "type") or "").endswith(ALERT):
                self.alerts[kind.removesuffix(ALERT)] = device / "cur_state"
        self._gpu = find_gpu(root)
        self._cpus = children(root / "sys/devices/system/cpu", "cpu[0-9]*")
        self._memory = (root / "sys/class/devfreq/bwmgr/cur_freq", root / "sys/kernel/debug/bpmp/debug/clk/emc/rate")
        self._ticks: tuple[int, int] | None = None
        if not (self.rails or self._gpu):
            raise TelemetryError(
                f"no power monitor and no Jetson GPU below {root / 'sys'}: "
                "this is no Jetson; use `telemetry.source=nvml` or `host`"
            )

    def read(self, now_ns: int) -> TelemetrySample:
        read_rails = {label: watts() for label, watts in self.rails.items()}
        rails_w = {label: rail_w(watts) for label, watts in read_rails.items() if watts is not None}
        temp_c = {zone: value / 1000 for zone, path in self.zones.items() if (value := number(path)) is not None}
        events = {name: value for name, path in self.counters.items() if (value := number(path)) is not None}
        sample = TelemetrySample(
            t_ns=now_ns,
            source=self.name,
            # A total without one of its rails would look like a saving.
            power_w=total_w(rails_w) if len(rails_w) == len(self.rails) else None,
            rails_w=rails_w,
            temp_c={zone: celsius for zone, celsius in temp_c.items() if celsius > OFFLINE_C},
            gpu_load=self._gpu_load(),
            cpu_load=self._cpu_load(),
            clocks_mhz=dict(self._clocks_mhz()),
            throttle_events=events,
            throttled=tuple(sorted(name for name, path in self.alerts.items() if (number(path) or 0) > 0)),
        )
        if self.rails and not rails_w and not sample.temp_c:
            raise TelemetryError(f"no file below {self._root / 'sys'} can be read any more")
        return sample

    def close(self) -> None:
        pass

    def _add_chip(self, chip: Path) -> None:
        kind = text(chip / "name") or ""
        if kind == "ina3221":
            for channel in (1, 2, 3):
                label = text(chip / f"in{channel}_label")
                if label and label != "NC" and text(chip / f"in{channel}_enable") != "0":
                    self.rails[label] = _product_w(chip / f"in{channel}_input", chip / f"curr{channel}_input")
        elif kind == "ina238":
            self.rails[text(chip / "power1_label") or text(chip / "in1_label") or "VIN"] = _micro_w(chip)
        elif kind == "soctherm_oc":
            for short, name in OVER_CURRENT.items():
                if (counter := chip / f"{short}_event_cnt").exists():
                    self.counters[name] = counter

    def _gpu_load(self) -> float | None:
        value = number(self._gpu / "device/load") if self._gpu else None
        return None if value is None else min(1.0, value / 1000)

    def _cpu_load(self) -> float | None:
        """Busy share of all cores since the last reading; None at the first."""
        head = (text(self._root / "proc/stat") or "").partition("\n")[0].split()
        if len(head) < 6 or head[0] != "cpu":
            return None
        ticks = [int(value) for value in head[1:9]]
        before, self._ticks = self._ticks, (sum(ticks), ticks[3] + ticks[4])
        if before is None or self._ticks[0] <= before[0]:
            return None
        return 1 - (self._ticks[1] - before[1]) / (self._ticks[0] - before[0])

    def _clocks_mhz(self) -> Iterator[tuple[str, float]]:
        if self._gpu and (hertz := number(self._gpu / "cur_freq")) is not None:
            yield "gpu", hertz / 1e6
        cores_khz = [number(cpu / "cpufreq/scaling_cur_freq") for cpu in self._cpus if text(cpu / "online") != "0"]
        if known := [khz for khz in cores_khz if khz is not None]:
            yield "cpu", max(known) / 1e3
        for path in self._memory:
            if (hertz := number(path)) is not None:
                yield "memory", hertz / 1e6
                return


def is_jetson(root: Path = Path("/")) -> bool:
    model = text(root / "sys/firmware/devicetree/base/compatible") or ""
    return "nvidia,tegra" in model or (root / "etc/nv_tegra_release").exists()


def _product_w(volts: Path, amperes: Path) -> Callable[[], float | None]:
    def read() -> float | None:
        milli_v, milli_a = number(volts), number(amperes)
        return None if milli_v is None or milli_a is None else milli_v * milli_a / 1e6

    return read


def _micro_w(chip: Path) -> Callable[[], float | None]:
    by_parts = _product_w(chip / "in1_input", chip / "curr1_input")

    def read() -> float | None:
        micro = number(chip / "power1_input")
        return by_parts() if micro is None else micro / 1e6

    return read
