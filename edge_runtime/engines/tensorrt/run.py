"""Networks on TensorRT: a stream, a ring of slots, and one CUDA graph for every slot and batch size.

A graph holds the network, picking out what matters of its outputs, and fetching that. What makes its input is a graph
of its own on a second stream, so that the next frame is made ready while the network still works on this one; it waits
by event for the frame, which is uploaded once for all networks. A graph keeps the addresses and the context it was
recorded with, and TensorRT forbids to change either afterwards, hence a context of its own for each. Networks run one
after another on one stream, so with a `provider` their activations share one block of GPU memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from types import TracebackType
from typing import Any, Protocol

from edge_runtime.core import Clock
from edge_runtime.core.gpu import Event, Gpu, Graph, Memory, Mirror, Stream
from edge_runtime.engines.base import Array, TensorInfo
from edge_runtime.errors import EngineError

from .compat import numpy_dtype

# How long the GPU's clock is believed to run as the host's does.
_ANCHOR_NS = 5_000_000_000


class Fill(Protocol):
    """Puts work on the stream that writes rows `[0:batch]` of a slot's input, at GPU address `target`."""

    def __call__(self, slot: int, batch: int, target: int, *, stream: Stream) -> None: ...


class Select(Protocol):
    """Puts work on the stream that picks out of the outputs (GPU addresses by name) what matters, and fetches it.

    Every `put` needs a `clear` of its slot before it.
    """

    def clear(self, slot: int, *, stream: Stream) -> None: ...
    def put(self, slot: int, batch: int, outputs: Mapping[str, int], *, stream: Stream) -> None: ...


MakeSelect = Callable[[tuple[TensorInfo, ...]], Select | None]


class Provider(Protocol):
    """Makes execution contexts in memory of the caller's; versions of TensorRT differ in how."""

    def engine_memory_bytes(self, engine: Any) -> int: ...
    def context_in(self, engine: Any, address: int, nbytes: int) -> Any: ...


@dataclass(slots=True, eq=False)
class _Call:
    """One slot with one batch size: everything a frame needs, made in advance."""

    rows: int
    context: Any
    outputs: Mapping[str, Array]
    copies: tuple[tuple[Mirror, int], ...]
    addresses: Mapping[str, int]
    fill_graph: Graph | None = None
    graph: Graph | None = None


@dataclass(slots=True, eq=False)
class _Slot:
    """One ring entry with buffers of its own, so that the host reads one while the GPU writes another.

    `input` is copied from the host, or just memory of the GPU that `fill` writes.
    """

    filled: Event
    begun: Event
    done: Event
    input: Memory
    host_input: Mirror | None
    outputs: dict[str, Mirror] = field(default_factory=dict)
    calls: dict[int, _Call] = field(default_factory=dict)
    call: _Call | None = None
    in_flight: bool = False
    took_ms: float = 0.0
    frame_id: int | None = None


class TensorRTEngine:
    """A deserialized engine (`ICudaEngine`) with one picture input, on a `stream` that only it uses.

    `input_shape` is one row of the batch, such as (3, 416, 416). With `fill` the input is made on the GPU, on
    `fill_stream`, also its own; without, it is copied from `input_buffer`. `select` is asked once, with the outputs of
    the largest batch, for what picks out of them what is fetched in a call; the outputs themselves are then fetched
    when `collect` asks for them, as views of pinned memory. Without `provider` every context has memory of its own.
    Where a graph cannot be recorded the work is enqueued piece by piece, and `notices` says so.
    """

    def __init__(
        self,
        name: str,
        engine: Any,
        *,
        gpu: Gpu,
        stream: Stream,
        input_shape: tuple[int, ...],
        max_batch: int = 1,
        slots: int = 1,
        clock: Clock,
        fill: Fill | None = None,
        fill_stream: Stream | None = None,
        select: MakeSelect | None = None,
        provider: Provider | None = None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._anchor: Event | None = None
        self._anchor_ns = 0
        self.notices: list[str] = []
        self._gpu, self._stream, self._fill, self._make_select = gpu, stream, fill, select
        self._fill_stream = stream if fill_stream is None else fill_stream
        self._select: Select | None = None
        self._engine: Any = engine
        self._provider = provider
        tensors = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [tensor for tensor in tensors if engine.get_tensor_mode(tensor).name == "INPUT"]
        if len(inputs) != 1:
            raise EngineError(f"{name}: the network has {len(inputs)} inputs ({', '.join(inputs)}), not one picture")
        self._input_name = inputs[0]
        self._output_names = [tensor for tensor in tensors if tensor not in inputs]
        self._dtypes = {tensor: numpy_dtype(engine.get_tensor_dtype(tensor).name) for tensor in tensors}
        declared = tuple(engine.get_tensor_shape(self._input_name))
        self._fixed_batch = max(declared[0], 0)
        self._max_batch = self._fixed_batch or max_batch
        self._input_shape = input_shape
        self._inputs = (TensorInfo(inputs[0], _free(declared), self._dtypes[inputs[0]]),)
        self._slots: list[_Slot] = []
        self._activations: Memory | None = None
        try:
            self._prepare(slots)
        except EngineError as error:
            self.close()
            raise EngineError(f"{name}: {error}") from error
        sample = self._slots[0].calls[self._fixed_batch or 1].outputs
        self._outputs = _infos(sample)

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """As of the smallest batch."""
        return self._outputs

    @property
    def max_batch(self) -> int:
        return self._max_batch

    @property
    def slots(self) -> int:
        return len(self._slots)

    @property
    def uses_graphs(self) -> bool:
        return not self.notices

    def input_buffer(self, slot: int) -> Array:
        mirror = self._slots[slot].host_input
        if mirror is None:
            raise EngineError(f"{self.name}: its input is made on the GPU and has no buffer on the host")
        return mirror.array((self._max_batch, *self._input_shape), self._dtypes[self._input_name])

    def enqueue(self, slot: int, batch: int, *, after: Sequence[Event] = (), frame_id: int | None = None) -> None:
        """Start a call once `after` have all been reached; `frame_id` names it should it fail."""
        if not 1 <= batch <= self._max_batch:
            raise EngineError(f"{self.name}: batch {batch} is outside 1 to {self._max_batch}")
        entry = self._slots[slot]
        if entry.in_flight:
            raise EngineError(f"{self.name}: slot {slot} still runs frame {entry.frame_id}; it must be collected first")
        entry.frame_id = frame_id
        entry.call = call = entry.calls[self._fixed_batch or batch]
        stream = self._stream
        try:
            if self._fill is not None:
                for event in after:
                    self._fill_stream.wait(event)
                if call.fill_graph is not None:
                    call.fill_graph.launch(stream=self._fill_stream)
                else:
                    self._fill_input(slot, call)
                self._fill_stream.record(entry.filled)
                stream.wait(entry.filled)
            else:
                for event in after:
                    stream.wait(event)
            stream.record(entry.begun)
            if call.graph is not None:
                call.graph.launch(stream=stream)
            else:
                self._put(slot, call)
            stream.record(entry.done)
        except EngineError as error:
            raise self._named(entry, error) from error
        entry.in_flight = True

    def wait(self, slot: int) -> None:
        """Wait for the slot's call, after which what `select` picked out of it may be read. Raises `EngineError`."""
        self._wait(slot)

    def collect(self, slot: int) -> Mapping[str, Array]:
        entry, call = self._wait(slot)
        if self._select is not None:
            try:
                self._fetch(call)
                self._stream.record(entry.done)
                entry.done.wait()
            except EngineError as error:
                raise self._named(entry, error) from error
        return call.outputs

    def _wait(self, slot: int) -> tuple[_Slot, _Call]:
        entry = self._slots[slot]
        if entry.call is None:
            raise EngineError(f"{self.name}: slot {slot} has no call to collect")
        if entry.in_flight:
            entry.in_flight = False
            try:
                entry.done.wait()
                entry.took_ms = entry.done.ms_since(entry.begun)
            except EngineError as error:
                raise self._named(entry, error) from error
        return entry, entry.call

    def took_ms(self, slot: int) -> float:
        """The GPU's time for the slot's last collected call: everything its graph does."""
        return self._slots[slot].took_ms

    def span_ns(self, slot: int) -> tuple[int, int]:
        """Placed by an event whose time the host knows; it is renewed now and then, for two clocks drift apart."""
        now_ns = self._clock.now_ns()
        if self._anchor is None or now_ns - self._anchor_ns > _ANCHOR_NS:
            self._anchor = self._anchor or self._gpu.event()
            self._stream.record(self._anchor)
            self._anchor.wait()
            self._anchor_ns = self._clock.now_ns()
        entry = self._slots[slot]
        ended_ns = self._anchor_ns + round(entry.done.ms_since(self._anchor) * 1e6)
        return ended_ns - round(entry.took_ms * 1e6), ended_ns

    @property
    def stream(self) -> Stream:
        return self._stream

    def bare_graph(self) -> Graph:
        """The network alone, smallest batch, input and outputs left where they are; the caller closes it."""
        call = next(iter(self._slots[0].calls.values()))
        return self._gpu.capture(lambda: self._compute(call), stream=self._stream)

    def close(self) -> None:
        """Wait for what is in flight, then give everything back. May be called twice."""
        for entry in self._slots:
            if entry.in_flight:
                with suppress(EngineError):  # said by `collect`, or by nobody who still wants it
                    entry.done.wait()
            graphs = [graph for call in entry.calls.values() for graph in (call.fill_graph, call.graph)]
            for owned in (*graphs, entry.filled, entry.begun, entry.done, *entry.outputs.values(), entry.input):
                if owned is not None:
                    owned.close()
        self._slots.clear()
        for shared in (self._activations, self._anchor):
            if shared is not None:
                shared.close()
        self._engine = None

    def __enter__(self) -> TensorRTEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- made in advance ------------------------------------------------------------------------------------------

    def _prepare(self, slots: int) -> None:
        """Contexts, buffers and graphs of all slots and batch sizes: nothing is made later."""
        batches = [self._fixed_batch] if self._fixed_batch else list(range(1, self._max_batch + 1))
        input_bytes = self._max_batch * prod(self._input_shape) * self._dtypes[self._input_name].itemsize
        if self._provider is not None:
            self._activations = self._gpu.memory(self._provider.engine_memory_bytes(self._engine))
        for slot in range(slots):
            filled, begun, done = (self._gpu.event() for _ in range(3))
            host_input = self._gpu.mirror(input_bytes) if self._fill is None else None
            entry = _Slot(filled, begun, done, host_input or self._gpu.memory(input_bytes), host_input)
            self._slots.append(entry)
            for rows in reversed(batches):  # the largest first: it sizes the output buffers
                call = entry.calls[rows] = self._bind(entry, rows)
                if self._make_select is not None:
                    self._select, self._make_select = self._make_select(_infos(call.outputs)), None
                self._rehearse(slot, call)

    def _bind(self, entry: _Slot, rows: int) -> _Call:
        """A context with its shapes and addresses set."""
        if self._provider is not None and (block := self._activations) is not None:
            context = self._provider.context_in(self._engine, block.address, block.nbytes)
        else:
            context = self._engine.create_execution_context()
        if context is None:
            raise EngineError("TensorRT made no execution context; its log says why (as a rule, out of GPU memory)")
        shape = (rows, *self._input_shape)
        if context.active_optimization_profile < 0 and not context.set_optimization_profile_async(
            0, self._stream.handle
        ):
            raise EngineError("the engine's shape profile cannot be shared by several contexts. Run: edge-run build")
        if not context.set_input_shape(self._input_name, shape):
            raise EngineError(f"the engine was not built for an input of {_text(shape)}. Run: edge-run build")
        outputs: dict[str, Array] = {}
        copies: list[tuple[Mirror, int]] = []
        for name in self._output_names:
            shape = tuple(context.get_tensor_shape(name))
            if any(side < 0 for side in shape):
                raise EngineError(
                    f"the size of output '{name}' ({_text(shape)}) depends on what the network finds, and outputs are"
                    " fetched into buffers of a fixed size. Export it with an NMS that returns a fixed number of boxes"
                    " (EfficientNMS_TRT), or cut the graph before its NMS: edge-run model edit"
                )
            nbytes = prod(shape) * self._dtypes[name].itemsize
            if name not in entry.outputs:
                entry.outputs[name] = self._gpu.mirror(nbytes)
            outputs[name] = entry.outputs[name].array(shape, self._dtypes[name])
            outputs[name].setflags(write=False)
            copies.append((entry.outputs[name], nbytes))
        for name, memory in {self._input_name: entry.input, **entry.outputs}.items():
            if not context.set_tensor_address(name, memory.address):
                raise EngineError(f"TensorRT does not take a buffer for '{name}'; its log says why")
        addresses = {name: mirror.address for name, mirror in entry.outputs.items()}
        return _Call(rows, context, outputs, tuple(copies), addresses)

    def _rehearse(self, slot: int, call: _Call) -> None:
        """Run once, as TensorRT wants before it is recorded, then record."""
        entry = self._slots[slot]
        if self._fill is not None:
            self._fill_input(slot, call)
            self._fill_stream.record(entry.filled)
            self._stream.wait(entry.filled)
        self._put(slot, call)
        self._stream.record(entry.done)
        entry.done.wait()
        if not self.uses_graphs:
            return
        try:
            if self._fill is not None:
                call.fill_graph = self._gpu.capture(lambda: self._fill_input(slot, call), stream=self._fill_stream)
            call.graph = self._gpu.capture(lambda: self._put(slot, call), stream=self._stream)
        except EngineError as error:
            self.notices.append(
                f"{self.name}: no CUDA graph could be recorded ({error}); its work is enqueued piece by piece, which"
                " costs the host more time a frame"
            )

    # ---- a call ---------------------------------------------------------------------------------------------------

    def _fill_input(self, slot: int, call: _Call) -> None:
        """What can be done for a call while the one before it still computes."""
        if self._select is not None:
            self._select.clear(slot, stream=self._fill_stream)
        if self._fill is not None:
            self._fill(slot, call.rows, self._slots[slot].input.address, stream=self._fill_stream)

    def _put(self, slot: int, call: _Call) -> None:
        """A call's work on the stream: what a graph records, and what runs without one."""
        host_input = self._slots[slot].host_input
        if host_input is not None:
            host_input.to_device(host_input.nbytes // self._max_batch * call.rows, stream=self._stream)
            if self._select is not None:
                self._select.clear(slot, stream=self._stream)
        self._compute(call)
        if self._select is not None:
            self._select.put(slot, call.rows, call.addresses, stream=self._stream)
        else:
            self._fetch(call)

    def _compute(self, call: _Call) -> None:
        if not call.context.execute_async_v3(self._stream.handle):
            raise EngineError("TensorRT refused to enqueue the network; its log says why")

    def _fetch(self, call: _Call) -> None:
        for mirror, nbytes in call.copies:
            mirror.to_host(nbytes, stream=self._stream)

    def _named(self, entry: _Slot, error: EngineError) -> EngineError:
        frame = "a call" if entry.frame_id is None else f"frame {entry.frame_id}"
        return EngineError(f"{self.name}: {frame} failed on stream {self._stream.name}: {error}")


def _infos(outputs: Mapping[str, Array]) -> tuple[TensorInfo, ...]:
    return tuple(TensorInfo(name, rows.shape, rows.dtype) for name, rows in outputs.items())


def _free(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    return tuple(side if side >= 0 else None for side in shape)


def _text(shape: tuple[int, ...]) -> str:
    return "x".join("?" if side < 0 else str(side) for side in shape)
