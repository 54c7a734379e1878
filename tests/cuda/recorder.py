"""A GPU made of NumPy that runs work in stream order, but only when it must, and watches for races.

Work is done when the host waits for an event, and then only what that event vouches for: a host that reads or
overwrites memory too early gets (or leaves) the wrong bytes. With `eager` everything is done at once instead, as on an
infinitely fast GPU: a result that is overwritten before it was read is seen too. In both, two pieces of work that touch
the same memory, one of them writing, without an event between their streams, are a race, and so is a host that changes
a pinned buffer which a copy has yet to read. `calls` counts every call by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_runtime.errors import EngineError

SYNCHRONISING = {"stream", "event", "memory", "mirror", "pin", "capture", "kernel", "free"}
"""Calls that wait for the GPU or allocate; `event_wait` is the one a frame may make."""

Access = tuple[int, int]  # (address of the buffer, stream)


@dataclass(eq=False)
class Work:
    name: str
    run: Callable[[], tuple[list[int], list[int]]]  # does it, and returns the addresses read and written
    host: list[tuple[np.ndarray, bytes]] = field(default_factory=list)  # pinned bytes as they were when enqueued
    reads_host: tuple[np.ndarray, ...] = ()
    stream: int = 0
    number: int = 0
    clock: dict[int, int] = field(default_factory=dict)
    done: bool = False

    def happens_before(self, other: Work) -> bool:
        return other.clock.get(self.stream, 0) >= self.number


class RecordingGpu:
    name, arch = "NumPy", "sm_00"

    def __init__(self, *, eager: bool = False, shares_memory: bool = False, kernels: dict[str, Callable] | None = None):
        self.eager, self.shares_memory = eager, shares_memory
        self.calls: Counter[str] = Counter()
        self.races: list[str] = []
        self.refuse_capture = False
        self.fail_next_wait: str | None = None
        self._kernels = kernels or {}
        self._buffers: dict[int, np.ndarray] = {}
        self._clocks: dict[int, dict[int, int]] = {}
        self._host_clock: dict[int, int] = {}
        self._pending: list[Work] = []
        self._history: dict[int, list[tuple[Work, bool]]] = {}
        self._recorded: list[Work] | None = None
        self._handles = 0

    # ---- the nouns ----

    def stream(self, name):
        self.calls["stream"] += 1
        return RecordingStream(self, name, self._handle())

    def event(self):
        self.calls["event"] += 1
        return RecordingEvent(self, self._handle())

    def memory(self, nbytes):
        self.calls["memory"] += 1
        return RecordingMemory(self, nbytes)

    def mirror(self, nbytes):
        self.calls["mirror"] += 1
        return RecordingMirror(self, nbytes)

    def pin(self, array):
        self.calls["pin"] += 1
        return RecordingMemory(self, array.nbytes, array.reshape(-1).view(np.uint8))

    def copy_in(self, target, source, nbytes, *, stream):
        self._copy("copy_in", target.bytes, source.bytes, nbytes, stream, pinned=source.bytes)

    def zero(self, target, nbytes, *, stream):
        def run():
            target.bytes[:nbytes] = 0
            return [], [target.address]

        self.put("zero", run, stream)

    def capture(self, work, *, stream):
        self.calls["capture"] += 1
        self._recorded = []
        try:
            work()
            if self.refuse_capture:
                raise EngineError("CUDA failed while capturing: cudaErrorStreamCaptureUnsupported (not permitted)")
            return RecordingGraph(self, self._recorded)
        finally:
            self._recorded = None

    def kernel(self, source, entry, macros):
        self.calls["kernel"] += 1
        return RecordingKernel(self, entry, macros)

    # ---- stream order ----

    def put(self, name: str, run, stream, reads_host: tuple[np.ndarray, ...] = ()) -> None:
        """Enqueue work; `run` returns the addresses of the buffers it read and wrote."""
        if self._recorded is not None:
            self._recorded.append(Work(name, run, reads_host=reads_host))
            return
        self.calls[name] += 1
        self.start(Work(name, run, reads_host=reads_host), stream)

    def start(self, work: Work, stream) -> None:
        clock = self.clock_of(stream)
        for other, number in self._host_clock.items():
            clock[other] = max(clock.get(other, 0), number)
        clock[stream.handle] = clock.get(stream.handle, 0) + 1
        work.stream, work.number, work.clock = stream.handle, clock[stream.handle], dict(clock)
        work.host = [(host, host.tobytes()) for host in work.reads_host]
        self._pending.append(work)
        if self.eager:
            self.run(lambda each: True)

    def clock_of(self, stream) -> dict[int, int]:
        return self._clocks.setdefault(stream.handle, {})

    def reached(self, clock: dict[int, int]) -> None:
        """The host knows that everything up to `clock` is done."""
        self.run(lambda work: clock.get(work.stream, 0) >= work.number)
        for stream, number in clock.items():
            self._host_clock[stream] = max(self._host_clock.get(stream, 0), number)

    def run(self, due: Callable[[Work], bool]) -> None:
        waiting, self._pending = self._pending, []
        for work in waiting:
            if not due(work):
                self._pending.append(work)
                continue
            for host, before in work.host:
                if host.tobytes() != before:
                    self.races.append(f"pinned memory changed before {work.name} read it")
            read, written = work.run()
            for address in {*read, *written}:
                self._watch(work, address, address in written)

    def _watch(self, work: Work, address: int, writes: bool) -> None:
        history = self._history.setdefault(address, [])
        for other, wrote in history:
            if (writes or wrote) and not (other.happens_before(work) or work.happens_before(other)):
                self.races.append(f"{other.name} and {work.name} touch the same memory without an event between them")
        history.append((work, writes))
        del history[:-64]

    def finish(self) -> None:
        """Do what nobody waited for."""
        self.run(lambda work: True)

    # ---- memory ----

    def at(self, address: int) -> tuple[int, np.ndarray]:
        """The buffer that holds an address: where it begins, and its bytes from `address` on."""
        for begin, data in self._buffers.items():
            if begin <= address < begin + len(data):
                return begin, data[address - begin :]
        raise EngineError(f"CUDA failed: nothing is allocated at {address:#x}")

    def allocate(self, data: np.ndarray) -> int:
        address = data.__array_interface__["data"][0]
        self._buffers[address] = data
        self._history.pop(address, None)
        return address

    def free(self, address: int) -> None:
        self.calls["free"] += 1
        self._buffers.pop(address, None)

    @property
    def allocated_bytes(self) -> int:
        return sum(len(data) for data in self._buffers.values())

    def synchronising(self) -> int:
        return sum(self.calls[name] for name in SYNCHRONISING)

    def _copy(self, name, target, source, nbytes, stream, *, pinned=None) -> None:
        def run():
            target[:nbytes] = source[:nbytes]
            return [_begin(source)], [_begin(target)]

        self.put(name, run, stream, () if pinned is None else (pinned[:nbytes],))

    def _handle(self) -> int:
        self._handles += 1
        return self._handles


class Closable:
    def close(self) -> None: ...

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RecordingEvent(Closable):
    def __init__(self, gpu: RecordingGpu, handle: int) -> None:
        self.gpu, self.handle, self.clock, self.tick = gpu, handle, {}, 0

    def wait(self) -> None:
        self.gpu.calls["event_wait"] += 1
        if self.gpu.fail_next_wait is not None:
            text, self.gpu.fail_next_wait = self.gpu.fail_next_wait, None
            raise EngineError(text)
        self.gpu.reached(self.clock)

    def ms_since(self, earlier) -> float:
        return float(self.tick - earlier.tick)


class RecordingStream(Closable):
    def __init__(self, gpu: RecordingGpu, name: str, handle: int) -> None:
        self.gpu, self.name, self.handle = gpu, name, handle
        gpu._clocks[handle] = {}

    def record(self, event) -> None:
        self.gpu.calls["event_record"] += 1
        event.clock = dict(self.gpu.clock_of(self))
        event.tick = sum(event.clock.values())

    def wait(self, event) -> None:
        self.gpu.calls["stream_wait"] += 1
        clock = self.gpu.clock_of(self)
        for stream, number in event.clock.items():
            clock[stream] = max(clock.get(stream, 0), number)


class RecordingMemory(Closable):
    def __init__(self, gpu: RecordingGpu, nbytes: int, data: np.ndarray | None = None) -> None:
        self.gpu, self.nbytes = gpu, nbytes
        self.bytes = np.full(max(nbytes, 1), 0xCD, np.uint8) if data is None else data
        self.address = gpu.allocate(self.bytes)
        self._open = True

    def close(self) -> None:
        if self._open:
            self.gpu.free(self.address)
        self._open = False


class RecordingMirror(RecordingMemory):
    def __init__(self, gpu: RecordingGpu, nbytes: int) -> None:
        super().__init__(gpu, nbytes)
        self.host = self.bytes if gpu.shares_memory else np.full(max(nbytes, 1), 0xAB, np.uint8)

    def array(self, shape, dtype):
        return self.host[: int(np.prod(shape)) * np.dtype(dtype).itemsize].view(dtype).reshape(shape)

    def to_device(self, nbytes, *, stream):
        if not self.gpu.shares_memory:
            self.gpu._copy("copy_in", self.bytes, self.host, nbytes, stream, pinned=self.host)

    def to_host(self, nbytes, *, stream):
        if not self.gpu.shares_memory:
            self.gpu._copy("copy_out", self.host, self.bytes, nbytes, stream)


class RecordingGraph(Closable):
    def __init__(self, gpu: RecordingGpu, work: list[Work]) -> None:
        self.gpu, self.work = gpu, work

    def launch(self, *, stream) -> None:
        self.gpu.calls["graph_launch"] += 1
        for work in self.work:
            self.gpu.start(Work(work.name, work.run, reads_host=work.reads_host), stream)


class RecordingKernel:
    def __init__(self, gpu: RecordingGpu, entry: str, macros) -> None:
        self.gpu, self.entry, self.macros = gpu, entry, macros

    def launch(self, grid, block, arguments, *, stream) -> None:
        effect: Any = self.gpu._kernels[self.entry]
        self.gpu.put(self.entry, lambda: effect(self.gpu, self.macros, grid, arguments), stream)


def _begin(data: np.ndarray) -> int:
    return data.__array_interface__["data"][0]
