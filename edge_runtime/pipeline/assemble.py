"""From a checked pipeline file to opened networks and the steps that use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import InputBlock, MergeStage, ModelBlock, PipelineConfig, TrackStage
from edge_runtime.core import UNTRACKED, ClassTable, Clock, Detections
from edge_runtime.engines.base import Engine, TensorInfo
from edge_runtime.engines.ort import OnnxRuntimeEngine, Submit, open_session, run_here, tensors
from edge_runtime.errors import ConfigError, EngineError, Problem
from edge_runtime.vision.decode import Decoder, Mismatch, make_decoder
from edge_runtime.vision.merge import merge
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.track import Tracker

from .lane import Lane
from .steps import HostStep, NetworkStep, Step


@dataclass(frozen=True, eq=False)
class Assembly:
    """The stages in the order of the file, ready to run, and what they share. `engines` is by model name."""

    steps: tuple[Step, ...]
    engines: Mapping[str, Engine]
    lanes: Mapping[str, Lane]
    classes: ClassTable
    shown: tuple[str, ...]


def assemble(loaded: LoadedPipeline, clock: Clock, owner: ExitStack, *, lanes: bool = True) -> Assembly:
    """Open every network and build the steps; `owner` closes what was opened.

    With `lanes` each network gets a thread of its own; without, its calls run on the caller's thread, one after
    another. Raises `ConfigError` with every way in which an ONNX file contradicts its `input:` or `decode:`.
    """
    config = loaded.config
    classes = ClassTable()
    engines: dict[str, Engine] = {}
    decoders: dict[str, Decoder] = {}
    threads: dict[str, Lane] = {}
    problems: list[Problem] = []
    for name, model in config.models.items():
        submit: Submit = run_here
        if lanes:
            threads[name] = lane = Lane(f"network {name}")
            owner.callback(lane.close)
            submit = lane.submit
        try:
            decoders[name] = make_decoder(model.decode, model.input, classes)
        except ValueError as error:
            problems.append(loaded.problem(("models", name, "decode", "classes"), str(error)))
            continue
        slots = config.executor.in_flight * sum(getattr(stage, "model", None) == name for stage in config.stages)
        try:
            engine, mismatches = open_engine(name, model, decoders[name], slots=slots, submit=submit, clock=clock)
        except EngineError as error:
            problems.append(loaded.problem(("models", name, "onnx"), str(error)))
            continue
        if engine is not None:
            engines[name] = engine
            owner.callback(engine.close)
        for mismatch in mismatches:
            where = ("models", name, *mismatch.key.split("."))
            problems.append(loaded.problem(where, mismatch.what, mismatch.fix))
    if problems:
        raise ConfigError(problems)
    return Assembly(
        steps=_steps(config, engines, decoders, clock),
        engines=engines,
        lanes=threads,
        classes=classes,
        shown=shown_stages(config),
    )


def open_engine(
    name: str, model: ModelBlock, decoder: Decoder, *, slots: int, submit: Submit, clock: Clock
) -> tuple[Engine | None, list[Mismatch]]:
    """Load one network and compare it with its block; None with the reasons when it cannot even be called."""
    session = open_session(model.onnx, model.onnxruntime)
    mismatches = check_input(tensors(session.get_inputs()), model.input)
    if mismatches:
        return None, mismatches
    engine = OnnxRuntimeEngine(
        name,
        session,
        input_name=model.input.name,
        input_shape=input_shape(model.input),
        slots=slots,
        submit=submit,
        clock=clock,
    )
    return engine, decoder.check({output.name: output.shape for output in engine.outputs})


def input_shape(block: InputBlock) -> tuple[int, int, int]:
    """One row of the network's input batch."""
    width, height = block.size
    return (3, height, width) if block.layout == "nchw" else (height, width, 3)


def check_input(inputs: tuple[TensorInfo, ...], block: InputBlock) -> list[Mismatch]:
    """Every way in which the network's input contradicts the `input:` block."""
    names = [tensor.name for tensor in inputs]
    if len(inputs) != 1:
        return [
            Mismatch(
                "input",
                f"the network has {len(inputs)} inputs ({', '.join(names)}), and only one can be a picture",
                "Export it with the picture as its only input",
            )
        ]
    tensor = inputs[0]
    found: list[Mismatch] = []
    if block.name is not None and block.name != tensor.name:
        near = get_close_matches(block.name, names, 1)
        fix = f"Did you mean '{near[0]}'?" if near else f"The network's input is '{tensor.name}'; or leave the key out"
        found.append(Mismatch("input.name", f"the network has no input '{block.name}'", fix))
    if tensor.dtype.name != block.dtype:
        found.append(
            Mismatch(
                "input.dtype",
                f"the network takes {tensor.dtype.name}, not {block.dtype}",
                f"Write dtype: {tensor.dtype.name}",
            )
        )
    wanted = input_shape(block)
    if len(tensor.shape) != 4:
        shape = "x".join("?" if side is None else str(side) for side in tensor.shape)
        what = f"the network's input '{tensor.name}' is {shape}, not a batch of pictures (n x {block.layout[1:]})"
        return [*found, Mismatch("input", what, "Export the network with a 4-dimensional picture input")]
    row = tensor.shape[1:]
    if all(side is None or side == want for side, want in zip(row, wanted, strict=True)):
        return found
    other = "nhwc" if block.layout == "nchw" else "nchw"
    height, width, channels = (row[1], row[2], row[0]) if block.layout == "nchw" else row
    if channels not in (None, 3):
        fix = f"Write layout: {other}" if 3 in row else "Only networks with 3 colour channels can run"
        found.append(Mismatch("input.layout", f"the network takes {channels} channels in {block.layout}", fix))
    else:
        size = [block.size[0] if width is None else width, block.size[1] if height is None else height]
        what = f"the network takes pictures of {size[0]} x {size[1]}, not {block.size[0]} x {block.size[1]}"
        found.append(Mismatch("input.size", what, f"Write size: {size}  (width, height)"))
    return found


def shown_stages(config: PipelineConfig) -> tuple[str, ...]:
    """The stages that no other stage consumes: the pipeline's last word."""
    consumed: set[str] = set()
    for stage in config.stages:
        if isinstance(stage, MergeStage):
            consumed.update(stage.of)
        elif isinstance(stage, TrackStage):
            consumed.add(stage.of)
    return tuple(stage.name for stage in config.stages if stage.name not in consumed)


def _steps(
    config: PipelineConfig, engines: Mapping[str, Engine], decoders: Mapping[str, Decoder], clock: Clock
) -> tuple[Step, ...]:
    steps: list[Step] = []
    next_slot = dict.fromkeys(engines, 0)
    for stage in config.stages:
        if isinstance(stage, MergeStage):
            steps.append(HostStep(stage.name, _merging(stage), clock))
        elif isinstance(stage, TrackStage):
            steps.append(HostStep(stage.name, _tracking(stage), clock))
        else:
            model = stage.model
            preprocessor = Preprocessor(config.models[model].input)
            first_slot = next_slot[model]
            next_slot[model] += config.executor.in_flight
            steps.append(NetworkStep(stage.name, engines[model], first_slot, preprocessor, decoders[model], clock))
    return tuple(steps)


def _merging(stage: MergeStage) -> Callable[[Mapping[str, Detections]], Detections]:
    return lambda found: merge([found[name] for name in stage.of], stage.iou)


def _tracking(stage: TrackStage) -> Callable[[Mapping[str, Detections]], Detections]:
    """Only what the tracker follows comes out; weak boxes that belong to no track stay with the stage before."""
    tracker = Tracker(stage)

    def follow(found: Mapping[str, Detections]) -> Detections:
        named = tracker.update(found[stage.of])
        return named.take(named.track_id != UNTRACKED)

    return follow
