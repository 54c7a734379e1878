"""Networks on TensorRT: a stream, a ring of slots, and one CUDA graph for every slot and batch size.

A graph holds fetching the input, the network and fetching its outputs; the frame itself is uploaded outside of it, once
for all networks, and a call waits for that by event. A graph keeps the addresses and the context it was recorded with,
and TensorRT forbids to change either afterwards, hence a context of its own for each. They run one after another on
one stream, so with a `provider` their activations share one block of GPU memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from types import TracebackType
from typing import Any, Protocol

from edge_runtime.core.gpu import Event, Gpu, Graph, Memory, Mirror, Stream
from edge_runtime.engines.base import Array, TensorInfo
from edge_runtime.errors import EngineError

from .compat import numpy_dtype


class Fill(Protocol):
    """Puts work on the stream that writes rows `[0:batch]` of a slot's input, at GPU address `target`."""

    def __call__(self, slot: int, batch: int, target: int, *, stream: Stream) -> None: ...


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
    graph: Graph | None = None


@dataclass(slots=True, eq=False)
class _Slot:
    """One ring entry; `outputs` and `input` are its own, so that the host reads one while the GPU writes another."""

    begun: Event
    computed: Event
    done: Event
    input: Mirror | None
    outputs: dict[str, Mirror] = field(default_factory=dict)
    calls: dict[int, _Call] = field(default_factory=dict)
    call: _Call | None = None
    in_flight: bool = False
    frame_id: int | None = None


class TensorRTEngine:
    """A deserialized engine (`ICudaEngine`) with one picture input, on a `stream` that only it uses.

    `input_shape` is one row of the batch, such as (3, 416, 416). With `fill` the input is made on the GPU; without, it
    is copied from `input_buffer`. With `copy_stream` the outputs are fetched there, so that the next call computes
    meanwhile; without, that is part of the graph. What `collect` returns are views of pinned memory. Without `provider`
    every context has memory of its own. Where a graph cannot be recorded the work is enqueued piece by piece, and
    `notices` says so.
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
        fill: Fill | None = None,
        copy_stream: Stream | None = None,
        provider: Provider | None = None,
    ) -> None:
        self.name = name
        self.notices: list[str] = []
        self._gpu, self._stream, self._fill, self._copy_stream = gpu, stream, fill, copy_stream
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
        self._input: Memory | None = None
        self._activations: Memory | None = None
        try:
            self._prepare(slots)
        except EngineError as error:
            self.close()
            raise EngineError(f"{name}: {error}") from error
        sample = self._slots[0].calls[self._fixed_batch or 1].outputs
        self._outputs = tuple(TensorInfo(tensor, rows.shape, rows.dtype) for tensor, rows in sample.items())

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
        mirror = self._slots[slot].input
        if mirror is None:
            raise EngineError(f"{self.name}: its input is made on the GPU and has no buffer on the host")
        return mirror.array((self._max_batch, *self._input_shape), self._dtypes[self._input_name])

    def enqueue(self, slot: int, batch: int, *, after: Event | None = None, frame_id: int | None = None) -> None:
        """Start a call once `after` has been reached; `frame_id` names it should it fail."""
        if not 1 <= batch <= self._max_batch:
            raise EngineError(f"{self.name}: batch {batch} is outside 1 to {self._max_batch}")
        entry = self._slots[slot]
        if entry.in_flight:
            raise EngineError(f"{self.name}: slot {slot} still runs frame {entry.frame_id}; it must be collected first")
        entry.frame_id = frame_id
        entry.call = call = entry.calls[self._fixed_batch or batch]
        stream = self._stream
        try:
            if after is not None:
                stream.wait(after)
            stream.record(entry.begun)
            if call.graph is not None:
                call.graph.launch(stream=stream)
            else:
                self._put(slot, call)
            if self._copy_stream is not None:
                stream.record(entry.computed)
                self._copy_stream.wait(entry.computed)
                self._fetch(call, self._copy_stream)
                self._copy_stream.record(entry.done)
            else:
                stream.record(entry.done)
        except EngineError as error:
            raise self._named(entry, error) from error
        entry.in_flight = True

    def collect(self, slot: int) -> Mapping[str, Array]:
        entry = self._slots[slot]
        if entry.call is None:
            raise EngineError(f"{self.name}: slot {slot} has no call to collect")
        entry.in_flight = False
        try:
            entry.done.wait()
        except EngineError as error:
            raise self._named(entry, error) from error
        return entry.call.outputs

    def took_ms(self, slot: int) -> float:
        """The GPU's time for the slot's last collected call: everything its graph does."""
        entry = self._slots[slot]
        return self._end(entry).ms_since(entry.begun)

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
            graphs = [call.graph for call in entry.calls.values() if call.graph is not None]
            events = (entry.begun, entry.computed, entry.done)
            for owned in (*graphs, *events, *entry.outputs.values(), entry.input):
                if owned is not None:
                    owned.close()
        self._slots.clear()
        for memory in (self._input, self._activations):
            if memory is not None:
                memory.close()
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
        if self._fill is not None:
            self._input = self._gpu.memory(input_bytes)
        if self._provider is not None:
            self._activations = self._gpu.memory(self._provider.engine_memory_bytes(self._engine))
        for slot in range(slots):
            begun, computed, done = (self._gpu.event() for _ in range(3))
            own_input = self._gpu.mirror(input_bytes) if self._fill is None else None
            entry = _Slot(begun, computed, done, own_input)
            self._slots.append(entry)
            for rows in reversed(batches):  # the largest first: it sizes the output buffers
                call = entry.calls[rows] = self._bind(entry, rows)
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
        for name, memory in {self._input_name: self._input or entry.input, **entry.outputs}.items():
            if memory is None or not context.set_tensor_address(name, memory.address):
                raise EngineError(f"TensorRT does not take a buffer for '{name}'; its log says why")
        return _Call(rows, context, outputs, tuple(copies))

    def _rehearse(self, slot: int, call: _Call) -> None:
        """Run once, as TensorRT wants before it is recorded, then record."""
        entry = self._slots[slot]
        self._put(slot, call)
        self._stream.record(entry.done)
        entry.done.wait()
        if not self.uses_graphs:
            return
        try:
            call.graph = self._gpu.capture(lambda: self._put(slot, call), stream=self._stream)
        except EngineError as error:
            self.notices.append(
                f"{self.name}: no CUDA graph could be recorded ({error}); its work is enqueued piece by piece, which"
                " costs the host more time a frame"
            )

    # ---- a call ---------------------------------------------------------------------------------------------------

    def _put(self, slot: int, call: _Call) -> None:
        """A call's whole work on the stream: what a graph records, and what runs without one."""
        entry, stream = self._slots[slot], self._stream
        if self._fill is not None and self._input is not None:
            self._fill(slot, call.rows, self._input.address, stream=stream)
        elif entry.input is not None:
            entry.input.to_device(entry.input.nbytes // self._max_batch * call.rows, stream=stream)
        self._compute(call)
        if self._copy_stream is None:
            self._fetch(call, stream)

    def _compute(self, call: _Call) -> None:
        if not call.context.execute_async_v3(self._stream.handle):
            raise EngineError("TensorRT refused to enqueue the network; its log says why")

    @staticmethod
    def _fetch(call: _Call, stream: Stream) -> None:
        for mirror, nbytes in call.copies:
            mirror.to_host(nbytes, stream=stream)

    def _end(self, entry: _Slot) -> Event:
        return entry.done if self._copy_stream is None else entry.computed

    def _named(self, entry: _Slot, error: EngineError) -> EngineError:
        frame = "a call" if entry.frame_id is None else f"frame {entry.frame_id}"
        return EngineError(f"{self.name}: {frame} failed on stream {self._stream.name}: {error}")


def _free(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    return tuple(side if side >= 0 else None for side in shape)


def _text(shape: tuple[int, ...]) -> str:
    return "x".join("?" if side < 0 else str(side) for side in shape)
