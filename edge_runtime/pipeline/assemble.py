"""From a checked pipeline file to opened networks and the steps that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from edge_runtime.config.document import Where
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import (
    ClassifyStage,
    DetectStage,
    MergeStage,
    ModelBlock,
    NetworkStage,
    PipelineConfig,
    TrackStage,
)
from edge_runtime.config.words import did_you_mean, either
from edge_runtime.core import ClassTable, Clock
from edge_runtime.core.trace import TraceLog
from edge_runtime.engines.base import TensorInfo
from edge_runtime.engines.ort import OnnxRuntimeEngine, open_session, run_here, tensors
from edge_runtime.errors import ConfigError, EngineError, Problem
from edge_runtime.vision.decode import Decoder, Mismatch, make_decoder

from .builds import Builds
from .camera_pose import PoseOf
from .faults import Faults
from .gpu import GpuNetworks, why_not_tensorrt
from .lane import Lane
from .model_fit import check_input, input_shape
from .network import CudaNetwork, HostNetwork, Network
from .optional import OptionalModels, OptionalStep
from .stages import make_steps
from .steps import CascadeStep, NetworkStep, Step


@dataclass(frozen=True, eq=False)
class Assembly:
    """The stages in the order of the file, ready to run, and what they share; `networks` is by model name.

    `backends` says for each model what runs it and why; of the `optional` ones some may be out already.
    """

    steps: tuple[Step, ...]
    networks: Mapping[str, Network]
    classes: ClassTable
    shown: tuple[str, ...]
    instead: Mapping[str, str]
    backends: Mapping[str, str]
    optional: OptionalModels
    _reopen: Callable[[], Mapping[str, Network]]

    def make_networks_anew(self) -> None:
        """Tear every network down and open it again; the stages keep what they know. Nothing may be in flight.

        All of them, since they share the upload and the GPU. Raises `EngineError` when that cannot help: an error that
        broke the GPU's context leaves this process none.
        """
        networks = self._reopen()
        self.optional.renewed()
        for step in self.steps:
            if isinstance(step, OptionalStep):
                step = step.step
            if isinstance(step, NetworkStep | CascadeStep):
                step.replace_networks(networks)

    @property
    def batched(self) -> bool:
        """Whether a call of some network has room for the views of more than one frame."""
        steps = (step.step if isinstance(step, OptionalStep) else step for step in self.steps)
        return any(isinstance(step, NetworkStep) and step.shares_calls for step in steps)

    @property
    def on_gpu(self) -> bool:
        """Whether no network needs the host while it runs."""
        return all(isinstance(network, CudaNetwork) for network in self.networks.values())


def assemble(
    loaded: LoadedPipeline,
    clock: Clock,
    owner: ExitStack,
    *,
    lanes: bool = True,
    builds: Builds | None = None,
    trace: TraceLog | None = None,
    pose: PoseOf | None = None,
    faults: Faults | None = None,
) -> Assembly:
    """Open every network and build the steps; `owner` closes what was opened.

    With `lanes` each network on the CPU gets a thread of its own; without, its calls run on the caller's thread, one
    after another. What `faults` there are for a network come on top of it. Raises `ConfigError` with every way in
    which a network cannot be what the file says. An optional model that cannot be loaded is out from the start.
    """
    return _Assembler(loaded, clock, owner, lanes, builds or Builds(), trace, pose, faults).assemble()


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
    trace: TraceLog | None
    pose: PoseOf | None
    faults: Faults | None
    classes: ClassTable = field(default_factory=ClassTable)
    problems: list[Problem] = field(default_factory=list)
    backends: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    decoders: dict[str, Decoder] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    _gpu: GpuNetworks | None = None
    _shared: ExitStack = field(default_factory=ExitStack)
    _opened: dict[str, ExitStack] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.optional = OptionalModels(self.loaded.config, self.clock, self._reopen_one)

    def assemble(self) -> Assembly:
        self.owner.callback(self._close)
        for name, model in self._models():
            try:
                self.decoders[name] = make_decoder(model.decode, model.input, self.classes)
                self._open(name, model)
            except ValueError as error:
                self._problem(name, Mismatch("decode.classes", str(error)))
            except EngineError as error:
                if model.optional:
                    self._leave_out(name, error)
                else:
                    self._problem(name, Mismatch("onnx", str(error)))
        self._check_names()
        if self.optional.none_left:
            accounts = self.optional.accounts()
            for name, account in accounts.items():
                self._problem(name, Mismatch("onnx", "" if account.out is None else account.out.why))
        if self.problems:
            raise ConfigError(self.problems)
        for refusal, names in self.refusals.items():
            self.builds.say(f"{either(names, 'and')} run{'s' * (len(names) == 1)} on ONNX Runtime: {refusal}")
        steps = make_steps(self.loaded, self.networks, self.classes, self.clock, self.trace, self.pose, self.optional)
        shown, instead = shown_stages(self.loaded.config), shown_instead(self.loaded.config)
        return Assembly(steps, self.networks, self.classes, shown, instead, self.backends, self.optional, self._reopen)

    def _check_names(self) -> None:
        """Classes that the file sets apart must be ones that some network reports: a misspelt one would do nothing."""
        config = self.loaded.config
        named: list[tuple[Where, str]] = [(("never_shed", n), name) for n, name in enumerate(config.never_shed)]
        for index, stage in enumerate(config.stages):
            if isinstance(stage, ClassifyStage):
                named += [(("stages", index, "only", n), name) for n, name in enumerate(stage.only or ())]
            elif isinstance(stage, DetectStage) and stage.regions is not None:
                weights = stage.regions.class_weights
                named += [(("stages", index, "regions", "class_weights", name), name) for name in weights]
        if len(self.decoders) < len(list(self._models())):
            return  # the table lacks the names of a network that has a mistake of its own
        for where, name in named:
            if name not in self.classes:
                fix = did_you_mean(name, self.classes.names) or f"they report {either(self.classes.names, 'and')}"
                self.problems.append(self.loaded.problem(where, f"no network reports a class '{name}'", fix))

    def _open(self, name: str, model: ModelBlock) -> None:
        if self.optional.is_out(_base(name)):
            return
        network = self._network(name, model, self.decoders[name])
        if network is not None:
            self.networks[name] = network if self.faults is None else self.faults.network(name, network)

    def _reopen(self) -> Mapping[str, Network]:
        gpu = None if self._gpu is None else self._gpu.gpu
        with suppress(Exception):  # on a broken GPU giving back fails too, and there is nothing left to give back
            self._close()
        self.networks.clear()
        self._gpu = None
        if gpu is not None:
            gpu.check_alive()
        for name, model in self._models():
            try:
                self._open(name, model)
            except EngineError as error:
                if not model.optional:
                    raise
                self._leave_out(name, error)
        return self.networks

    def _reopen_one(self, model: str) -> None:
        """The networks of one model, torn down and opened again; raises `EngineError` with none of them open."""
        self._close_one(model)
        if self._gpu is not None:
            self._gpu.gpu.check_alive()
        try:
            for name, block in self._models():
                if _base(name) == model:
                    self._open(name, block)
        except EngineError:
            self._close_one(model)
            raise

    def _leave_out(self, name: str, error: EngineError) -> None:
        """An optional model, or a variant of one, cannot be opened: the run goes on without it."""
        model = _base(name)
        self._close_one(model)
        self.backends.pop(name, None)
        self.optional.take_out(model, str(error))
        self.builds.say(self.optional.alarms[-1])

    def _models(self) -> Iterator[tuple[str, ModelBlock]]:
        """Every model and behind it its variants, which go by MODEL/VARIANT."""
        for name, model in self.loaded.config.models.items():
            yield name, model
            for variant in model.variants:
                yield f"{name}/{variant}", model.variant(variant)

    def _close(self) -> None:
        """Close the networks, whichever they are by now, and then what they share."""
        with ExitStack() as all_of_them:
            all_of_them.push(self._shared.pop_all())
            for opened in self._opened.values():
                all_of_them.push(opened.pop_all())

    def _close_one(self, model: str) -> None:
        """Close the networks of a model; what a broken one cannot give back is lost."""
        for name in [name for name in self.networks if _base(name) == model]:
            del self.networks[name]
        with suppress(Exception):
            self._owner_of(model).close()

    def _owner_of(self, name: str) -> ExitStack:
        """What closes the networks of a model and its variants."""
        return self._opened.setdefault(_base(name), ExitStack())

    def _network(self, name: str, model: ModelBlock, decoder: Decoder) -> Network | None:
        """The opened network, or None with its problems noted."""
        config = self.loaded.config
        refusal = "the pipeline file says so" if model.backend == "onnxruntime" else None
        if model.backend == "auto":
            refusal = why_not_tensorrt(model)
        if refusal is None:
            return self._on_tensorrt(name, model, decoder)
        self.backends[name] = f"ONNX Runtime ({', '.join(model.onnxruntime.providers)}): {refusal}"
        if model.backend == "auto":
            self.refusals.setdefault(refusal, []).append(name)
        session = open_session(model.onnx, model.onnxruntime)
        if self._unfit(name, check_input(tensors(session.get_inputs()), model.input)):
            return None
        batch = self._batch(name, tensors(session.get_inputs()))
        lane = self._lane(name) if self.lanes else None
        engine = OnnxRuntimeEngine(
            name,
            session,
            input_name=model.input.name,
            input_shape=input_shape(model.input),
            max_batch=batch,
            slots=self._calls(name, batch) * config.executor.in_flight,
            submit=run_here if lane is None else lane.submit,
            patience_s=config.executor.stuck_s / 2 if model.optional else None,
            on_hang=(lambda: None) if lane is None else lane.abandon,
            clock=self.clock,
        )
        self._owner_of(name).callback(engine.close)
        if self._unfit(name, decoder.check({output.name: output.shape for output in engine.outputs})):
            return None
        return HostNetwork(engine, model.input, decoder)

    def _on_tensorrt(self, name: str, model: ModelBlock, decoder: Decoder) -> Network | None:
        config = self.loaded.config
        session = open_session(model.onnx, model.onnxruntime)
        outputs = {output.name: output.shape for output in tensors(session.get_outputs())}
        if self._unfit(name, [*check_input(tensors(session.get_inputs()), model.input), *decoder.check(outputs)]):
            return None
        if self._gpu is None:
            self._gpu = GpuNetworks(
                self._shared,
                self.clock,
                config.engines,
                self.builds,
                depth=config.executor.in_flight * len(config.cameras),
                loaded=self.loaded,
            )
        batch = self._batch(name, tensors(session.get_inputs()))
        slots = self._calls(name, batch) * config.executor.in_flight
        network = self._gpu.network(name, model, decoder, self._owner_of(name), slots=slots, batch=batch)
        self.backends[name] = f"TensorRT in {model.precision} on {self._gpu.gpu.name}"
        if self._unfit(name, decoder.check({output.name: output.shape for output in network.engine.outputs})):
            return None
        return network

    def _batch(self, name: str, inputs: tuple[TensorInfo, ...]) -> int:
        """Views in one call: the model's own fixed batch, or all that a round of frames may have."""
        return inputs[0].shape[0] or max(1, views_of(self.loaded.config, _base(name)))

    def _calls(self, name: str, batch: int) -> int:
        """Calls that a round with the most views takes."""
        return max(1, -(-views_of(self.loaded.config, _base(name)) // batch))

    def _lane(self, name: str) -> Lane:
        lane = Lane(f"network {name}")
        self._owner_of(name).callback(lane.close)
        return lane

    def _unfit(self, name: str, mismatches: list[Mismatch]) -> bool:
        for mismatch in mismatches:
            self._problem(name, mismatch)
        return bool(mismatches)

    def _problem(self, name: str, mismatch: Mismatch) -> None:
        model, _, variant = name.partition("/")
        where = ("models", model, *(("variants", variant) if variant else mismatch.key.split(".")))
        self.problems.append(self.loaded.problem(where, mismatch.what, mismatch.fix))


def _base(name: str) -> str:
    """The model of MODEL or MODEL/VARIANT."""
    return name.partition("/")[0]


def shown_stages(config: PipelineConfig) -> tuple[str, ...]:
    """The stages that no other stage consumes: the pipeline's last word."""
    consumed: set[str] = set()
    for stage in config.stages:
        if isinstance(stage, MergeStage):
            consumed.update(stage.of)
        elif isinstance(stage, TrackStage | ClassifyStage) and stage.of is not None:
            consumed.add(stage.of)
    return tuple(stage.name for stage in config.stages if stage.name not in consumed)


def shown_instead(config: PipelineConfig) -> dict[str, str]:
    """For a stage that labels boxes those boxes: they are there also when the network that labels them is not."""
    return {
        stage.name: stage.of for stage in config.stages if isinstance(stage, ClassifyStage) and stage.of is not None
    }


def views_of(config: PipelineConfig, model: str) -> int:
    """The most views that the stages of a model want at once: those of a frame of every camera."""
    stages = [stage for stage in config.stages if isinstance(stage, NetworkStage) and stage.model == model]
    return sum(_most_views(stage, len(config.cameras)) for stage in stages)


def _most_views(stage: NetworkStage, cameras: int) -> int:
    if isinstance(stage, ClassifyStage) and stage.of is not None:
        return stage.max  # one frame after the other
    return cameras * (stage.regions.max if isinstance(stage, DetectStage) and stage.regions is not None else 1)
