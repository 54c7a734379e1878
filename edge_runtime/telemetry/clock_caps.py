"""Upper bounds on the clocks of GPU and CPU, written to the kernel's own files (root, or a udev rule that lets us)."""

from __future__ import annotations

from pathlib import Path

from .files import children, find_gpu, number, text


class ClockCaps:
    """Remembers what each file held before it was first written, and puts it back with `restore`."""

    def __init__(self, root: Path) -> None:
        self._gpu = find_gpu(root)
        self._cpus = children(root / "sys/devices/system/cpu", "cpu[0-9]*/cpufreq")
        self._before: dict[Path, int] = {}

    @property
    def active(self) -> bool:
        return bool(self._before)

    def set(self, gpu_mhz: float | None, cpu_mhz: float | None) -> str | None:
        """Cap both; None lifts a cap of ours. Returns why that failed, None when every file reads back as wanted."""
        if gpu_mhz is not None and self._gpu is None:
            return "no GPU clock to cap below sys/class/devfreq"
        if cpu_mhz is not None and not self._cpus:
            return "no CPU clock to cap below sys/devices/system/cpu"
        gpu = (
            [] if self._gpu is None else [(self._gpu / "max_freq", self._gpu / "min_freq", _gpu_hz(self._gpu, gpu_mhz))]
        )
        khz = None if cpu_mhz is None else round(cpu_mhz * 1e3)
        cpus = [(cpu / "scaling_max_freq", cpu / "scaling_min_freq", khz) for cpu in self._cpus]
        refusals = [self._write(*entry) for entry in (*gpu, *cpus)]
        return next((refusal for refusal in refusals if refusal), None)

    def restore(self) -> str | None:
        refusals = [_put(path, value) for path, value in self._before.items()]
        self._before.clear()
        return next((refusal for refusal in refusals if refusal), None)

    def _write(self, path: Path, floor: Path, wanted: int | None) -> str | None:
        now = number(path)
        if wanted is None:
            return _put(path, self._before.pop(path)) if path in self._before else None
        if now is None:
            return None if floor.name == "scaling_min_freq" else f"{path} cannot be read"  # a core may be offline
        wanted = max(wanted, number(floor) or 0)
        if now == wanted:
            return None
        self._before.setdefault(path, now)
        # Never above what the power mode allows.
        return _put(path, min(wanted, self._before[path]))


def gpu_clocks_mhz(root: Path = Path("/")) -> tuple[float, ...]:
    """The clocks of the GPU's table, slowest first; empty where there is none."""
    gpu = find_gpu(root)
    return () if gpu is None else tuple(hertz / 1e6 for hertz in _table(gpu))


def _table(gpu: Path) -> list[int]:
    return sorted(int(value) for value in (text(gpu / "available_frequencies") or "").split())


def _gpu_hz(gpu: Path, mhz: float | None) -> int | None:
    """The fastest clock of the GPU's table that is not above the cap."""
    if mhz is None:
        return None
    table = _table(gpu)
    return max((hertz for hertz in table if hertz <= mhz * 1e6), default=table[0] if table else round(mhz * 1e6))


def _put(path: Path, value: int) -> str | None:
    try:
        path.write_text(f"{value}\n")
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}; run as root"
    now = number(path)
    return None if now == value else f"{path} was set to {value} and reads {now}"
