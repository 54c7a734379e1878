"""From a checked pipeline file to opened networks and the steps that use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import MergeStage, ModelBlock, PipelineConfig, TrackStage
from edge_runtime.core import UNTRACKED, ClassTable, Clock, Detections
from edge_runtime.engines.ort import OnnxRuntimeEngine, open_session, run_here, tensors
from edge_runtime.errors import ConfigError, EngineError, Problem
from edge_runtime.vision.decode import Decoder, Mismatch, make_decoder
from edge_runtime.vision.merge import merge
from edge_runtime.vision.track import Tracker

from .builds import Builds
from .gpu import GpuNetworks, why_not_tensorrt
from .lane import Lane
from .model_fit import check_input, input_shape
from .network import HostNetwork, Network
from .steps import HostStep, NetworkStep, Step


@dataclass(frozen=True, eq=False)
class Assembly:
    """The stages in the order of the file, ready to run, and what they share; `networks` is by model name.

    `backends` says for each model what runs it and why.
    """

    steps: tuple[Step, ...]
    networks: Mapping[str, Network]
    classes: ClassTable
    shown: tuple[str, ...]
    backends: Mapping[str, str]


def assemble(
    loaded: LoadedPipeline, clock: Clock, owner: ExitStack, *, lanes: bool = True, builds: Builds | None = None
) -> Assembly:
    """Open every network and build the steps; `owner` closes what was opened.

    With `lanes` each network on the CPU gets a thread of its own; without, its calls run on the caller's thread, one
    after another. Raises `ConfigError` with every way in which a network cannot be what the file says.
    """
    return _Assembler(loaded, clock, owner, lanes, builds or Builds()).assemble()


def build_engines(loaded: LoadedPipeline, clock: Clock, builds: Builds) -> Mapping[str, str]:
    """Make sure that every engine of a pipeline is built, compared and loads here; what runs each model and why."""
    with ExitStack() as owner:
        return assemble(loaded, clock, owner, lanes=False, builds=builds).backends


@dataclass
class _Assembler:
    loaded: LoadedPipeline
    clock: Clock
    owner: ExitStack
    lanes: bool
    builds: Builds
    classes: ClassTable = field(default_factory=ClassTable)
    problems: list[Problem] = field(default_factory=list)
    backends: dict[str, str] = field(default_factory=dict)
    _gpu: GpuNetworks | None = None

    def assemble(self) -> Assembly:
        config = self.loaded.config
        networks: dict[str, Network] = {}
        decoders: dict[str, Decoder] = {}
        for name, model in config.models.items():
            try:
                decoders[name] = make_decoder(model.decode, model.input, self.classes)
            except ValueError as error:
                self._problem(name, Mismatch("decode.classes", str(error)))
                continue
            try:
                network = self._network(name, model, decoders[name])
            except EngineError as error:
                self._problem(name, Mismatch("onnx", str(error)))
                continue
            if network is not None:
                networks[name] = network
        if self.problems:
            raise ConfigError(self.problems)
        steps = _steps(config, networks, decoders, self.clock)
        return Assembly(steps, networks, self.classes, shown_stages(config), self.backends)

    def _network(self, name: str, model: ModelBlock, decoder: Decoder) -> Network | None:
        """The opened network, or None with its problems noted."""
        config = self.loaded.config
        slots = config.executor.in_flight * sum(getattr(stage, "model", None) == name for stage in config.stages)
        refusal = "the pipeline file says so" if model.backend == "onnxruntime" else None
        if model.backend == "auto":
            refusal = why_not_tensorrt(model)
        if refusal is None:
            return self._on_tensorrt(name, model, decoder, slots)
        self.backends[name] = f"ONNX Runtime ({', '.join(model.onnxruntime.providers)}): {refusal}"
        if model.backend == "auto":
            self.builds.say(f"{name} runs on ONNX Runtime: {refusal}")
        session = open_session(model.onnx, model.onnxruntime)
        if self._unfit(name, check_input(tensors(session.get_inputs()), model.input)):
            return None
        engine = OnnxRuntimeEngine(
            name,
            session,
            input_name=model.input.name,
            input_shape=input_shape(model.input),
            slots=slots,
            submit=self._lane(name).submit if self.lanes else run_here,
            clock=self.clock,
        )
        self.owner.callback(engine.close)
        if self._unfit(name, decoder.check({output.name: output.shape for output in engine.outputs})):
            return None
        return HostNetwork(engine, model.input)

    def _on_tensorrt(self, name: str, model: ModelBlock, decoder: Decoder, slots: int) -> Network | None:
        config = self.loaded.config
        session = open_session(model.onnx, model.onnxruntime)
        outputs = {output.name: output.shape for output in tensors(session.get_outputs())}
        if self._unfit(name, [*check_input(tensors(session.get_inputs()), model.input), *decoder.check(outputs)]):
            return None
        if self._gpu is None:
            self._gpu = GpuNetworks(
                self.owner, self.clock, config.engines, self.builds, depth=config.executor.in_flight, loaded=self.loaded
            )
        network = self._gpu.network(name, model, decoder, slots=slots)
        self.backends[name] = f"TensorRT in {model.precision} on {self._gpu.gpu.name}"
        if self._unfit(name, decoder.check({output.name: output.shape for output in network.engine.outputs})):
            return None
        return network

    def _lane(self, name: str) -> Lane:
        lane = Lane(f"network {name}")
        self.owner.callback(lane.close)
        return lane

    def _unfit(self, name: str, mismatches: list[Mismatch]) -> bool:
        for mismatch in mismatches:
            self._problem(name, mismatch)
        return bool(mismatches)

    def _problem(self, name: str, mismatch: Mismatch) -> None:
        where = ("models", name, *mismatch.key.split("."))
        self.problems.append(self.loaded.problem(where, mismatch.what, mismatch.fix))


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
    config: PipelineConfig, networks: Mapping[str, Network], decoders: Mapping[str, Decoder], clock: Clock
) -> tuple[Step, ...]:
    steps: list[Step] = []
    next_slot = dict.fromkeys(networks, 0)
    for stage in config.stages:
        if isinstance(stage, MergeStage):
            steps.append(HostStep(stage.name, _merging(stage), clock))
        elif isinstance(stage, TrackStage):
            steps.append(HostStep(stage.name, _tracking(stage), clock))
        else:
            model = stage.model
            first_slot = next_slot[model]
            next_slot[model] += config.executor.in_flight
            steps.append(NetworkStep(stage.name, networks[model], first_slot, decoders[model], clock))
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
