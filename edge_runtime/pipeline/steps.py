"""The stages of a pipeline file as the executor runs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from edge_runtime.config.schema import ClassifyStage
from edge_runtime.core import UNLABELLED, Clock, Detections, Masks, Region
from edge_runtime.core.trace import NETWORK, TraceLog
from edge_runtime.errors import EngineError
from edge_runtime.vision.resize import ViewTransform

from .entry import Entry, View
from .network import Network


class Step(Protocol):
    """One or more stages. The front thread calls `launch`, the back thread `finish`, each in frame order."""

    name: str

    def launch(self, entry: Entry) -> None: ...

    def finish(self, entry: Entry) -> None:
        """Put the stages' output into the entry. Raises `EngineError` or `OutputError` when the frame fails."""
        ...


class Look(Protocol):
    """Where one stage wants its network to look."""

    name: str

    def regions(self, entry: Entry) -> tuple[Region, ...]: ...


class WholeFrame:
    """A stage that looks at the frame as it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def regions(self, entry: Entry) -> tuple[Region, ...]:
        return (Region.whole(entry.frame),)


class _Call(NamedTuple):
    """One call of a network: for each row of its batch the stage that wants it, and what it looks at."""

    slot: int
    stages: Sequence[str]
    regions: Sequence[Region]
    views: Sequence[ViewTransform]


class NetworkStep:
    """A network and every stage that uses it: all their views of a frame, in as few calls as its batch allows.

    Preprocessed and enqueued in front, collected and decoded at the back. `variants` names networks that a frame's
    operating point may ask for instead. It is the only user of its networks; of each, entry `r` of the in-flight ring
    owns an equal share of the slots. One that `rests` leaves frames out (`detector_period`).
    """

    def __init__(
        self,
        looks: Sequence[Look],
        model: str,
        variants: Mapping[str, str],
        in_flight: int,
        clock: Clock,
        *,
        rests: bool = False,
        trace: TraceLog | None = None,
    ) -> None:
        self.name = looks[0].name
        self._looks, self._model, self._variants, self._in_flight = looks, model, variants, in_flight
        self._clock, self._rests, self._trace = clock, rests, trace
        self._networks: Mapping[str, Network] = {}
        self._flying: dict[int, tuple[Network, list[_Call]]] = {}

    def replace_networks(self, networks: Mapping[str, Network]) -> None:
        """Go on with networks made anew, of the same models; nothing may be in flight."""
        self._networks = networks

    def launch(self, entry: Entry) -> None:
        began_ns = self._clock.now_ns()
        network = self._networks[self._variants.get(entry.point.variant or "", self._model)]
        calls: list[_Call] = []
        self._flying[entry.ring] = (network, calls)  # filled call by call, so that what was started is waited for
        if self._rests and entry.ordinal % entry.point.detector_period:
            entry.skipped.update(look.name for look in self._looks)
            return
        stages: list[str] = []
        wanted: list[Region] = []
        for look in self._looks:
            regions = look.regions(entry)
            if not isinstance(look, WholeFrame):
                entry.regions[look.name] = regions
            stages += [look.name] * len(regions)
            wanted += regions
        batch, slot = network.engine.max_batch, entry.ring * (network.engine.slots // self._in_flight)
        for first in range(0, len(wanted), batch):
            part = wanted[first : first + batch]
            views = network.launch(entry.ring, slot, entry.frame, part)
            calls.append(_Call(slot, stages[first : first + batch], part, views))
            entry.called.add(self._model)
            slot += 1
        entry.stage_ms[f"{self.name}.preprocess"] = (self._clock.now_ns() - began_ns) / 1e6

    def finish(self, entry: Entry) -> None:
        if self.name in entry.skipped:
            return
        network, calls = self._flying[entry.ring]
        _wait(network, [call.slot for call in calls])
        if self._trace is not None:
            for call in calls:
                begin_ns, end_ns = network.engine.span_ns(call.slot)
                lane = f"{NETWORK} {network.engine.name}"
                self._trace.span(lane, self.name, begin_ns, end_ns, entry.frame.frame_id)
        began_ns = self._clock.now_ns()
        found: dict[str, list[View]] = {look.name: [] for look in self._looks}
        took_ms = dict.fromkeys(found, 0.0)
        for call in calls:
            each_ms = network.engine.took_ms(call.slot) / len(call.views)
            decoded = network.decode(call.slot, call.views)
            for stage, region, view, seen in zip(call.stages, call.regions, call.views, decoded, strict=True):
                took_ms[stage] += each_ms
                if isinstance(seen, Masks):
                    entry.masks[stage] = seen
                else:
                    found[stage].append(View(region, view, seen))
        for stage, views in found.items():
            entry.stage_ms[stage] = took_ms[stage]
            if stage not in entry.masks:
                entry.views[stage] = tuple(views)
                entry.detections[stage] = Detections.concatenate([view.detections for view in views])
        entry.stage_ms[f"{self.name}.decode"] = (self._clock.now_ns() - began_ns) / 1e6


def _wait(network: Network, slots: Iterable[int]) -> None:
    """Every call is waited for, also behind one that failed: its slot must be free for the next frame."""
    failure: EngineError | None = None
    for slot in slots:
        try:
            network.wait(slot)
        except EngineError as error:
            failure = failure or error
    if failure is not None:
        raise failure


class CascadeStep:
    """A classifier that looks at boxes which an earlier stage found in the same frame; all at the back.

    It is the only user of its network; entry `r` of the in-flight ring owns an equal share of its slots.
    """

    def __init__(self, stage: ClassifyStage, of: str, only: Sequence[int] | None, in_flight: int, clock: Clock) -> None:
        self.name = stage.name
        self._stage, self._of, self._only = stage, of, only
        self._in_flight, self._clock = in_flight, clock
        self._networks: Mapping[str, Network] = {}

    def replace_networks(self, networks: Mapping[str, Network]) -> None:
        """Go on with networks made anew, of the same models; nothing may be in flight."""
        self._networks = networks

    def launch(self, entry: Entry) -> None:
        """Nothing to start: the boxes are not there yet."""

    def finish(self, entry: Entry) -> None:
        if entry.error is not None or self._of in entry.skipped:
            entry.skipped.add(self.name)
            return
        began_ns = self._clock.now_ns()
        boxes = entry.detections[self._of]
        label = np.full(len(boxes), UNLABELLED, np.int32)
        chosen = self._choose(boxes)
        regions = tuple(self._region(entry, boxes.xyxy[row].tolist()) for row in chosen)
        network = self._networks[self._stage.model]
        slot, batch = entry.ring * (network.engine.slots // self._in_flight), network.engine.max_batch
        for first in range(0, len(regions), batch):
            views = network.launch(entry.ring, slot, entry.frame, regions[first : first + batch])
            network.wait(slot)
            entry.called.add(self._stage.model)
            for number, found in enumerate(network.decode(slot, views)):
                if isinstance(found, Detections) and len(found) and found.confidence[0] >= self._stage.confidence:
                    label[chosen[first + number]] = found.class_id[0]
            slot += 1
        entry.detections[self.name] = boxes.with_labels(label)
        entry.stage_ms[self.name] = (self._clock.now_ns() - began_ns) / 1e6

    def _choose(self, boxes: Detections) -> list[int]:
        rows = np.arange(len(boxes)) if self._only is None else np.flatnonzero(np.isin(boxes.class_id, self._only))
        best: list[int] = rows[np.argsort(-boxes.confidence[rows], kind="stable")][: self._stage.max].tolist()
        return best

    def _region(self, entry: Entry, xyxy: Sequence[float]) -> Region:
        """The box with its margin, in whole pixels of the frame and at least one of them."""
        x0, y0, x1, y1 = xyxy
        wide, high = (x1 - x0) * self._stage.margin, (y1 - y0) * self._stage.margin
        left = min(max(math.floor(x0 - wide), 0), entry.frame.width - 1)
        top = min(max(math.floor(y0 - high), 0), entry.frame.height - 1)
        right = min(max(math.ceil(x1 + wide), left + 1), entry.frame.width)
        bottom = min(max(math.ceil(y1 + high), top + 1), entry.frame.height)
        return Region((left, top, right, bottom), f"box of {self._of}")


class HostStep:
    """A stage that only computes on what earlier stages found, such as merging or tracking; None where they rested."""

    def __init__(self, name: str, compute: Callable[[Entry], Detections | None], clock: Clock) -> None:
        self.name = name
        self._compute = compute
        self._clock = clock

    def launch(self, entry: Entry) -> None:
        """Nothing to start: the stages it reads have not finished yet."""

    def finish(self, entry: Entry) -> None:
        if entry.error is not None or self.name in entry.out:
            return
        began_ns = self._clock.now_ns()
        found = self._compute(entry)
        if found is None:
            entry.skipped.add(self.name)
            return
        entry.detections[self.name] = found
        entry.stage_ms[self.name] = (self._clock.now_ns() - began_ns) / 1e6
