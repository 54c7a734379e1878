"""Faults of the networks: calls that take longer, and calls that fail."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from edge_runtime.config.schema import EngineErrorFault, NetworkFault, SlowNetworkFault
from edge_runtime.core import Clock, Detections, Frame, Masks
from edge_runtime.engines.base import Array, Engine, TensorInfo
from edge_runtime.errors import EngineError
from edge_runtime.pipeline.network import BareCalls, Glance, Network
from edge_runtime.vision.resize import ViewTransform

from .tally import Tally


class _Fate(NamedTuple):
    """What becomes of a call: so many times as long, and failed by a fault."""

    times: float
    failed_by: str | None


class NetworkFaults:
    """Decides for all networks of a run. It outlives them: networks made anew do not fail anew."""

    def __init__(self, faults: Sequence[tuple[NetworkFault, Tally]], clock: Clock) -> None:
        self._faults, self._clock = faults, clock
        self._lock = threading.Lock()
        self._first_ns: int | None = None
        self._failing: dict[str, set[tuple[str, int]]] = {}

    def on(self, name: str, network: Network) -> Network:
        """The network with its faults; as it is when there are none for it. `name` is MODEL or MODEL/VARIANT."""
        model = name.partition("/")[0]
        own = [(fault, tally) for fault, tally in self._faults if fault.model in (None, model)]
        return FaultyNetwork(network, self, own, self._clock) if own else network

    def fate(self, frame: Frame, faults: Sequence[tuple[NetworkFault, Tally]]) -> _Fate:
        t_ns = frame.t_capture_ns if frame.t_stream_ns is None else frame.t_stream_ns
        with self._lock:
            self._first_ns = t_ns if self._first_ns is None else self._first_ns
            on = [(fault, tally) for fault, tally in faults if fault.holds(t_ns - self._first_ns)]
            failed = [
                fault.text
                for fault, tally in on
                if isinstance(fault, EngineErrorFault) and self._fails(fault, tally, (frame.camera, frame.frame_id))
            ]
        slow = [(fault, tally) for fault, tally in on if isinstance(fault, SlowNetworkFault)]
        for _, tally in slow:
            tally.add("calls_slowed")
        return _Fate(prod(fault.times for fault, _ in slow), failed[0] if failed else None)

    def _fails(self, fault: EngineErrorFault, tally: Tally, frame: tuple[str, int]) -> bool:
        """The first `n` frames do; every call of such a frame."""
        failing = self._failing.setdefault(fault.text, set())
        if frame not in failing and len(failing) < fault.n:
            failing.add(frame)
            tally.add("frames_failed")
        return frame in failing


class FaultyNetwork:
    """A network with faults. A slowed call holds up those behind it, as it would on a slower processor."""

    def __init__(
        self,
        network: Network,
        faults: NetworkFaults,
        own: Sequence[tuple[NetworkFault, Tally]],
        clock: Clock,
    ) -> None:
        self._network, self._faults, self._own, self._clock = network, faults, own, clock
        self._engine = _StretchedEngine(network.engine)
        self._fates: dict[int, tuple[int, _Fate]] = {}
        self._busy_until_ns = 0
        self._never = threading.Event()

    @property
    def engine(self) -> Engine:
        return self._engine

    def launch(self, slot: int, glances: Sequence[Glance]) -> tuple[ViewTransform, ...]:
        views = self._network.launch(slot, glances)
        self._fates[slot] = (self._clock.now_ns(), self._faults.fate(glances[0].frame, self._own))
        return views

    def wait(self, slot: int) -> None:
        launched_ns, fate = self._fates[slot]
        self._engine.spans.pop(slot, None)
        self._network.wait(slot)
        began_ns = max(launched_ns, self._busy_until_ns)
        self._busy_until_ns = began_ns + round(fate.times * self._engine.took_ms(slot) * 1e6)
        if fate.times > 1:
            self._clock.wait_until_ns(self._busy_until_ns, self._never)
            self._engine.spans[slot] = (began_ns, self._busy_until_ns)
        if fate.failed_by is not None:
            raise EngineError(f"{self._engine.name}: the network call failed: the fault {fate.failed_by} is on")

    def decode(self, slot: int, views: Sequence[ViewTransform], first: int = 0) -> Sequence[Detections | Masks]:
        return self._network.decode(slot, views, first)

    def outputs(self, slot: int) -> Mapping[str, Array]:
        return self._network.outputs(slot)

    def pin(self, image: Array) -> None:
        self._network.pin(image)

    def bare(self) -> BareCalls:
        return self._network.bare()


class _StretchedEngine:
    """The engine as it is, but for the times of the calls in `spans`, by slot."""

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.spans: dict[int, tuple[int, int]] = {}
        self._engine = engine

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return self._engine.inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return self._engine.outputs

    @property
    def max_batch(self) -> int:
        return self._engine.max_batch

    @property
    def slots(self) -> int:
        return self._engine.slots

    def input_buffer(self, slot: int) -> Array:
        return self._engine.input_buffer(slot)

    def enqueue(self, slot: int, batch: int) -> None:
        self._engine.enqueue(slot, batch)

    def collect(self, slot: int) -> Mapping[str, Array]:
        return self._engine.collect(slot)

    def took_ms(self, slot: int) -> float:
        if slot not in self.spans:
            return self._engine.took_ms(slot)
        began_ns, ended_ns = self.spans[slot]
        return (ended_ns - began_ns) / 1e6

    def span_ns(self, slot: int) -> tuple[int, int]:
        return self.spans.get(slot) or self._engine.span_ns(slot)

    def close(self) -> None:
        self._engine.close()
