"""The files of an AGX Orin developer kit as its kernel shows them (Jetson Linux r36), and what changes them.

Rails and shunts: device tree tegra234-p3701 of the kernel. Modes and their limits: NVIDIA's developer guide, r36.
MODE_50W and MAXN have all graphics clusters on, MODE_30W and MODE_15W do not: going across takes a reboot.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Mode(NamedTuple):
    number: int
    cores: int
    cpu_khz: int
    gpu_hz: int
    gating: int


MODES = {
    "MAXN": Mode(0, 12, 2201600, 1300500000, 0),
    "MODE_15W": Mode(1, 4, 1113600, 408000000, 248),
    "MODE_30W": Mode(2, 8, 1728000, 612000000, 240),
    "MODE_50W": Mode(3, 12, 1497600, 816000000, 0),
}
# Rail -> hwmon folder, channel, millivolts, milliamperes at rest.
RAILS = {
    "VDD_GPU_SOC": ("hwmon1", 1, 19920, 120),
    "VDD_CPU_CV": ("hwmon1", 2, 19920, 40),
    "VIN_SYS_5V0": ("hwmon1", 3, 5032, 700),
    "VDDQ_VDD2_1V8AO": ("hwmon2", 2, 5032, 60),
}
I2C = {"hwmon1": "1-0040", "hwmon2": "1-0041"}
STEP_MA = 20
ZONES_C = {"cpu": 46.0, "gpu": 42.5, "cv0": None, "soc0": 43.9, "tj": 46.0}
ALERTS = ("cpu-throttle-alert", "gpu-throttle-alert")
CORES = 12
GPU_HZ = (306000000, 408000000, 510000000, 612000000, 714000000, 816000000, 918000000, 1020000000, 1122000000,
          1224000000, 1300500000)  # fmt: skip
GPU = "sys/devices/platform/17000000.gpu"
DEVFREQ = "sys/class/devfreq/17000000.gpu"
OVER_CURRENT = "sys/class/hwmon/hwmon4"


class Tree:
    """The files below `root`. A value is replaced as a whole: a reader never sees half a number."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, value: object, end: str = "\n") -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}")
        fresh.write_text(f"{value}{end}")
        os.replace(fresh, target.resolve())

    def get(self, path: str) -> str:
        return (self.root / path).read_text().strip("\0\n")

    def power_w(self, rail: str, watts: float) -> float:
        """Set a rail's current to the step of its chip that is nearest; returns what it comes to."""
        chip, channel, milli_v, _ = RAILS[rail]
        milli_a = round(watts * 1e6 / milli_v / STEP_MA) * STEP_MA
        self.put(f"sys/class/hwmon/{chip}/curr{channel}_input", milli_a)
        return milli_v * milli_a / 1e6

    def temperature_c(self, zone: str, celsius: float | None) -> None:
        index = list(ZONES_C).index(zone)
        self.put(f"sys/devices/virtual/thermal/thermal_zone{index}/temp", "" if celsius is None else int(celsius * 1e3))

    def gpu(self, load: float, hertz: int) -> None:
        self.put(f"{GPU}/load", int(load * 1000))
        self.put(f"{DEVFREQ}/cur_freq", hertz)

    def over_current(self, counter: int, events: int) -> None:
        self.put(f"{OVER_CURRENT}/oc{counter}_event_cnt", events)

    def alert(self, name: str, state: int) -> None:
        self.put(f"sys/class/thermal/cooling_device{ALERTS.index(name)}/cur_state", state)

    def mode(self) -> str:
        return next(name for name, mode in MODES.items() if mode.number == int(self.get("state/mode")))

    def set_mode(self, name: str) -> None:
        """What `nvpmodel -m` does to the files."""
        mode = MODES[name]
        for core in range(CORES):
            cpu = f"sys/devices/system/cpu/cpu{core}"
            self.put(f"{cpu}/online", int(core < mode.cores))
            self.put(f"{cpu}/cpufreq/scaling_max_freq", mode.cpu_khz)
            self.put(f"{cpu}/cpufreq/scaling_min_freq", 729600)
            self.put(f"{cpu}/cpufreq/scaling_cur_freq", 729600)
        self.put(f"{DEVFREQ}/max_freq", mode.gpu_hz)
        self.put(f"{GPU}/tpc_pg_mask", mode.gating)
        self.put("state/mode", mode.number)


def build(root: Path, mode: str = "MODE_50W") -> Tree:
    tree = Tree(root)
    for folder in ("sys/class/power_supply", "sys/kernel/debug", "sys/fs/cgroup", "sys/bus/i2c/devices"):
        (root / folder).mkdir(parents=True)
    device = "sys/firmware/devicetree/base"
    tree.put(f"{device}/model", "NVIDIA Jetson AGX Orin Developer Kit", end="\0")
    tree.put(f"{device}/compatible", "nvidia,p3737-0000+p3701-0005\0nvidia,tegra234", end="\0")
    tree.put("etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64")
    _cores(tree)
    _power(tree)
    _thermal(tree)
    _gpu(tree)
    tree.put("etc/nvpmodel.conf", "\n".join(_nvpmodel_conf()))
    tree.set_mode(mode)
    return tree


def _cores(tree: Tree) -> None:
    for core in range(CORES):
        cpu = f"sys/devices/system/cpu/cpu{core}"
        tree.put(f"{cpu}/cpufreq/scaling_governor", "schedutil")
        for name, khz in (("min", 115200), ("max", 2201600), ("cur", 729600)):
            tree.put(f"{cpu}/cpufreq/cpuinfo_{name}_freq", khz)
    rows = [f"cpu{core} 1000 0 0 9000 0 0 0 0 0 0" for core in range(CORES)]
    tree.put("proc/stat", "\n".join([f"cpu {CORES * 1000} 0 0 {CORES * 9000} 0 0 0 0 0 0", *rows, "intr 0", "ctxt 0"]))


def _power(tree: Tree) -> None:
    """Under /sys/bus/i2c, where jtop looks, with links in /sys/class/hwmon, where everyone else does."""
    for chip, address in I2C.items():
        folder = f"sys/devices/platform/i2c-1/{address}"
        tree.put(f"{folder}/name", "ina3221")
        tree.put(f"{folder}/hwmon/{chip}/name", "ina3221")
        _link(tree, f"sys/class/hwmon/{chip}", f"{folder}/hwmon/{chip}")
        _link(tree, f"sys/bus/i2c/devices/{address}", folder)
        for channel in (1, 2, 3):
            tree.put(f"sys/class/hwmon/{chip}/in{channel}_label", "NC")
            tree.put(f"sys/class/hwmon/{chip}/in{channel}_enable", 0)
    for rail, (chip, channel, milli_v, milli_a) in RAILS.items():
        monitor = f"sys/class/hwmon/{chip}"
        tree.put(f"{monitor}/in{channel}_label", rail)
        tree.put(f"{monitor}/in{channel}_enable", 1)
        tree.put(f"{monitor}/in{channel}_input", milli_v)
        tree.put(f"{monitor}/curr{channel}_input", milli_a)
        tree.put(f"{monitor}/curr{channel}_max", 32760)
        tree.put(f"{monitor}/curr{channel}_crit", 32760)
    tree.put(f"{OVER_CURRENT}/name", "soctherm_oc")
    for counter in (1, 2, 3):
        tree.over_current(counter, 0)


def _thermal(tree: Tree) -> None:
    for index, zone in enumerate(ZONES_C):
        folder = f"sys/devices/virtual/thermal/thermal_zone{index}"
        tree.put(f"{folder}/type", f"{zone}-thermal")
        tree.temperature_c(zone, ZONES_C[zone])
        _link(tree, f"sys/class/thermal/thermal_zone{index}", folder)
    for index, alert in enumerate(ALERTS):
        tree.put(f"sys/class/thermal/cooling_device{index}/type", alert)
        tree.put(f"sys/class/thermal/cooling_device{index}/cur_state", 0)
        tree.put(f"sys/class/thermal/cooling_device{index}/max_state", 2)


def _gpu(tree: Tree) -> None:
    tree.put(f"{GPU}/of_node/name", "gpu", end="\0")
    tree.put(f"{GPU}/power/control", "auto")
    for name, value in (("load", 0), ("railgate_enable", 1), ("enable_3d_scaling", 1)):
        tree.put(f"{GPU}/{name}", value)
    node = f"{GPU}/devfreq/17000000.gpu"
    tree.put(f"{node}/available_frequencies", " ".join(map(str, GPU_HZ)))
    tree.put(f"{node}/governor", "nvhost_podgov")
    for name, value in (("cur_freq", GPU_HZ[0]), ("min_freq", GPU_HZ[0]), ("max_freq", GPU_HZ[-1])):
        tree.put(f"{node}/{name}", value)
    _link(tree, f"{node}/device", GPU)
    _link(tree, DEVFREQ, node)


def _nvpmodel_conf() -> list[str]:
    lines = []
    for name, mode in MODES.items():
        lines += [f"< POWER_MODEL ID={mode.number} NAME={name} >"]
        lines += [f"CPU_ONLINE CORE_{core} {int(core < mode.cores)}" for core in range(CORES)]
        lines += [f"TPC_POWER_GATING TPC_PG_MASK {mode.gating}", f"GPU MAX_FREQ {mode.gpu_hz}", ""]
    return [*lines, "< PM_CONFIG DEFAULT=3 >"]


def _link(tree: Tree, path: str, target: str) -> None:
    link = tree.root / path
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(tree.root / target, link.parent))
