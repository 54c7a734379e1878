"""The writing side of a ring in shared memory: made, taken over from a writer that died, written, given up."""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import struct
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.core import Clock, Detections, Frame, FrameResult
from edge_runtime.errors import SinkError

from .ring_layout import (
    BOX,
    CHECKED_FROM,
    CLOSED,
    CRC_AT,
    FAILED,
    HEADER,
    MAGIC,
    MOST_STAGES,
    NAME,
    NO_TIME,
    OPEN,
    RECORD,
    REPLACED,
    STATE_AT,
    TRUNCATED,
    VERSION,
    Fence,
    Fields,
    crc_of,
    header_bytes,
    name_bytes,
    slot_bytes,
)

CRC = struct.Struct("<I")


@dataclass(frozen=True)
class RingShape:
    """What is settled when a ring is made."""

    pipeline: str
    classes: tuple[str, ...]
    stages: tuple[str, ...]
    slots: int
    capacity: int

    def __post_init__(self) -> None:
        if len(self.stages) > MOST_STAGES:
            raise SinkError(f"shared_memory: {len(self.stages)} stages; {MOST_STAGES} fit, name them with `stages:`")

    @property
    def slots_from(self) -> int:
        return header_bytes(len(self.classes), len(self.stages))

    @property
    def size(self) -> int:
        return self.slots_from + self.slots * slot_bytes(self.capacity)

    def names(self) -> bytes:
        """The tables behind the header."""
        return np.array([name_bytes(name) for name in (*self.classes, *self.stages)], NAME).tobytes()


class RingWriter:
    """Owns a ring from the constructor to `close`: a lock on the file keeps other writers out, and falls with the
    process.

    A ring of the same shape whose writer died is taken over: readers that have it open go on with the next number. One
    of another shape is marked as replaced, and a new one takes its name. `write` and `beat` may be called by two
    threads. Raises `SinkError`.
    """

    def __init__(self, path: Path, shape: RingShape, clock: Clock) -> None:
        self.path, self._shape, self._clock = path, shape, clock
        self._fence = Fence()
        self._scratch = bytearray(slot_bytes(shape.capacity))
        self._boxes: Any = np.frombuffer(self._scratch, BOX, shape.capacity, RECORD.size)
        self._stage_ids = {name: number for number, name in enumerate(shape.stages)}
        try:
            self._file = self._owned()
        except OSError as error:
            raise SinkError(_why_not(path, error)) from error
        self._ring = mmap.mmap(self._file, shape.size)
        self._header: Any = np.ndarray((), HEADER, self._ring)
        self._sequences: Any = np.ndarray(
            (shape.slots,), "<u8", self._ring, shape.slots_from, (slot_bytes(shape.capacity),)
        )
        # The one before may have finished a record, or half of it, without saying so.
        self._number = max(int(self._header["head"]), int(self._sequences.max() + 1) // 2)
        self._header["writer_pid"] = os.getpid()
        self._header["epoch"] = int(self._header["epoch"]) + 1
        self.beat()
        self._header["state"] = OPEN

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Publish one record, with the boxes of the stages that the ring knows."""
        number, slot = self._number + 1, (self._number + 1) % self._shape.slots
        record = self._filled(frame, result, number)
        self._number = number
        self._sequences[slot] = 2 * number - 1
        self._fence()
        self._put(slot, record)
        self._fence()
        self._sequences[slot] = 2 * number
        self._fence()
        self._header["head"] = number

    def beat(self) -> None:
        """Say that the writer lives."""
        self._header["heartbeat_ns"] = self._clock.now_ns()

    @property
    def is_in_place(self) -> bool:
        """Whether the file under its name is still this one; somebody may have deleted it."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except OSError:
            return False

    def close(self) -> None:
        """Tell readers that this was the end, and take the file away. May be called twice."""
        if self._file < 0:
            return
        self._header["state"] = CLOSED
        if self.is_in_place:
            with suppress(OSError):
                self.path.unlink()
        del self._header, self._sequences
        self._ring.close()
        os.close(self._file)
        self._file = -1

    def _put(self, slot: int, record: memoryview) -> None:
        """Everything of a record but its sequence number."""
        begin = self._shape.slots_from + slot * slot_bytes(self._shape.capacity)
        self._ring[begin + CRC_AT : begin + len(record)] = record[CRC_AT:]

    def _filled(self, frame: Frame, result: FrameResult, number: int) -> memoryview:
        """The scratch record with a result in it, as far as it is used."""
        ids = self._stage_ids
        found = {stage: boxes for stage, boxes in result.detections.items() if stage in ids}
        total = sum(len(boxes) for boxes in found.values())
        kept = self._put_boxes(found, total)
        flags = (TRUNCATED if kept < total else 0) | (FAILED if result.error is not None else 0)
        size = RECORD.size + kept * BOX.itemsize
        fields = Fields(
            sequence=0,
            crc32=0,
            length=size - CHECKED_FROM,
            number=number,
            frame_id=result.frame_id,
            t_capture_ns=result.t_capture_ns,
            t_published_ns=self._clock.now_ns(),
            t_stream_ns=NO_TIME if result.t_stream_ns is None else result.t_stream_ns,
            latency_ms=result.latency_ms,
            ego_speed_mps=math.nan if frame.ego_speed_mps is None else frame.ego_speed_mps,
            width=frame.width,
            height=frame.height,
            flags=flags,
            stages=sum(1 << ids[stage] for stage in found),
            boxes=kept,
            found=total,
            camera=name_bytes(result.camera),
            point=name_bytes(result.point.name),
        )
        RECORD.pack_into(self._scratch, 0, *fields)
        record = memoryview(self._scratch)[:size]
        CRC.pack_into(self._scratch, CRC_AT, crc_of(record))
        return record

    def _put_boxes(self, found: Mapping[str, Detections], total: int) -> int:
        """Into the scratch record, of too many the most confident; returns how many."""
        best = self._best([boxes.confidence for boxes in found.values()], total)
        row = first = 0
        for stage, boxes in found.items():
            if best is not None:
                mine = best[(best >= first) & (best < first + len(boxes))] - first
                first += len(boxes)
                boxes = boxes.take(mine)
            rows = self._boxes[row : row + len(boxes)]
            rows["xyxy"], rows["confidence"] = boxes.xyxy, boxes.confidence
            rows["class_id"], rows["track_id"] = boxes.class_id, boxes.track_id
            rows["label"] = -1 if boxes.label is None else boxes.label
            rows["stage"] = self._stage_ids[stage]
            row += len(boxes)
        return row

    def _best(self, confidence: Sequence[Any], total: int) -> Any:
        """The rows of the most confident boxes, ascending; None when all fit."""
        if total <= self._shape.capacity:
            return None
        order = np.argsort(-np.concatenate(confidence), kind="stable")
        return np.sort(order[: self._shape.capacity])

    def _owned(self) -> int:
        """A descriptor of the locked file under the name. Raises `OSError`, or `SinkError` when a writer lives."""
        while True:
            try:
                file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                with suppress(FileExistsError):  # somebody was quicker
                    return self._made()
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.stat(self.path), os.fstat(file)):
                    raise FileNotFoundError  # it was taken away or replaced before the lock was ours
                if self._fits(file):
                    return file
                return self._made(instead_of=file)
            except BlockingIOError:
                raise SinkError(self._why_held(file)) from None
            except FileNotFoundError:
                os.close(file)
            except BaseException:
                os.close(file)
                raise

    def _fits(self, file: int) -> bool:
        """Whether a ring that was found has this shape, names included."""
        if os.fstat(file).st_size != self._shape.size:
            return False
        names = self._shape.names()
        head = os.pread(file, HEADER.itemsize + len(names), 0)
        found, wanted = np.frombuffer(head, HEADER, 1)[0], np.frombuffer(self._new_header(), HEADER, 1)[0]
        fixed = ("magic", "version", "header_bytes", "slot_bytes", "slots", "capacity", "classes", "stages", "pipeline")
        return all(found[key] == wanted[key] for key in fixed) and head[HEADER.itemsize :] == names

    def _made(self, instead_of: int | None = None) -> int:
        """A new ring, whole and locked before anybody sees it under its name."""
        file, hidden = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            os.fchmod(file, 0o644)  # whatever the umask: a planner is often another user
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(file, 0, self._shape.size)  # a full /dev/shm is an error now and not a SIGBUS later
            os.pwrite(file, self._new_header() + self._shape.names(), 0)
            if instead_of is None:
                os.link(hidden, self.path)  # where there is one now, this fails
                os.unlink(hidden)
            else:
                if os.fstat(instead_of).st_size >= HEADER.itemsize:
                    os.pwrite(instead_of, REPLACED.to_bytes(4, "little"), STATE_AT)
                os.replace(hidden, self.path)
                os.close(instead_of)
        except BaseException:
            os.close(file)
            with suppress(OSError):
                os.unlink(hidden)
            raise
        return file

    def _new_header(self) -> bytes:
        shape = self._shape
        header = np.zeros((), HEADER)
        header["magic"], header["version"] = MAGIC, VERSION
        header["header_bytes"], header["slot_bytes"] = shape.slots_from, slot_bytes(shape.capacity)
        header["slots"], header["capacity"] = shape.slots, shape.capacity
        header["classes"], header["stages"] = len(shape.classes), len(shape.stages)
        header["pipeline"] = name_bytes(shape.pipeline)
        return header.tobytes()

    def _why_held(self, file: int) -> str:
        head = os.pread(file, HEADER.itemsize, 0)
        os.close(file)
        pid = int(np.frombuffer(head, HEADER, 1)[0]["writer_pid"]) if len(head) == HEADER.itemsize else 0
        return (
            f"shared_memory: {self.path} is written by process {pid or 'unknown'}\n"
            f"    end that one, or give this pipeline another `name:`"
        )


def _why_not(path: Path, error: OSError) -> str:
    found = f"shared_memory: {path}: {error.strerror}"
    if isinstance(error, PermissionError):
        return f"{found}\n    it belongs to another user; if no pipeline of theirs runs: sudo rm {path}"
    return found
