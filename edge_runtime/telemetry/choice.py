"""Which source measures: the one that was asked for, or the best that answers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from edge_runtime.config.block_file import load_block
from edge_runtime.config.plant import Plant
from edge_runtime.config.schema import TelemetryBlock
from edge_runtime.core import Clock
from edge_runtime.errors import TelemetryError

from .base import Sampler, Telemetry
from .combined import Combined
from .host import HostReader
from .jtop import FIXES, JtopTelemetry
from .nvml import NvmlReader
from .plant import PlantReader, Work
from .recorded import RecordedTelemetry, load_samples
from .sysfs import SysfsReader, is_jetson

# Beside sysfs, jtop only adds what changes slowly; faster it costs a good part of a core.
JTOP_BESIDE_MS = 500.0


def open_source(block: TelemetryBlock, clock: Clock, root: Path, work: Work) -> Telemetry:
    if block.source == "plant":
        if block.plant is None:
            raise TelemetryError("telemetry.source=plant needs a board: telemetry.plant=NAME")
        plant = load_block(block.plant, Plant, "plants")
        return Sampler(PlantReader(plant, work), clock, max(block.period_ms, plant.sensor_period_ms))
    if block.source == "recorded":
        if block.log is None:
            raise TelemetryError("telemetry.source=recorded needs a log: telemetry.log=FILE.jsonl")
        return RecordedTelemetry(load_samples(block.log))
    if block.source == "jtop":
        if not has_jtop():
            raise TelemetryError(FIXES["not_installed"])
        return JtopTelemetry(clock, block.period_ms)
    if block.source == "sysfs":
        return Sampler(SysfsReader(root), clock, block.period_ms)
    if block.source == "nvml":
        return Sampler(NvmlReader(), clock, block.period_ms)
    if block.source == "host":
        return Sampler(HostReader(root), clock, block.period_ms)
    return _best(block, clock, root)


def has_jtop() -> bool:
    """Whether jetson-stats is installed here; looking does not import it."""
    return find_spec("jtop") is not None


def _best(block: TelemetryBlock, clock: Clock, root: Path) -> Telemetry:
    if is_jetson(root):
        reader = _try_sysfs(root)
        if reader is None and has_jtop():
            return JtopTelemetry(clock, block.period_ms)
        if reader is not None:
            fast = Sampler(reader, clock, block.period_ms)
            return Combined(fast, JtopTelemetry(clock, max(block.period_ms, JTOP_BESIDE_MS))) if has_jtop() else fast
    host = Sampler(HostReader(root), clock, block.period_ms)
    try:
        return Combined(Sampler(NvmlReader(), clock, block.period_ms), host)
    except TelemetryError:
        return host


def _try_sysfs(root: Path) -> SysfsReader | None:
    try:
        return SysfsReader(root)
    except TelemetryError:
        return None
