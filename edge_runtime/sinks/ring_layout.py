"""What a ring of records in shared memory looks like, byte by byte (docs/outputs.md says it for other languages).

Everything is little-endian and lies at a multiple of its size. A file in /dev/shm holds a header, tables of names and
the slots. Record number k (counting from 1) goes to slot k mod slots. This module and the reader need NumPy only.

No reader ever takes half a record for a whole one, for two reasons that hold on their own. A slot's `sequence` is odd
(2k - 1) while record k is written and even (2k) when it is whole: it must be 2k before and after a reader has copied
the record. And a CRC-32 over the record, its number included, must fit the copy.
"""

from __future__ import annotations

import struct
import threading
import zlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MAGIC = b"EDGERING"
VERSION = 1
FOLDER = "/dev/shm"

# `state` of a header. A replaced ring has a new one under its name, of other dimensions.
OPEN, CLOSED, REPLACED = 1, 2, 3
# A writer that has not beaten for so long is gone or hangs; it beats ten times as often.
HEARTBEAT_NS, DEAD_NS = 50_000_000, 500_000_000

NAME_BYTES = 64
HEADER = np.dtype(
    {
        "names": [
            "magic", "version", "header_bytes", "slot_bytes", "slots", "capacity", "classes", "stages", "state",
            "writer_pid", "reserved", "epoch", "heartbeat_ns", "head", "pipeline",
        ],
        "formats": ["S8", *["<u4"] * 10, "<u8", "<u8", "<u8", f"S{NAME_BYTES}"],
        "offsets": [0, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64, 72],
        "itemsize": 192,
    }
)  # fmt: skip
STATE_AT = 36
# The tables follow the header: `classes` names, then `stages` names.
NAME = np.dtype(f"S{NAME_BYTES}")

# `flags` of a record.
TRUNCATED, FAILED = 1, 2
# In `t_stream_ns` where the source has no time of its own; an unknown speed is NaN, no track and no label are -1.
NO_TIME = np.iinfo(np.int64).min
RECORD = struct.Struct(f"<QIIQQqqqffIIIIII{NAME_BYTES}s{NAME_BYTES}s")


class Fields(NamedTuple):
    """The fields of a record in their order; its boxes follow."""

    sequence: int
    crc32: int
    length: int
    number: int
    frame_id: int
    t_capture_ns: int
    t_published_ns: int
    t_stream_ns: int
    latency_ms: float
    ego_speed_mps: float
    width: int
    height: int
    flags: int
    stages: int
    boxes: int
    found: int
    camera: bytes
    point: bytes


# The CRC stands there, and is over the bytes from `number` on, `length` many.
CRC_AT, CHECKED_FROM = 8, 16
BOX = np.dtype(
    [
        ("xyxy", "<f4", 4),
        ("confidence", "<f4"),
        ("class_id", "<i4"),
        ("track_id", "<i4"),
        ("label", "<i4"),
        ("stage", "<u4"),
    ]
)
MOST_STAGES = 32

Named = npt.NDArray[Any]


def header_bytes(classes: int, stages: int) -> int:
    """Where the slots begin, a multiple of 64."""
    return -(-(HEADER.itemsize + (classes + stages) * NAME_BYTES) // 64) * 64


def slot_bytes(capacity: int) -> int:
    """Of one record and its boxes, a multiple of 64."""
    return -(-(RECORD.size + capacity * BOX.itemsize) // 64) * 64


def crc_of(record: bytes | memoryview) -> int:
    """Of a record from its first byte on, without what the CRC does not cover."""
    return zlib.crc32(record[CHECKED_FROM:])


class Fence:
    """Keeps what is stored or loaded before it before what comes after it, as other cores see it.

    Stores of an ARM core become visible in any order. To release a lock and take it again orders them: nothing moves
    behind the release or before the acquisition, and these two keep their order (Arm ARM, B2.3: RCsc).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def __call__(self) -> None:
        self._lock.release()
        self._lock.acquire()


def name_bytes(text: str) -> bytes:
    """UTF-8 that fits into a name with a zero behind it, cut at a whole character."""
    return text.encode()[: NAME_BYTES - 1].decode(errors="ignore").encode()


def text_of(name: bytes) -> str:
    return name.rstrip(b"\0").decode(errors="replace")
