"""A frame goes to the GPU once, however many networks and regions read it there."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

import numpy as np

from edge_runtime.core import Frame
from edge_runtime.core.gpu import Array, Event, Gpu, Memory, Mirror, Stream
from edge_runtime.errors import EngineError


@dataclass(frozen=True, slots=True, eq=False)
class DeviceFrame:
    """A frame as kernels read it, (height, width, 3) uint8 BGR with `pitch` bytes a line.

    A stream that reads it waits for `ready` first. It lasts until the next `upload` to its place in the ring.
    """

    address: int
    pitch: int
    width: int
    height: int
    ready: Event


class _Place:
    def __init__(self, event: Event) -> None:
        self.ready = event
        self.memory: Mirror | None = None
        self.source: Frame | None = None
        self.uploaded: DeviceFrame | None = None


class FrameUpload:
    """A ring of `depth` frames on the GPU, filled on a copy stream of its own (`stream`, not owned).

    A frame is copied to pinned memory by the host and from there by the GPU; one whose image was pinned (`pin`) is
    fetched from where it is. A place is uploaded to again only after every call that read it has been collected,
    which is what the executor's in-flight ring promises. Memory is allocated when the first frame comes and when a
    larger one does.
    """

    def __init__(self, gpu: Gpu, *, stream: Stream, depth: int) -> None:
        self._gpu, self._stream = gpu, stream
        self._places = [_Place(gpu.event()) for _ in range(depth)]
        self._pinned: dict[int, Memory] = {}

    def pin(self, image: Array) -> None:
        """Page-lock an image that the caller keeps until `close`, such as those of a source's own ring."""
        address = _address(image)
        if address not in self._pinned:
            self._pinned[address] = self._gpu.pin(image)

    def upload(self, ring: int, frame: Frame) -> DeviceFrame:
        """Start the copy, or return the one under way when this frame already is at its place in the ring."""
        place = self._places[ring]
        if place.source is not frame or place.uploaded is None:
            place.uploaded = None
            place.source = frame
            try:
                place.uploaded = self._start(place, frame)
            except EngineError as error:
                raise EngineError(f"frame {frame.frame_id} on stream {self._stream.name}: {error}") from error
        return place.uploaded

    def _start(self, place: _Place, frame: Frame) -> DeviceFrame:
        image = frame.image
        pinned = self._pinned.get(_address(image)) if image.flags.c_contiguous else None
        if pinned is not None and pinned.nbytes < image.nbytes:
            pinned = None
        if pinned is not None and self._gpu.shares_memory:
            address = pinned.address
        else:
            memory = self._room(place, image.nbytes)
            if pinned is not None:
                self._gpu.copy_in(memory, pinned, image.nbytes, stream=self._stream)
            else:
                np.copyto(memory.array(image.shape, np.uint8), image)
                memory.to_device(image.nbytes, stream=self._stream)
            address = memory.address
        self._stream.record(place.ready)
        return DeviceFrame(address, image.shape[1] * 3, image.shape[1], image.shape[0], place.ready)

    def _room(self, place: _Place, nbytes: int) -> Mirror:
        if place.memory is None or place.memory.nbytes < nbytes:
            if place.memory is not None:
                place.memory.close()
            place.memory = self._gpu.mirror(nbytes)
        return place.memory

    def close(self) -> None:
        """Give the memory back; nothing may be reading it. May be called twice."""
        for place in self._places:
            place.ready.close()
            if place.memory is not None:
                place.memory.close()
            place.memory = place.source = place.uploaded = None
        for memory in self._pinned.values():
            memory.close()
        self._pinned.clear()

    def __enter__(self) -> FrameUpload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _address(image: Array) -> int:
    address: int = image.__array_interface__["data"][0]
    return address
