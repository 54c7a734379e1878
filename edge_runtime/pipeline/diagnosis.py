"""Could this pipeline run on this machine, as it is now? Nothing is built, and no camera is opened."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from edge_runtime.config.ladder import ladder_of
from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.config.overrides import Overrides
from edge_runtime.config.schema import (
    CameraSource,
    ClassifyStage,
    DisplaySink,
    FileSink,
    LiveSink,
    ModelBlock,
    PipelineConfig,
    SimulationSource,
    Source,
)
from edge_runtime.core import Clock
from edge_runtime.core.check import Check
from edge_runtime.core.machine import Machine
from edge_runtime.cuda.driver import open_gpu
from edge_runtime.engines.diagnosis import TENSORRT_OF_JETPACK
from edge_runtime.engines.tensorrt.cache import EngineCache, Lookup
from edge_runtime.engines.tensorrt.provider import load
from edge_runtime.errors import ConfigError, EdgeRuntimeError, Problem, SinkError, SourceError
from edge_runtime.sinks.base import SinkContext
from edge_runtime.sinks.diagnosis import live_checks
from edge_runtime.sinks.display import Display
from edge_runtime.sources.camera import kind_of, without_password
from edge_runtime.sources.diagnosis import SYSTEM_OPENCV
from edge_runtime.telemetry import open_telemetry
from edge_runtime.telemetry.power_modes import power_modes

from .assemble import Assembly, assemble, views_of
from .gpu import DEFAULT_FOLDER, EnginePlan, why_not_tensorrt
from .open_source import open_source

ANSWER_S = 1.0
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


def pipeline_checks(
    path: Path, overrides: Overrides, machine: Machine, clock: Clock, *, runs: Path = Path("runs")
) -> list[Check]:
    """A line for the file and for each thing that it needs; with an error among them a run would not start here."""
    try:
        loaded = load_pipeline(path, overrides)
        # Every network is opened on the CPU: whether file and network fit is the same question everywhere.
        with ExitStack() as owner:
            assembly = assemble(_on_cpu(loaded), clock, owner, lanes=False)
            return [_file(loaded), *_parts(loaded, assembly, machine, clock, runs)]
    except ConfigError as error:
        return [_mistake("pipeline", problem) for problem in error.problems]


def _parts(loaded: LoadedPipeline, assembly: Assembly, machine: Machine, clock: Clock, runs: Path) -> Iterator[Check]:
    config = loaded.config
    accounts = assembly.optional.accounts()
    for name, model in config.models.items():
        if name in accounts and (out := accounts[name].out) is not None:
            fix = f"mend models.{name}.onnx; a run goes on without it"
            yield Check(f"model {name}", "warning", f"is optional, and would be out: {out.why.splitlines()[0]}", fix)
            continue
        forms = {name: model, **{f"{name}/{variant}": model.variant(variant) for variant in model.variants}}
        for form, block in forms.items():
            batch = assembly.networks[form].engine.inputs[0].shape[0] or max(1, views_of(config, name))
            check = _model(form, block, batch, loaded, machine)
            yield replace(check, found=f"{check.found}{_calls(config, name, batch)}")
    for source in config.cameras:
        yield _source(source, machine, several=len(config.cameras) > 1)
    if config.governor is not None:
        yield from _governor(loaded, machine)
    if config.telemetry.source != "auto":
        yield _telemetry(loaded, machine, clock)
    yield from _outputs(config, assembly, runs)


def _file(loaded: LoadedPipeline) -> Check:
    config = loaded.config
    stages = ", ".join(stage.name for stage in config.stages)
    kinds = " and ".join(dict.fromkeys(source.kind for source in config.cameras))
    if len(config.cameras) > 1:
        kinds = f"{len(config.cameras)} cameras ({kinds})"
    return Check("pipeline", "ok", f"{config.name}: {kinds} through {stages}")


def _calls(config: PipelineConfig, model: str, batch: int) -> str:
    """What a fixed batch makes of several cameras; a network that looks at boxes takes one frame after the other."""
    calls = -(-views_of(config, model) // batch)
    cascades = any(isinstance(stage, ClassifyStage) and stage.of and stage.model == model for stage in config.stages)
    if len(config.cameras) == 1 or calls <= 1 or cascades:
        return ""
    each = f"{calls} calls for a frame of each camera, one with `edge-run model edit --batch dynamic`"
    return f"; its batch is fixed at {batch}: {each}"


def _mistake(name: str, problem: Problem) -> Check:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    found = ": ".join(part for part in (place, problem.where, problem.what) if part)
    return Check(name, "error", found, " ".join(problem.fix.split()))


def _failure(name: str, error: Exception) -> Check:
    found, _, fix = str(error).removeprefix(f"{name}: ").partition("\n")
    return Check(name, "error", found, " ".join(fix.split()))


def _with(loaded: LoadedPipeline, setting: str) -> str:
    return f"edge-run {loaded.path} --set {setting}"


def _on_cpu(loaded: LoadedPipeline) -> LoadedPipeline:
    models = {name: model.model_copy(update={"backend": "onnxruntime"}) for name, model in loaded.config.models.items()}
    return loaded.with_config(loaded.config.model_copy(update={"models": models}))


def _model(name: str, model: ModelBlock, batch: int, loaded: LoadedPipeline, machine: Machine) -> Check:
    """What will run a network, and whether its engine is ready for this board."""
    label = f"model {name}"
    if model.backend == "onnxruntime":
        return Check(label, "ok", "on ONNX Runtime, as the file says")
    if (reason := why_not_tensorrt(model)) is not None:
        found, _, fix = reason.partition(" Run: ")
        if model.backend == "tensorrt":
            without = _with(loaded, f"models.{name.partition('/')[0]}.backend=auto")
            return Check(label, "error", f"cannot run on TensorRT: {found}", fix or without)
        if machine.is_jetson:
            return Check(label, "warning", f"on ONNX Runtime, slowly: {found}", fix or TENSORRT_OF_JETPACK)
        return Check(label, "ok", f"on ONNX Runtime: {found}")
    try:
        return engine_check(label, look_up(name, model, batch, loaded.config), loaded)
    except EdgeRuntimeError as error:
        return _failure(label, error)


def look_up(name: str, model: ModelBlock, batch: int, config: PipelineConfig) -> Lookup:
    """What the cache holds for a model on this machine's GPU. Raises `EngineError`."""
    plan = EnginePlan.of(model, batch, open_gpu(), load(model.tensorrt.provider).traits)
    return EngineCache(config.engines.folder or DEFAULT_FOLDER.expanduser()).lookup(name, plan.key)


def engine_check(label: str, found: Lookup, loaded: LoadedPipeline) -> Check:
    """An engine that is not there or not for this board is built at the start, where the file allows it."""
    manifest, build = found.manifest, f"edge-run build {loaded.path}"
    if found.state != "hit" or manifest is None:
        allowed = loaded.config.engines.build
        then = "it is built when a run starts" if allowed else "engines.build is off, so no run starts"
        return Check(label, "warning" if allowed else "error", f"{found.reason}; {then}", build)
    if manifest.parity is not None and manifest.parity["refusal"] is not None:
        return Check(label, "error", f"{found.path.name} is refused: {manifest.parity['refusal']}", build)
    return Check(label, "ok", f"{found.path.name}, built for {manifest.key.board}")


def _source(block: Source, machine: Machine, *, several: bool) -> Check:
    label = f"source {block.camera}"
    if isinstance(block, CameraSource):
        at_start = block.reconnect.at_start
        return _camera(label, block, machine, waits=several if at_start is None else at_start == "wait")
    if isinstance(block, SimulationSource):
        return Check(label, "ok", f"a painted drive of {block.seconds:g} s")
    try:
        open_source(block).close()
    except SourceError as error:
        return _failure(label, error)
    return Check(label, "ok", f"{block.kind} {block.path}")


def _camera(label: str, block: CameraSource, machine: Machine, *, waits: bool) -> Check:
    """With `waits` a run begins also while the camera is away."""
    kind, shown = kind_of(block.device), without_password(str(block.device))
    if kind == "gstreamer":
        if cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            return Check(label, "ok", f"GStreamer pipeline {shown}")
        return Check(label, "error", "is a GStreamer pipeline, and this OpenCV has no GStreamer", SYSTEM_OPENCV)
    if kind == "url":
        return _address(label, str(block.device), shown, waits=waits)
    device = f"/dev/video{block.device}" if str(block.device).isdecimal() else str(block.device)
    path = machine.root / device.lstrip("/")
    if not path.exists():
        there = ", ".join(f"/dev/{node.name}" for node in machine.find("dev/video*")) or "no /dev/video*"
        return _away(label, f"{device} is not there; this machine has {there}", "v4l2-ctl --list-devices", waits=waits)
    if not os.access(path, os.R_OK | os.W_OK):
        fix = "sudo usermod -aG video $USER, then log in again"
        return Check(label, "error", f"{device} may not be opened by this user", fix)
    return Check(label, "ok", device)


def _away(label: str, found: str, fix: str, *, waits: bool) -> Check:
    if waits:
        return Check(label, "warning", f"{found}; a run begins without it and takes it in when it comes", fix)
    return Check(label, "error", found, fix)


def _address(label: str, address: str, shown: str, *, waits: bool) -> Check:
    """Whether somebody listens at a camera's address; its stream is not opened."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        host = port = None
    if host is None or port is None:
        return Check(label, "ok", f"{shown}; not asked")
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as error:
        reason = error.strerror or "no answer"
        return _away(label, f"{shown}: nobody answers at {host} port {port} ({reason})", f"ping {host}", waits=waits)
    return Check(label, "ok", f"{shown} answers")


def _governor(loaded: LoadedPipeline, machine: Machine) -> Iterator[Check]:
    try:
        ladder, settings = ladder_of(loaded)
    except ConfigError as error:
        yield from (_mistake("governor", problem) for problem in error.problems)
        return
    modes = power_modes(machine.root)
    wanted = {mode for rung in ladder.points if (mode := rung.knobs.power_mode) is not None and mode not in modes}
    if loaded.config.board.control and wanted:
        found = f"{settings.ladder} asks for power modes that this board lacks: {', '.join(sorted(wanted))}"
        yield Check("governor", "warning", found, f"edge-run profile {loaded.path}")
    else:
        yield Check("governor", "ok", f"{len(ladder.points)} points in {settings.ladder}")


def _telemetry(loaded: LoadedPipeline, machine: Machine, clock: Clock) -> Check:
    block = loaded.config.telemetry
    try:
        open_telemetry(block, clock, root=machine.root).close()
    except EdgeRuntimeError as error:
        return Check("telemetry", "error", str(error), _with(loaded, "telemetry.source=auto"))
    return Check("telemetry", "ok", f"{block.source}, as the file says")


def _outputs(config: PipelineConfig, assembly: Assembly, runs: Path) -> Iterator[Check]:
    """Whether what a run leaves behind can be written, a window be opened, and others be reached."""
    paths = [block.path for block in config.sinks if isinstance(block, FileSink)]
    paths += [config.record.path] if config.record is not None else []
    folders: Sequence[Path] = list(dict.fromkeys([runs, *(path.parent for path in paths if path.is_absolute())]))
    for folder in folders:
        label = "results" if folder == runs else f"results in {folder.name}"
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if os.access(there, os.W_OK | os.X_OK) and there.is_dir():
            yield Check(label, "ok", f"can be written to {folder.absolute()}")
        else:
            fix = "give another folder: edge-run PIPELINE --out DIR" if folder == runs else f"ls -ld {there}"
            yield Check(label, "error", f"{there} may not be written to by this user", fix)
    cameras = tuple(source.camera for source in config.cameras)
    context = SinkContext(runs, assembly.classes, assembly.shown, 30.0, assembly.instead, cameras, config.name)
    for block in config.sinks:
        if isinstance(block, LiveSink):
            yield from live_checks(block, context)
        if isinstance(block, DisplaySink):
            window = Display(block)
            try:
                window.open(context)
                window.close()
                yield Check("display", "ok", "a window can be opened")
            except SinkError as error:
                yield _failure("display", error)
