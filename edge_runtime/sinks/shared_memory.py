"""Read what a pipeline writes to shared memory. Needs NumPy only; what it reads: docs/outputs.md.

with SharedMemoryReader("edge-highway-front") as ring:
    while True:
        if (record := ring.wait(0.1)) is not None:
            print(record.frame_id, record.boxes["xyxy"], [ring.classes[i] for i in record.boxes["class_id"]])
        elif not ring.alive:
            print("the pipeline is gone")
"""

from __future__ import annotations

import math
import mmap
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from edge_runtime.core.clock import Clock, SystemClock
from edge_runtime.errors import SinkError

from .ring_layout import (
    BOX,
    CHECKED_FROM,
    DEAD_NS,
    FAILED,
    FOLDER,
    HEADER,
    MAGIC,
    NAME,
    NO_TIME,
    OPEN,
    RECORD,
    TRUNCATED,
    VERSION,
    Fence,
    Fields,
    Named,
    crc_of,
    header_bytes,
    slot_bytes,
    text_of,
)

# So often a reader starts again when the writer has come round the whole ring while it copied.
ATTEMPTS = 100
POLL_NS = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What was found in one frame; a copy, valid for as long as it is kept.

    `number` counts the records of the ring from 1 on, `frame_id` the frames of `camera`. Times are CLOCK_MONOTONIC of
    this machine. `stages` are those that ran in this frame: one that is not there did not look, one without boxes found
    nothing. `boxes` (n,) has the columns `xyxy` in pixels of the full frame, `confidence`, `class_id` and `label` (into
    the reader's `classes`; label -1: none), `track_id` (-1: none) and `stage` (into the reader's `stages`). With
    `truncated` there were `found` boxes and the most confident are here; a `failed` frame has none.
    """

    number: int
    frame_id: int
    camera: str
    point: str
    t_capture_ns: int
    t_published_ns: int
    t_stream_ns: int | None
    latency_ms: float
    ego_speed_mps: float | None
    width: int
    height: int
    stages: tuple[str, ...]
    boxes: Named
    found: int
    truncated: bool
    failed: bool


class SharedMemoryReader:
    """Reads one ring by its name in /dev/shm, and goes on with a new one that takes its place.

    The ring may come later: there is nothing to read until then. Belongs to one thread. `missed` counts records that
    were overwritten before `next` came to them, `torn` copies that were thrown away because the writer was faster.
    Raises `SinkError` for a file that is no such ring.
    """

    def __init__(self, name: str, *, clock: Clock | None = None, folder: str = FOLDER) -> None:
        self.path = Path(folder, name)
        self.classes: tuple[str, ...] = ()
        self.stages: tuple[str, ...] = ()
        self.pipeline = ""
        self.missed = self.torn = 0
        self._clock = clock or SystemClock()
        self._fence = Fence()
        self._never = threading.Event()
        self._closed = False
        self._ring: mmap.mmap | None = None
        self._inode = 0
        self._next = 1
        self._last: dict[str | None, int] = {}
        self._attach()

    @property
    def alive(self) -> bool:
        """Whether a writer is at work: it has opened the ring and beaten within the last half second."""
        return self._attach() and self._beats()

    @property
    def writer_pid(self) -> int | None:
        """Process id of the last writer, as it sees itself; None while there is no ring."""
        return int(self._header["writer_pid"]) if self._attach() else None

    def latest(self, camera: str | None = None) -> Record | None:
        """The newest record (of one camera); None when it was returned before, or there is none."""
        if not self._attach():
            return None
        for _ in range(ATTEMPTS):
            head = int(self._head)
            last = self._last.get(camera, 0)
            for number in range(head, max(last, head - self._slots), -1):
                record = self._copy(number)
                if record is None:
                    break
                if camera is None or record.camera == camera:
                    self._last[camera] = number
                    return record
            else:
                return None
        return None

    def next(self) -> Record | None:
        """The oldest record that `next` has not returned yet; None when there is no further one."""
        if not self._attach():
            return None
        for _ in range(ATTEMPTS):
            head = int(self._head)
            if self._next > head:
                return None
            oldest = max(1, head - self._slots + 1)
            self.missed += max(0, oldest - self._next)
            self._next = max(oldest, self._next)
            record = self._copy(self._next)
            if record is not None:
                self._next += 1
                return record
        return None

    def wait(self, timeout_s: float, camera: str | None = None) -> Record | None:
        """`latest`, asked twice a millisecond for so long."""
        end_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while (record := self.latest(camera)) is None:
            now_ns = self._clock.now_ns()
            if now_ns >= end_ns:
                return None
            self._clock.wait_until_ns(min(end_ns, now_ns + POLL_NS), self._never)
        return record

    def close(self) -> None:
        """May be called twice; nothing is read any more."""
        self._closed = True
        self._detach()

    def __enter__(self) -> SharedMemoryReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _copy(self, number: int) -> Record | None:
        """A whole record, or None when its slot holds another one or is being written."""
        assert self._ring is not None
        slot = number % self._slots
        self._fence()
        if int(self._sequences[slot]) != 2 * number:
            self.torn += 1
            return None
        self._fence()
        begin = self._slots_from + slot * self._slot_bytes
        head = self._ring[begin : begin + RECORD.size]
        size = CHECKED_FROM + Fields(*RECORD.unpack(head)).length
        whole = self._ring[begin : begin + size] if RECORD.size <= size <= self._slot_bytes else b""
        self._fence()
        if int(self._sequences[slot]) != 2 * number or not _is_whole(whole, number):
            self.torn += 1
            return None
        return self._record(whole)

    def _record(self, whole: bytes) -> Record:
        fields = Fields(*RECORD.unpack_from(whole))
        speed = fields.ego_speed_mps
        return Record(
            number=fields.number,
            frame_id=fields.frame_id,
            camera=text_of(fields.camera),
            point=text_of(fields.point),
            t_capture_ns=fields.t_capture_ns,
            t_published_ns=fields.t_published_ns,
            t_stream_ns=None if fields.t_stream_ns == NO_TIME else fields.t_stream_ns,
            latency_ms=fields.latency_ms,
            ego_speed_mps=None if math.isnan(speed) else speed,
            width=fields.width,
            height=fields.height,
            stages=tuple(name for bit, name in enumerate(self.stages) if fields.stages >> bit & 1),
            boxes=np.frombuffer(whole, BOX, fields.boxes, RECORD.size),
            found=fields.found,
            truncated=bool(fields.flags & TRUNCATED),
            failed=bool(fields.flags & FAILED),
        )

    def _beats(self) -> bool:
        header = self._header
        return int(header["state"]) == OPEN and self._clock.now_ns() - int(header["heartbeat_ns"]) <= DEAD_NS

    def _attach(self) -> bool:
        """Whether there is a ring; a new one under the name is taken when the writer of the old one is gone."""
        if self._ring is not None and self._beats():
            return True
        if self._closed:
            return False
        try:
            found = os.stat(self.path)
        except OSError:
            return self._ring is not None
        if self._ring is not None and found.st_ino == self._inode:
            return True
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._ring is not None
        except OSError as error:
            raise SinkError(f"{self.path}: {error.strerror}") from error
        try:
            self._inode = os.fstat(descriptor).st_ino
            ring = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise SinkError(f"{self.path}: {error}") from error
        finally:
            os.close(descriptor)
        self._detach()
        self._take(ring)
        return True

    def _detach(self) -> None:
        if self._ring is not None:
            del self._header, self._head, self._sequences
            self._ring.close()
            self._ring = None

    def _take(self, ring: mmap.mmap) -> None:
        header: Any = np.ndarray((), HEADER, ring) if len(ring) >= HEADER.itemsize else None
        if header is None or bytes(header["magic"].item()) != MAGIC:
            raise SinkError(f"{self.path}: is no ring of edge_runtime")
        if int(header["version"]) != VERSION:
            raise SinkError(f"{self.path}: has layout {int(header['version'])}, this reader knows {VERSION}")
        classes, stages = int(header["classes"]), int(header["stages"])
        self._slots, self._slots_from = int(header["slots"]), int(header["header_bytes"])
        self._slot_bytes = int(header["slot_bytes"])
        fits = self._slots_from == header_bytes(classes, stages)
        if (
            not fits
            or self._slot_bytes != slot_bytes(int(header["capacity"]))
            or len(ring) != (self._slots_from + self._slots * self._slot_bytes)
        ):
            raise SinkError(f"{self.path}: its dimensions contradict each other")
        names = [text_of(name) for name in np.frombuffer(ring, NAME, classes + stages, HEADER.itemsize).tolist()]
        self.classes, self.stages = tuple(names[:classes]), tuple(names[classes:])
        self.pipeline = text_of(header["pipeline"].item())
        self._ring, self._header, self._head = ring, header, header["head"]
        self._sequences = np.ndarray((self._slots,), "<u8", ring, self._slots_from, (self._slot_bytes,))
        self._last = {}
        self._next = max(1, int(self._head))


def _is_whole(record: bytes, number: int) -> bool:
    """Whether a copy is of record `number`, and of nothing else."""
    if not record:
        return False
    fields = Fields(*RECORD.unpack_from(record))
    return (
        fields.number == number
        and len(record) == RECORD.size + fields.boxes * BOX.itemsize
        and fields.crc32 == crc_of(record)
    )
