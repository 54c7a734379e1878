"""A writer of a ring in a process of its own: `python -m tests.sinks.ring_process WHAT NAME SLOTS BOXES`.

`fast` writes for ever; `half` writes ten records and kills itself (SIGKILL) in the middle of the eleventh. All of a
record follows from its frame id, so that a reader can tell whether it is of one piece. Says `open` once it has begun.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np

from edge_runtime.core import Detections, Frame, FrameResult, OperatingPoint, SystemClock
from edge_runtime.sinks.ring import RingShape, RingWriter
from edge_runtime.sinks.ring_layout import FOLDER

CLASSES = tuple(f"class {n}" for n in range(7))
PICTURE = np.zeros((4, 6, 3), np.uint8)


def shape(slots: int = 4, boxes: int = 8, stages: tuple[str, ...] = ("tracked",)) -> RingShape:
    return RingShape("highway", CLASSES, stages, slots, boxes)


def frame(n: int, camera: str = "front") -> Frame:
    return Frame(n, camera, n * 1000, PICTURE)


def result(n: int, boxes: int, camera: str = "front") -> FrameResult:
    """Boxes in which every number is the frame's, or follows from it."""
    count = n % boxes + 1
    found = Detections.of(
        np.full((count, 4), n % 2**20), np.full(count, n % 997 / 997), np.full(count, n % 7), np.full(count, n % 2**30)
    )
    return FrameResult(n, camera, n * 1000, n % 100, OperatingPoint(), {"tracked": found})


def is_whole(record, boxes: int) -> bool:
    """Whether a record is what `result` made for its frame."""
    n, found = record.frame_id, record.boxes
    return (
        len(found) == record.found == n % boxes + 1
        and record.t_capture_ns == n * 1000
        and bool((found["xyxy"] == n % 2**20).all())
        and bool((found["confidence"] == np.float32(n % 997 / 997)).all())
        and bool((found["class_id"] == n % 7).all())
        and bool((found["track_id"] == n % 2**30).all())
        and record.latency_ms == n % 100
    )


class KilledHalfWay(RingWriter):
    """Puts half of record `dies_at` into its slot and is gone."""

    dies_at = 11

    def _put(self, slot: int, record: memoryview) -> None:
        if self._number == self.dies_at:
            super()._put(slot, record[: len(record) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        super()._put(slot, record)


def main() -> None:
    what, name, slots, boxes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    kind = KilledHalfWay if what == "half" else RingWriter
    writer = kind(Path(FOLDER, name), shape(slots, boxes), SystemClock())
    print("open", flush=True)
    n = 0
    while True:
        writer.write(frame(n), result(n, boxes))
        n += 1
        if n % 64 == 0:
            writer.beat()


if __name__ == "__main__":
    main()
