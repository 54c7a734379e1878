"""Frames and results for the tests of the sinks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_runtime.core import COCO, ClassTable, Detections, Frame, FrameResult, Masks, OperatingPoint
from edge_runtime.sinks.base import SinkContext


def context(folder: Path, fps: float = 25.0, shown: tuple[str, ...] = ("tracked", "lanes"), **keys) -> SinkContext:
    return SinkContext(folder, ClassTable((*COCO, "drivable area")), shown, fps, **keys)


def frame(index: int = 0, size: tuple[int, int] = (320, 240), level: int = 90) -> Frame:
    return Frame(index, "front", index * 40_000_000, np.full((size[1], size[0], 3), level, np.uint8))


def result(
    index: int = 0, *, boxes: bool | Detections = True, masks: Masks | None = None, camera: str = "front", **keys
) -> FrameResult:
    found = Detections.of([[100, 80, 160, 120.126], [5, 200, 15, 208]], [0.87654, 0.4], [2, 0], [12, -1])
    if isinstance(boxes, Detections):
        found = boxes
    return FrameResult(
        frame_id=index,
        camera=camera,
        t_capture_ns=index * 40_000_000,
        latency_ms=37.1239,
        point=OperatingPoint(),
        detections={"tracked": found} if boxes is not False else {},
        masks={"lanes": masks} if masks else {},
        **keys,
    )


def triangle() -> Masks:
    plane = np.tri(40, 60, dtype=np.uint8)
    return Masks(np.stack([plane, np.zeros_like(plane)]), np.array([80, 2], np.int32), (0.0, 120.0, 320.0, 240.0))
