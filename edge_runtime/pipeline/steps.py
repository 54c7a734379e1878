"""The stages of a pipeline file as the executor runs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from edge_runtime.config.schema import ClassifyStage
from edge_runtime.core import UNLABELLED, Clock, Detections, Masks, Region
from edge_runtime.core.trace import NETWORK, TraceLog
from edge_runtime.errors import EngineError
from edge_runtime.vision.resize import ViewTransform

from .entry import Entry, View
from .network import Glance, Network


class Step(Protocol):
    """One or more stages. The front thread calls `launch` for a round, the back thread `finish` for each of its frames,
    all in order."""

    name: str

    def launch(self, entries: Sequence[Entry]) -> None:
        """Start what can be started. Raises `EngineError` when all frames of the round fail."""
        ...

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


class _Call:
    """One call of a network: for each row of its batch the frame and stage that want it, and what they look at.

    It is waited for once, however many frames have a row in it.
    """

    def __init__(self, slot: int, rows: Sequence[tuple[Entry, str, Region]], views: Sequence[ViewTransform]) -> None:
        self.slot, self.rows, self.views = slot, rows, views
        self._waited = False
        self._failure: EngineError | None = None

    def wait(self, network: Network) -> EngineError | None:
        """The error of the call, None when it went well."""
        if not self._waited:
            self._waited = True
            try:
                network.wait(self.slot)
            except EngineError as error:
                self._failure = error
        return self._failure

    def rows_of(self, entry: Entry) -> range:
        """The rows of one frame, which stand together."""
        own = [row for row, (whose, _, _) in enumerate(self.rows) if whose is entry]
        return range(own[0], own[-1] + 1) if own else range(0)


class NetworkStep:
    """A network and every stage that uses it: all their views of a round, in as few calls as its batch allows.

    Preprocessed and enqueued in front, collected and decoded at the back. `variants` names networks that a frame's
    operating point may ask for instead. It is the only user of its networks; of each, place `r` of the in-flight ring
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

    @property
    def shares_calls(self) -> bool:
        """Whether frames of several cameras can go through the network as one batch."""
        return any(network.engine.max_batch > len(self._looks) for network in self._own())

    def _own(self) -> list[Network]:
        names = (self._model, *self._variants.values())
        return [self._networks[name] for name in names if name in self._networks]

    def launch(self, entries: Sequence[Entry]) -> None:
        began_ns = self._clock.now_ns()
        first = entries[0]
        network = self._networks[self._variants.get(first.point.variant or "", self._model)]
        calls: list[_Call] = []
        self._flying[first.ring] = (network, calls)  # filled call by call, so that what was started is waited for
        wanted = [want for entry in entries for want in self._wanted(entry)]
        batch, slot = network.engine.max_batch, first.ring * (network.engine.slots // self._in_flight)
        for begin in range(0, len(wanted), batch):
            rows = wanted[begin : begin + batch]
            views = network.launch(slot, [Glance(entry.place, entry.frame, region) for entry, _, region in rows])
            calls.append(_Call(slot, rows, views))
            for entry, _, _ in rows:
                entry.called.add(self._model)
            slot += 1
        each_ms = (self._clock.now_ns() - began_ns) / 1e6 / len(entries)
        for entry in entries:
            if self.name not in entry.skipped:
                entry.stage_ms[f"{self.name}.preprocess"] = each_ms

    def _wanted(self, entry: Entry) -> list[tuple[Entry, str, Region]]:
        """What the stages want to see of a frame; nothing while they rest."""
        if self._rests and entry.ordinal % entry.point.detector_period:
            entry.skipped.update(look.name for look in self._looks)
            return []
        wanted = []
        for look in self._looks:
            regions = look.regions(entry)
            if not isinstance(look, WholeFrame):
                entry.regions[look.name] = regions
            wanted += [(entry, look.name, region) for region in regions]
        return wanted

    def finish(self, entry: Entry) -> None:
        if self.name in entry.skipped:
            return
        network, calls = self._flying[entry.ring]
        own = [(call, rows) for call in calls if (rows := call.rows_of(entry))]
        # Each is waited for, also behind one that failed: its slot must be free for the next round.
        failures = [failure for call, _ in own if (failure := call.wait(network)) is not None]
        if failures:
            raise failures[0]
        if self._trace is not None:
            for call, rows in own:
                if rows[0] == 0:
                    begin_ns, end_ns = network.engine.span_ns(call.slot)
                    lane = f"{NETWORK} {network.engine.name}"
                    frame = entry.frame
                    self._trace.span(lane, self.name, begin_ns, end_ns, frame.frame_id, camera=frame.camera)
        began_ns = self._clock.now_ns()
        found: dict[str, list[View]] = {look.name: [] for look in self._looks}
        took_ms = dict.fromkeys(found, 0.0)
        for call, rows in own:
            each_ms = network.engine.took_ms(call.slot) / len(call.views)
            views = call.views[rows[0] : rows[-1] + 1]
            decoded = network.decode(call.slot, views, rows[0])
            for row, view, seen in zip(rows, views, decoded, strict=True):
                _, stage, region = call.rows[row]
                took_ms[stage] += each_ms
                if isinstance(seen, Masks):
                    entry.masks[stage] = seen
                else:
                    found[stage].append(View(region, view, seen))
        for stage, seen_views in found.items():
            entry.stage_ms[stage] = took_ms[stage]
            if stage not in entry.masks:
                entry.views[stage] = tuple(seen_views)
                entry.detections[stage] = Detections.concatenate([view.detections for view in seen_views])
        entry.stage_ms[f"{self.name}.decode"] = (self._clock.now_ns() - began_ns) / 1e6


class CascadeStep:
    """A classifier that looks at boxes which an earlier stage found in the same frame; all at the back.

    It is the only user of its network; place `r` of the in-flight ring owns an equal share of its slots, which the
    frames of a round use in turn.
    """

    def __init__(self, stage: ClassifyStage, of: str, only: Sequence[int] | None, in_flight: int, clock: Clock) -> None:
        self.name = stage.name
        self._stage, self._of, self._only = stage, of, only
        self._in_flight, self._clock = in_flight, clock
        self._networks: Mapping[str, Network] = {}

    def replace_networks(self, networks: Mapping[str, Network]) -> None:
        """Go on with networks made anew, of the same models; nothing may be in flight."""
        self._networks = networks

    def launch(self, entries: Sequence[Entry]) -> None:
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
            part = regions[first : first + batch]
            views = network.launch(slot, [Glance(entry.place, entry.frame, region) for region in part])
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

    def launch(self, entries: Sequence[Entry]) -> None:
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
