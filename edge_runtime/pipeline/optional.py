"""Models that a run can do without: a call that fails costs its stages that frame, not the frame its result. A model
that goes on failing is taken out, with an alarm, while the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from edge_runtime.config.schema import ClassifyStage, MergeStage, NetworkStage, PipelineConfig, TrackStage
from edge_runtime.core import Clock
from edge_runtime.errors import EngineError, EngineHangs, OutputError

from .entry import Entry
from .steps import CascadeStep, NetworkStep

# A network that raises is not a bad picture: after so many frames in a row it is made anew, and the next time given up.
ENGINE_FAILURES_IN_A_ROW = 3
# Of different reasons why calls failed, so many are kept by their words.
REASONS = 20


@dataclass(frozen=True, slots=True)
class ModelOut:
    """A model that was taken out: why, how long after the start, and the stages that say nothing since."""

    why: str
    after_s: float
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptionalAccount:
    """What became of an optional model: frames that its stages are missing from, by reason, and how it ended, if so."""

    failed_frames: int
    failures: Mapping[str, int]
    made_anew: bool
    out: ModelOut | None


@dataclass(slots=True)
class _Model:
    failures: Mapping[str, int] = field(default_factory=dict)  # replaced, never changed: anyone may be reading it
    in_a_row: int = 0
    broken: str | None = None
    hangs: bool = False
    made_anew: bool = False
    out: ModelOut | None = None


class OptionalModels:
    """The books of the optional models of a run. Written by the thread that has the frames, read by anyone.

    `make_anew(model)` tears the networks of a model down and opens them again; called once a model, with nothing in
    flight. `on_out(sentence)` hears of each that is taken out.
    """

    def __init__(self, config: PipelineConfig, clock: Clock, make_anew: Callable[[str], None]) -> None:
        self._config, self._clock, self._make_anew = config, clock, make_anew
        self._began_ns = clock.now_ns()
        self._models = {name: _Model() for name, model in config.models.items() if model.optional}
        self.on_out: Callable[[str], None] | None = None
        self.silent: frozenset[str] = frozenset()

    def is_out(self, model: str) -> bool:
        return model in self._models and self._models[model].out is not None

    @property
    def none_left(self) -> bool:
        """Whether every model of the file is out."""
        return all(map(self.is_out, self._config.models))

    def failed(self, model: str, error: EngineError | OutputError, *, round_too: bool = True) -> None:
        """A frame lacks the model's stages; the reason is counted. `round_too`: it is the first of its round to do."""
        own = self._models[model]
        reason = str(error).removeprefix(f"{model}: ")
        if reason not in own.failures and len(own.failures) >= REASONS:
            reason = "other reasons"
        own.failures = {**own.failures, reason: own.failures.get(reason, 0) + 1}
        if not isinstance(error, EngineError):
            own.in_a_row = 0  # it ran, and what it said made no sense
            return
        if isinstance(error, EngineHangs):
            own.broken, own.hangs = reason, True
            return
        own.in_a_row += round_too
        if own.in_a_row >= ENGINE_FAILURES_IN_A_ROW and own.broken is None:
            own.broken = f"{reason} ({own.in_a_row} frames in a row)"

    def ran(self, model: str) -> None:
        """A call of the model came out well."""
        self._models[model].in_a_row = 0

    @property
    def due(self) -> bool:
        """Whether `repair` has something to do."""
        return any(own.broken is not None and own.out is None for own in self._models.values())

    def repair(self) -> None:
        """Make broken models anew, and take out those that hang, were before or cannot be; nothing may be in flight.

        Raises `EngineError` when none is left.
        """
        for name, own in self._models.items():
            if own.broken is None or own.out is not None:
                continue
            if own.hangs:
                self.take_out(name, own.broken)
                continue
            if own.made_anew:
                self.take_out(name, f"{own.broken}, again after it was made anew")
                continue
            own.made_anew = True
            try:
                self._make_anew(name)
            except EngineError as error:
                self.take_out(name, f"{own.broken}, and it cannot be made anew: {error}")
        self.renewed()
        if self.none_left:
            raise EngineError(f"no model is left: {'; '.join(self.alarms)}")

    def renewed(self) -> None:
        """The networks are new: what failed in a row before counts no more."""
        for own in self._models.values():
            own.in_a_row, own.broken, own.hangs = 0, None, False

    def take_out(self, model: str, why: str) -> None:
        """From now on the model's stages say nothing, nor do those that live on them alone."""
        before = self.silent
        after_s = round((self._clock.now_ns() - self._began_ns) / 1e9, 3)
        out = {model, *(name for name in self._models if self.is_out(name))}
        silent = silent_stages(self._config, out)
        self._models[model].out = ModelOut(
            why.removeprefix(f"{model}: "), after_s, tuple(name for name in silent if name not in before)
        )
        self.silent = frozenset(silent)
        if self.on_out is not None:
            self.on_out(_sentence(model, self._models[model].out))

    @property
    def alarms(self) -> tuple[str, ...]:
        """A sentence for each model that is out, which holds to the end of the run."""
        return tuple(_sentence(name, own.out) for name, own in self._models.items() if own.out is not None)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of them so far, each thing once however often it happens."""
        found = list(self.alarms)
        for name, own in self._models.items():
            if own.made_anew and own.out is None:
                found.append(f"model {name} failed and was made anew")
            found += [f"model {name} failed, and its frames go without it: {reason}" for reason in own.failures]
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The same at the end, with numbers."""
        found = list(self.alarms)
        for name, own in self._models.items():
            if own.made_anew and own.out is None:
                found.append(f"model {name} failed and was made anew once")
            found += [f"{times} frames go without model {name}: {reason}" for reason, times in own.failures.items()]
        return tuple(found)

    def accounts(self) -> dict[str, OptionalAccount]:
        return {
            name: OptionalAccount(sum(own.failures.values()), own.failures, own.made_anew, own.out)
            for name, own in self._models.items()
        }


def _sentence(model: str, out: ModelOut | None) -> str:
    assert out is not None
    silent = f"; {', '.join(out.stages)} says nothing" if len(out.stages) == 1 else ""
    if len(out.stages) > 1:
        silent = f"; {', '.join(out.stages[:-1])} and {out.stages[-1]} say nothing"
    return f"model {model} is out: {out.why.splitlines()[0]}{silent}"


def silent_stages(config: PipelineConfig, out: Collection[str]) -> tuple[str, ...]:
    """The stages that cannot say anything without the models `out`, in the order of the file."""
    silent: list[str] = []
    for stage in config.stages:
        of: Sequence[str] = ()
        if isinstance(stage, MergeStage):
            of = stage.of
        elif isinstance(stage, TrackStage | ClassifyStage) and stage.of is not None:
            of = (stage.of,)
        lost = isinstance(stage, NetworkStage) and stage.model in out
        if lost or (of and all(name in silent for name in of)):
            silent.append(stage.name)
    return tuple(silent)


class Roll:
    """The first step of a frame: says which stages will be silent in all of it."""

    name = "roll"

    def __init__(self, models: OptionalModels) -> None:
        self._models = models

    def launch(self, entries: Sequence[Entry]) -> None:
        out = self._models.silent
        for entry in entries:
            entry.out = out
            entry.skipped |= out

    def finish(self, entry: Entry) -> None:
        """Nothing to collect."""


class OptionalStep:
    """The step of an optional model: when its call fails, the frame goes on without its stages."""

    def __init__(
        self, step: NetworkStep | CascadeStep, model: str, stages: Sequence[str], models: OptionalModels
    ) -> None:
        self.name = step.name
        self.step = step
        self._model, self._stages, self._models = model, stages, models
        self._not_launched: dict[int, EngineError] = {}
        self._counted: set[int] = set()  # places of rounds of which a failure counts already

    def launch(self, entries: Sequence[Entry]) -> None:
        first = entries[0]
        self._not_launched.pop(first.ring, None)
        self._counted.discard(first.ring)
        if self.name in first.out:
            return
        try:
            self.step.launch(entries)
        except EngineError as error:
            self._not_launched[first.ring] = error

    def finish(self, entry: Entry) -> None:
        if self.name in entry.out:
            return
        error: EngineError | OutputError | None = self._not_launched.get(entry.ring)
        try:
            self.step.finish(entry)  # also behind a launch that failed: what was started is waited for
        except (EngineError, OutputError) as later:
            error = error or later
        if error is not None:
            self._models.failed(self._model, error, round_too=entry.ring not in self._counted)
            self._counted.add(entry.ring)
            entry.leave_out(self._stages)
        elif self._model in entry.called:
            self._models.ran(self._model)
