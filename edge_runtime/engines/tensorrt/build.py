"""ONNX to engine: the one way through TensorRT's builder, for every version of it."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import Any

from edge_runtime.core import Clock
from edge_runtime.errors import EngineError

from . import failures, precision
from .dla import use_dla
from .onnx_file import OnnxFile
from .options import BuildOptions, Target
from .progress import BuildProgress, Listener
from .provider import ERROR, WARNING, TensorRT
from .refusals import UnsupportedModel, parse, report
from .timing import TimingCache


@dataclass(frozen=True)
class Built:
    """A finished engine.

    `layers` is what the provider tells of its layers, as it tells it (`inspector.layers` reads it), or None.
    `dla_fallback` names the layers that DLA did not take. `notes` are sentences that the user should see.
    """

    engine: bytes
    seconds: float
    layers: str | None = None
    dla_fallback: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def build(
    model: OnnxFile,
    options: BuildOptions,
    target: Target,
    *,
    trt: TensorRT,
    clock: Clock,
    listener: Listener | None = None,
    stop: threading.Event | None = None,
    timing: TimingCache | None = None,
) -> Built:
    """Build an engine for `target`, blocking until it is there.

    Raises `UnsupportedModel` (with every refused node), `BuildCancelled` when `stop` was set, `BuildError` when
    TensorRT finds no engine, and `EngineError` for what the options ask and this machine or version has not.
    """
    began_ns = clock.now_ns()
    progress = BuildProgress(listener, stop)
    hearing = _Hearing(progress)
    with trt.log.listening(hearing):
        _load_plugins(trt, options)
        typing = precision.decide(
            options.precision,
            precision.survey(precision.load_model(model.data)),
            trt.traits,
            dla=options.dla_core is not None,
        )
        notes = [typing.note] if typing.note else []
        onnx = _onnx_bytes(model, options, typing)
        builder = trt.builder()
        network = trt.network(builder, strongly_typed=typing.strongly_typed)
        _parser, refused = parse(trt, network, onnx, str(model.path))
        if refused:
            if typing.cast is not None:  # the casts have moved the nodes: number them as in the user's file
                refused = report(trt, model.data, str(model.path)) or refused
            raise UnsupportedModel(model.path.name, str(trt), refused)
        config = _configure(trt, builder, options, typing)
        trt.aim(config, target)
        notes += _set_profile(builder, network, config, options)
        if not typing.strongly_typed:
            _keep_float32(trt, network, config, _named(model, options.keep_float32))
        fallen = use_dla(trt, builder, network, config, options)
        measured = timing.attach(trt, config) if timing is not None else None  # must live until the build ends
        _monitor = trt.watch(config, progress)
        engine = _run(trt, builder, network, config, progress, model, options)
        if timing is not None and measured is not None:
            notes += [*measured.notes, *timing.save(trt, config, clock=clock, stop=stop)]
        layers = hearing.layers or _inspect(trt, engine, options)
    seconds = (clock.now_ns() - began_ns) / 1e9
    return Built(engine, seconds, layers, fallen, (*notes, *hearing.warnings()))


class _Hearing:
    """What a build's log is good for: progress, warnings, and the layer list that TensorRT-RTX only logs."""

    def __init__(self, progress: BuildProgress) -> None:
        self._progress = progress
        self._warnings: dict[str, None] = {}
        self.layers: str | None = None

    def __call__(self, severity: int, text: str) -> None:
        if severity > WARNING:
            self._progress.log_line(text)
            if text.startswith("Layers:\n"):
                self.layers = text
        elif severity > ERROR and len(self._warnings) < 20:
            self._warnings.setdefault(" ".join(text.split())[:300])

    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)


def _load_plugins(trt: TensorRT, options: BuildOptions) -> None:
    if options.plugin_libraries and not trt.traits.plugins:
        raise EngineError(f"{trt} takes no plugins. Take plugin_libraries out, or use provider tensorrt")
    for path in options.plugin_libraries:
        try:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise EngineError(f"the plugin library {path} does not load: {error}") from error


def _onnx_bytes(model: OnnxFile, options: BuildOptions, typing: precision.Typing) -> bytes:
    if typing.cast is None:
        return model.data
    cast = precision.narrow(model.model(), typing.cast, keep_float32=options.keep_float32)
    return bytes(cast.SerializeToString())


def _configure(trt: TensorRT, builder: Any, options: BuildOptions, typing: precision.Typing) -> Any:
    flags = trt.module.BuilderFlag
    config = builder.create_builder_config()
    config.builder_optimization_level = options.optimization_level
    config.profiling_verbosity = trt.module.ProfilingVerbosity.DETAILED
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.module.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    trt.share_profiles(config)
    trt.use_tactics(config, external_libraries=options.external_libraries)
    for flag in typing.flags:
        config.set_flag(getattr(flags, flag))
    if options.precision == "fp32":
        config.clear_flag(flags.TF32)  # TF32 rounds its factors to 10 bits
    return config


def _set_profile(builder: Any, network: Any, config: Any, options: BuildOptions) -> list[str]:
    """One optimization profile for every free axis; says when the asked batch is of no use."""
    notes: list[str] = []
    profile = builder.create_optimization_profile()
    free = False
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        shape = tuple(tensor.shape)
        if shape and shape[0] >= 0 and not shape[0] == options.batch[0] == options.batch[2]:
            asked = "/".join(map(str, options.batch))
            notes.append(
                f"{tensor.name} has a fixed batch of {shape[0]}, so batch {asked} is not used."
                " Free it with: edge-run model edit"
            )
        if -1 not in shape:
            continue
        free = True
        sides = _sides(tensor.name, shape, options)
        batches = options.batch if shape[0] < 0 else (shape[0],) * 3
        profile.set_shape(tensor.name, *((rows, *sides) for rows in batches))
    if free:
        config.add_optimization_profile(profile)
    return notes


def _sides(name: str, shape: tuple[int, ...], options: BuildOptions) -> tuple[int, ...]:
    sides = tuple(options.sides.get(name, shape[1:]))
    fits = len(sides) == len(shape) - 1 and all(
        want in (-1, side) for want, side in zip(shape[1:], sides, strict=False)
    )
    if not fits or any(side < 1 for side in sides):
        shown = " x ".join("?" if side < 0 else str(side) for side in shape)
        given = f", and sides gives {sides}" if name in options.sides else ""
        raise EngineError(f"input {name} is {shown}{given}. Give its axes after the batch in sides")
    return sides


def _named(model: OnnxFile, keep: tuple[str, ...]) -> set[str]:
    """Node names for names of nodes or operators."""
    if not keep:
        return set()
    return {
        node.name for node in precision.load_model(model.data).graph.node if node.name in keep or node.op_type in keep
    }


def _keep_float32(trt: TensorRT, network: Any, config: Any, names: set[str]) -> None:
    if not names:
        return
    wide = trt.module.DataType.FLOAT
    config.set_flag(trt.module.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.name in names:
            layer.precision = wide
            for output in range(layer.num_outputs):
                layer.set_output_type(output, wide)


def _run(
    trt: TensorRT,
    builder: Any,
    network: Any,
    config: Any,
    progress: BuildProgress,
    model: OnnxFile,
    options: BuildOptions,
) -> bytes:
    plan = builder.build_serialized_network(network, config)
    if progress.broke is not None:
        raise progress.broke
    if progress.stopped:
        raise failures.BuildCancelled(f"the build of {model.path.name} was stopped; nothing was written")
    if plan is None:
        raise failures.BuildError(f"cannot build {model.path.name}: {_why(trt, options)}")
    return bytes(memoryview(plan))


def _why(trt: TensorRT, options: BuildOptions) -> str:
    return failures.explain(
        tuple(trt.log.errors),
        workspace_mib=options.workspace_mib,
        level=options.optimization_level,
        batch=options.batch,
    )


def _inspect(trt: TensorRT, engine: bytes, options: BuildOptions) -> str | None:
    """The layers of an engine as JSON; None where it cannot be loaded, which the first run will say aloud."""
    try:
        loaded = trt.deserialize(engine, dla_core=options.dla_core)
    except EngineError:
        return None
    inspector = loaded.create_engine_inspector()
    return str(inspector.get_engine_information(trt.module.LayerInformationFormat.JSON))
