"""The stages of a pipeline file as the executor runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from edge_runtime.core import Clock, Detections, Masks, Region
from edge_runtime.vision.decode import Decoder
from edge_runtime.vision.resize import ViewTransform

from .entry import Entry
from .network import Network


class Step(Protocol):
    """One stage. The front thread calls `launch`, the back thread `finish`, each in frame order."""

    name: str

    def launch(self, entry: Entry) -> None: ...

    def finish(self, entry: Entry) -> None:
        """Put the stage's output into the entry. Raises `EngineError` or `OutputError` when the frame fails."""
        ...


class NetworkStep:
    """A network looking at the whole frame: preprocess and enqueue in front, collect and decode at the back.

    It owns the engine's slots `[first_slot, first_slot + depth)`, one an entry of the in-flight ring.
    """

    def __init__(self, name: str, network: Network, first_slot: int, decoder: Decoder, clock: Clock) -> None:
        self.name = name
        self._network = network
        self._first_slot = first_slot
        self._decoder = decoder
        self._clock = clock
        self._views: dict[int, ViewTransform] = {}

    def launch(self, entry: Entry) -> None:
        began_ns = self._clock.now_ns()
        slot = self._first_slot + entry.ring
        (view,) = self._network.launch(entry.ring, slot, entry.frame, (Region.whole(entry.frame),))
        self._views[entry.ring] = view
        entry.stage_ms[f"{self.name}.preprocess"] = (self._clock.now_ns() - began_ns) / 1e6

    def finish(self, entry: Entry) -> None:
        slot = self._first_slot + entry.ring
        outputs = self._network.collect(slot)
        began_ns = self._clock.now_ns()
        entry.stage_ms[self.name] = self._network.engine.took_ms(slot)
        found = self._decoder.decode(outputs, 0, self._views[entry.ring])
        if isinstance(found, Masks):
            entry.masks[self.name] = found
        else:
            entry.detections[self.name] = found
        entry.stage_ms[f"{self.name}.decode"] = (self._clock.now_ns() - began_ns) / 1e6


class HostStep:
    """A stage that only computes on what earlier stages found, such as merging or tracking."""

    def __init__(self, name: str, compute: Callable[[Mapping[str, Detections]], Detections], clock: Clock) -> None:
        self.name = name
        self._compute = compute
        self._clock = clock

    def launch(self, entry: Entry) -> None:
        """Nothing to start: the stages it reads have not finished yet."""

    def finish(self, entry: Entry) -> None:
        if entry.error is not None:
            return
        began_ns = self._clock.now_ns()
        entry.detections[self.name] = self._compute(entry.detections)
        entry.stage_ms[self.name] = (self._clock.now_ns() - began_ns) / 1e6
