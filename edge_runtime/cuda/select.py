"""What a decoder reads of a network's outputs, picked out on the GPU, so that only that is fetched.

A raw head of 12,000 candidates becomes the few dozen that matter, logits become masks: copies shrink a hundredfold, and
the host no longer walks through megabytes that no cache has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import prod
from types import TracebackType

import numpy as np

from edge_runtime.core.gpu import Array, Gpu, Mirror, Stream
from edge_runtime.core.reduction import PlaneSelection, RowSelection, Selected, SelectedPlanes, SelectedRows, Selection
from edge_runtime.errors import EngineError, OutputError

# Candidates of one batch row for which there is room; a decoder with more of them gets the whole outputs.
CAPACITY = 512
HEADER_BYTES = 16
_THREADS = 64


class CudaSelect:
    """Does a `selection` behind a network, in its stream and graph.

    `shapes` are those of the outputs (batch, …), all of float32, `slots` and `max_batch` the engine's. A slot's result
    is read after its call has been waited for, until its next call.
    """

    def __init__(
        self,
        gpu: Gpu,
        selection: Selection,
        shapes: Mapping[str, tuple[int, ...]],
        *,
        slots: int,
        max_batch: int,
        stream: Stream,
        capacity: int = CAPACITY,
    ) -> None:
        self._gpu, self._max_batch = gpu, max_batch
        self._work: _Rows | _Planes
        if isinstance(selection, RowSelection):
            self._work = _Rows(gpu, selection, shapes, capacity, stream)
        else:
            self._work = _Planes(gpu, selection, shapes, stream)
        self._results: list[Mirror] = []
        self._headers: list[Array] = []
        self._found: list[list[tuple[Array, ...]]] = []  # by slot and batch row, as `read` wants it
        try:
            for _ in range(slots):
                result = gpu.mirror(max_batch * (HEADER_BYTES + self._work.row_bytes))
                self._results.append(result)
                data = result.array((result.nbytes,), np.uint8)
                self._headers.append(data[: max_batch * HEADER_BYTES].view(np.int32).reshape(max_batch, -1))
                rows = data[max_batch * HEADER_BYTES :].reshape(max_batch, -1)
                self._found.append([self._work.look(row) for row in rows])
        except EngineError:
            self.close()
            raise

    def clear(self, slot: int, *, stream: Stream) -> None:
        """Forget the slot's last call; to be done before `put`, at best while a network still runs."""
        self._gpu.zero(self._results[slot], self._max_batch * HEADER_BYTES, stream=stream)

    def put(self, slot: int, batch: int, outputs: Mapping[str, int], *, stream: Stream) -> None:
        """Put the work on the stream, behind the network: `outputs` are GPU addresses by name."""
        result, headers_bytes = self._results[slot], self._max_batch * HEADER_BYTES
        self._work.launch(batch, outputs, result.address, result.address + headers_bytes, stream=stream)
        result.to_host(headers_bytes + batch * self._work.row_bytes, stream=stream)

    def selected(self, slot: int, rows: int, first: int = 0) -> Selected | None:
        """What was picked out of `rows` batch rows from `first` on; None when there was not room for all of it.

        Raises OutputError when the outputs hold NaN or infinity.
        """
        headers = self._headers[slot][first : first + rows, :2].tolist()
        if broken := sum(broken for _, broken in headers):
            names = " and ".join(f"'{name}'" for name in self._work.outputs)
            raise OutputError(f"output {names} has {broken} values that are NaN or infinite")
        return self._work.read([kept for kept, _ in headers], self._found[slot][first:])

    def close(self) -> None:
        """Give the memory back; nothing may be using it. May be called twice."""
        for result in self._results:
            result.close()
        self._work.close()

    def __enter__(self) -> CudaSelect:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Rows:
    """Candidates: a row of the result is capacity indices (int32), then capacity rows of columns (float32)."""

    def __init__(
        self,
        gpu: Gpu,
        selection: RowSelection,
        shapes: Mapping[str, tuple[int, ...]],
        capacity: int,
        stream: Stream,
    ) -> None:
        self.outputs = selection.outputs
        self._capacity = capacity
        self._candidates = shapes[self.outputs[-1]][selection.axis]
        self._widths = [shapes[name][3 - selection.axis] for name in self.outputs]
        self._bytes = 4 * capacity * (1 + sum(self._widths))
        self.row_bytes = _padded(self._bytes)
        self._competing = _constant(gpu, selection.columns, stream)
        self._rivals = np.int32(len(selection.columns))
        self._objectness = np.int32(-1 if selection.objectness is None else selection.objectness)
        self._threshold = np.float32(selection.threshold)
        self._kernel = gpu.kernel(source(), "select_rows", {"TRANSPOSED": str(int(selection.axis == 2))})

    def launch(self, batch: int, outputs: Mapping[str, int], headers: int, rows: int, *, stream: Stream) -> None:
        scores, columns = outputs[self.outputs[-1]], self._widths[-1]
        boxes, box_columns = (outputs[self.outputs[0]], self._widths[0]) if len(self.outputs) > 1 else (scores, 0)
        arguments = (
            *(boxes, np.int32(box_columns), scores, np.int32(columns), np.int32(self._candidates)),
            *(self._competing.address, self._rivals, self._objectness, self._threshold),
            *(np.int32(self._capacity), headers, rows, np.int32(self.row_bytes)),
        )
        self._kernel.launch((-(-self._candidates // _THREADS), batch, 1), (_THREADS, 1, 1), arguments, stream=stream)

    def look(self, row: Array) -> tuple[Array, ...]:
        """Where indices (capacity,) and columns (capacity, columns) of a batch row are in its bytes."""
        columns = row[4 * self._capacity : self._bytes].view(np.float32)
        return row[: 4 * self._capacity].view(np.int32), columns.reshape(self._capacity, -1)

    def read(self, kept: Sequence[int], rows: Sequence[tuple[Array, ...]]) -> SelectedRows | None:
        """The GPU keeps candidates in no particular order."""
        if max(kept) > self._capacity:
            return None
        orders = [index[:count].argsort() for count, (index, _) in zip(kept, rows, strict=False)]
        index = np.concatenate([index.take(order) for order, (index, _) in zip(orders, rows, strict=False)])
        table = np.concatenate([columns.take(order, axis=0) for order, (_, columns) in zip(orders, rows, strict=False)])
        first = self._widths[0]
        columns = (table,) if len(self._widths) == 1 else (table[:, :first], table[:, first:])
        return SelectedRows(index.astype(np.intp), columns, tuple(kept))

    def close(self) -> None:
        self._competing.close()


class _Planes:
    """Masks: a row of the result is one byte a pixel for every wanted class of every head."""

    def __init__(
        self, gpu: Gpu, selection: PlaneSelection, shapes: Mapping[str, tuple[int, ...]], stream: Stream
    ) -> None:
        self.outputs = tuple(name for name, _ in selection.heads)
        self._size = shapes[self.outputs[0]][2:]
        self._classes = [shapes[name][1] for name in self.outputs]
        self._wanted = [_constant(gpu, indices, stream) for _, indices in selection.heads]
        self._counts = [len(indices) for _, indices in selection.heads]
        self._bytes = sum(self._counts) * prod(self._size)
        self.row_bytes = _padded(self._bytes)
        self._kernel = gpu.kernel(source(), "select_planes", {"TRANSPOSED": "0"})

    def launch(self, batch: int, outputs: Mapping[str, int], headers: int, rows: int, *, stream: Stream) -> None:
        pixels, first = prod(self._size), 0
        grid = (-(-pixels // _THREADS), batch, 1)
        for name, classes, wanted, count in zip(self.outputs, self._classes, self._wanted, self._counts, strict=True):
            arguments = (
                *(outputs[name], np.int32(classes), np.int32(pixels), wanted.address, np.int32(count)),
                *(np.int32(first), headers, rows, np.int32(self.row_bytes)),
            )
            self._kernel.launch(grid, (_THREADS, 1, 1), arguments, stream=stream)
            first += count

    def look(self, row: Array) -> tuple[Array, ...]:
        """Where the planes (n, h, w) of a batch row are in its bytes."""
        return (row[: self._bytes].reshape(-1, *self._size),)

    def read(self, kept: Sequence[int], rows: Sequence[tuple[Array, ...]]) -> SelectedPlanes:
        return SelectedPlanes(tuple(planes for (planes,), _ in zip(rows, kept, strict=False)))

    def close(self) -> None:
        for wanted in self._wanted:
            wanted.close()


def _constant(gpu: Gpu, values: Array, stream: Stream) -> Mirror:
    """Integers that a kernel reads, on the GPU when this returns."""
    mirror = gpu.mirror(4 * len(values))
    mirror.array((len(values),), np.int32)[:] = values
    mirror.to_device(mirror.nbytes, stream=stream)
    loaded = gpu.event()
    stream.record(loaded)
    loaded.wait()
    loaded.close()
    return mirror


def _padded(nbytes: int) -> int:
    return -(-nbytes // HEADER_BYTES) * HEADER_BYTES


@cache
def source() -> str:
    """The kernels' text."""
    return files(__package__).joinpath("select.cu").read_text(encoding="utf-8")
