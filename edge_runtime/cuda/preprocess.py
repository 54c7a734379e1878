"""One kernel launch that makes a network's input batch from views of a frame that is already on the GPU."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from types import TracebackType

import numpy as np

from edge_runtime.core.gpu import Array, Gpu, Mirror, Stream
from edge_runtime.errors import EngineError

from .frame_upload import DeviceFrame
from .twin import InputFormat, View, value_table

BLOCK = (32, 8, 1)
VIEW = struct.Struct("<Q9i4x")  # struct View of preprocess.cu
_ELEMENTS = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int"}


class CudaPreprocessor:
    """Crop, resize, pad, order the colours, normalise: what `vision.preprocess` does, on the GPU and for all views.

    `write` puts views of frames where the GPU will read them and `fill` puts the work on a stream. The kernel reads
    the views from memory, frame address and size included, so that a graph which holds a `fill` serves every later
    frame. `slots` are those of the engine whose input it fills: a slot is written again only after its call has been
    collected. With `antialias` an axis that shrinks by more than two is filtered (see `twin`).
    """

    def __init__(
        self,
        gpu: Gpu,
        form: InputFormat,
        *,
        slots: int,
        max_batch: int,
        stream: Stream,
        antialias: bool = False,
    ) -> None:
        self.max_batch = max_batch
        width, height = form.size
        table = value_table(form)
        self._kernel = gpu.kernel(source(), "preprocess", macros(form, antialias=antialias))
        self._grid = (-(-width // BLOCK[0]), -(-height // BLOCK[1]))
        self._plain = np.int32(width), np.int32(height), np.int32(form.pad)
        self._table = gpu.mirror(table.nbytes)
        self._views: list[Mirror] = []
        self._hosts: list[memoryview] = []
        try:
            for _ in range(slots):
                views = gpu.mirror(VIEW.size * max_batch)
                self._views.append(views)
                host = views.array((VIEW.size * max_batch,), np.uint8)
                host[:] = 0  # a view without a picture is all padding
                self._hosts.append(host.data)
            self._load(gpu, table, stream)
        except EngineError:
            self.close()
            raise

    def _load(self, gpu: Gpu, table: Array, stream: Stream) -> None:
        self._table.array(table.shape, table.dtype)[:] = table
        self._table.to_device(table.nbytes, stream=stream)
        loaded = gpu.event()
        stream.record(loaded)
        loaded.wait()
        loaded.close()

    def write(self, slot: int, frames: Sequence[DeviceFrame], views: Sequence[View]) -> None:
        """Say what the slot's next call looks at, each view with its frame; rows of the batch beyond become padding.

        Raises ValueError for a view that leaves the frame and for more views than the batch has rows.
        """
        if len(views) > self.max_batch:
            raise ValueError(f"{len(views)} views do not fit into a batch of {self.max_batch}")
        host = self._hosts[slot]
        for row, (frame, view) in enumerate(zip(frames, views, strict=True)):
            x0, y0, x1, y1 = view.view
            if not (0 <= x0 < x1 <= frame.width and 0 <= y0 < y1 <= frame.height):
                raise ValueError(f"view {view.view} leaves the frame of {frame.width}x{frame.height}")
            VIEW.pack_into(
                host, row * VIEW.size, frame.address, frame.pitch, x0, y0, x1 - x0, y1 - y0, *view.picture
            )  # fmt: skip
        for row in range(len(views), self.max_batch):
            VIEW.pack_into(host, row * VIEW.size, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def fill(self, slot: int, batch: int, target: int, *, stream: Stream) -> None:
        """Put on the stream: fetch the slot's views, write the first `batch` rows of the input at address `target`."""
        views = self._views[slot]
        views.to_device(VIEW.size * batch, stream=stream)
        arguments = (views.address, self._table.address, target, *self._plain)
        self._kernel.launch((*self._grid, batch), BLOCK, arguments, stream=stream)

    def close(self) -> None:
        """Give the memory back; nothing may be reading it. May be called twice."""
        for view in self._views:
            view.close()
        self._table.close()

    def __enter__(self) -> CudaPreprocessor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@cache
def source() -> str:
    """The kernel's text."""
    return files(__package__).joinpath("preprocess.cu").read_text(encoding="utf-8")


def macros(form: InputFormat, *, antialias: bool) -> dict[str, str]:
    """What the kernel is compiled for."""
    return {
        "ELEMENT": _ELEMENTS[np.dtype(form.dtype).itemsize],
        "PLANAR": str(int(form.layout == "nchw")),
        "SWAP": str(int(form.color == "rgb")),
        "ANTIALIAS": str(int(antialias)),
    }
