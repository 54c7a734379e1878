"""Which sources of measurements answer on this machine, how fast, and what their rails mean."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from edge_runtime.core import Clock, TelemetrySample
from edge_runtime.core.check import Check
from edge_runtime.errors import TelemetryError

from .base import Reader
from .choice import JTOP_BESIDE_MS, has_jtop
from .host import HostReader
from .jtop import FIXES, JtopTelemetry
from .nvml import NvmlReader
from .power_modes import power_modes, refusal
from .rails import MEANING, total_is
from .sysfs import SysfsReader, is_jetson


class Patience(NamedTuple):
    """How many samples of jtop are waited for, and how long."""

    samples: int
    seconds: float


READINGS = 5
THOROUGH, BRIEF = Patience(READINGS, 12.0), Patience(2, 2.5)
RAPL_FIX = "sudo chmod o+r /sys/class/powercap/*/energy_uj lets this user read it (until the next boot)"


def diagnose(clock: Clock, root: Path = Path("/"), *, patience: Patience = THOROUGH) -> list[Check]:
    """A check for each source and rail, the most useful source first. Takes about two seconds where jtop answers."""
    if is_jetson(root):
        checks, samples = _jetson(clock, root, patience)
    else:
        checks, samples = _other(clock, root)
    power = next((sample for sample in samples if sample.power_w is not None), None)
    if power is None:
        nothing = "nobody measures power: a power budget cannot be held here"
        fix = next((check.fix for check in checks if check.fix), "")
        return [*checks, Check("power", "warning", nothing, fix), *_heat(samples)]
    covers = total_is(power.rails_w) if is_jetson(root) else f"what {power.source} can see: {', '.join(power.rails_w)}"
    return [*checks, _watts("power", power.power_w or 0.0, covers), *_rails(power), *_heat(samples)]


def _jetson(clock: Clock, root: Path, patience: Patience) -> tuple[list[Check], list[TelemetrySample]]:
    checks, samples = [], []
    try:
        reader = SysfsReader(root)
        check, sample = _asked(reader, clock, "up to 20 a second")
        checks += [check, *_protection(reader, sample)]
        samples.append(sample)
    except TelemetryError as error:
        checks.append(Check("sysfs", "error", str(error), "run as root, or use telemetry.source=jtop"))
    check, seen = _jtop(clock, patience)
    checks.append(check)
    if seen is not None:
        samples.append(seen)
        checks += _modes(seen, root)
    return checks, samples


def _other(clock: Clock, root: Path) -> tuple[list[Check], list[TelemetrySample]]:
    checks, samples = [], []
    try:
        card = NvmlReader()
        check, sample = _asked(card, clock, card.device)
        card.close()
        checks.append(check)
        samples.append(sample)
    except TelemetryError as error:
        has_driver = (root / "proc/driver/nvidia").exists()
        found, fix = (str(error), "") if has_driver else ("no NVIDIA driver on this machine", "")
        checks.append(Check("nvml", "error" if has_driver else "ok", found, fix or (_after_colon(found))))
    check, sample = _asked(HostReader(root), clock, "load, clocks, temperatures")
    hidden = any((root / "sys/class/powercap").glob("*rapl:*")) and sample.power_w is None
    checks.append(Check("host", "warning", f"{check.found}; RAPL is closed", RAPL_FIX) if hidden else check)
    return [*checks, Check("sysfs, jtop", "ok", "not asked: this is no Jetson")], [*samples, sample]


def _asked(reader: Reader, clock: Clock, extra: str) -> tuple[Check, TelemetrySample]:
    """A source that answers when asked: how long one reading takes."""
    pause = threading.Event()
    began_ns = clock.now_ns()
    sample = reader.read(began_ns)
    for _ in range(READINGS - 1):
        sample = reader.read(clock.now_ns())
    took_ms = (clock.now_ns() - began_ns) / 1e6 / READINGS
    clock.wait_until_ns(clock.now_ns() + 200_000_000, pause)  # load and energy are differences over some time
    sample = reader.read(clock.now_ns())
    return Check(reader.name, "ok", f"answers in {took_ms:.1f} ms; {extra}"), sample


def _jtop(clock: Clock, patience: Patience) -> tuple[Check, TelemetrySample | None]:
    if not has_jtop():
        found = "jetson-stats is not installed: no power mode, no engines; sysfs does without"
        return Check("jtop", "warning", found, _after_colon(FIXES["not_installed"])), None
    pause = threading.Event()
    samples: list[TelemetrySample] = []
    end_ns = clock.now_ns() + round(patience.seconds * 1e9)
    with JtopTelemetry(clock, JTOP_BESIDE_MS) as jtop:
        while len(samples) < patience.samples and clock.now_ns() < end_ns and jtop.problem is None:
            clock.wait_until_ns(clock.now_ns() + 20_000_000, pause)
            newest = jtop.read(clock.now_ns())
            if newest is not None and (not samples or newest.t_ns > samples[-1].t_ns):
                samples.append(newest)
        problem = jtop.problem
    version = f"jetson-stats {metadata.version('jetson-stats')}"
    if problem is None and len(samples) < 2 and patience == BRIEF:
        slow = f"{version}: {len(samples)} samples within {patience.seconds:g} s"
        return Check("jtop", "warning", slow, "edge-run doctor telemetry"), None
    if problem is not None or len(samples) < 2:
        problem = problem or FIXES["sampler_dead"]
        fix, _, detail = problem.partition(" [")
        found = f"{version}: {fix.partition(': ')[0]}" + (f" ({detail[:-1]})" if detail else "")
        return Check("jtop", "error", found, _after_colon(fix)), None
    rate = (len(samples) - 1) * 1e9 / (samples[-1].t_ns - samples[0].t_ns)
    return Check("jtop", "ok", f"{version}: {rate:.1f} samples a second"), samples[-1]


def _protection(reader: SysfsReader, sample: TelemetrySample) -> Iterator[Check]:
    if not reader.counters:
        yield Check("over-current", "warning", "no soctherm_oc counters: over-current events stay unseen")
    else:
        counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sample.throttle_events.items())
        yield Check("over-current", "ok", f"events since boot: {counts}")
    acting = ", ".join(sample.throttled)
    if not reader.alerts:
        yield Check("throttling", "warning", "no throttle alerts below sys/class/thermal: throttling stays unseen")
    else:
        fix = "let the board cool or choose a lower power mode: nvpmodel -p --verbose lists them" if acting else ""
        yield Check("throttling", "warning" if acting else "ok", f"acting now: {acting}" if acting else "none", fix)


def _modes(sample: TelemetrySample, root: Path) -> Iterator[Check]:
    modes, now = power_modes(root), sample.power_mode
    if now is not None:
        free = [name for name in modes if name != now and refusal(modes, now, name) is None]
        yield Check("power mode", "ok", f"{now}; without a reboot also {', '.join(free) or 'none'}")


def _rails(sample: TelemetrySample) -> Iterator[Check]:
    for rail, watts in sample.rails_w.items():
        yield _watts(f"rail {rail}", watts, MEANING.get(rail, ""))


def _watts(name: str, watts: float, meaning: str) -> Check:
    found = f"{watts:.1f} W" + (f" ({meaning})" if meaning else "")
    if watts >= 0:
        return Check(name, "ok", found)
    fix = "the monitor is broken or wired the other way round: a governed run stays at its safe point"
    return Check(name, "error", f"{found}: cannot be negative", fix)


def _heat(samples: list[TelemetrySample]) -> Iterator[Check]:
    temp_c = next((sample.temp_c for sample in samples if sample.temp_c), None)
    if temp_c is None:
        yield Check("temperature", "warning", "nobody measures it: a thermal budget cannot be held here")
    else:
        hottest_first = sorted(temp_c.items(), key=lambda zone: -zone[1])
        yield Check("temperature", "ok", ", ".join(f"{zone} {celsius:.1f} °C" for zone, celsius in hottest_first))


def _after_colon(text: str) -> str:
    return text.partition(": ")[2]
