"""`detections.jsonl`: one line a frame, and one PNG a mask (keys: docs of the documents the program writes)."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_runtime.config.schema import JsonlSink
from edge_runtime.core import ClassTable, Detections, Frame, FrameResult, Masks
from edge_runtime.errors import SinkError

from .base import SinkContext

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def boxes_document(detections: Detections, classes: ClassTable) -> dict[str, Any]:
    """The columns of one stage: pixels to two decimals, confidence to four, no track and no label is null."""
    names = classes.names
    class_id = detections.class_id.tolist()
    document: dict[str, Any] = {
        "xyxy": detections.xyxy.astype(np.float64).round(2).tolist(),
        "confidence": detections.confidence.astype(np.float64).round(4).tolist(),
        "class_id": class_id,
        "class_name": [names[index] for index in class_id],
        "track_id": [None if track < 0 else track for track in detections.track_id.tolist()],
    }
    if detections.label is not None:
        document["label"] = [None if label < 0 else names[label] for label in detections.label.tolist()]
    return document


def result_document(result: FrameResult, classes: ClassTable) -> dict[str, Any]:
    """One line, without its masks."""
    document: dict[str, Any] = {
        "frame_id": result.frame_id,
        "camera": result.camera,
        "t_capture_ns": result.t_capture_ns,
        "t_stream_ns": result.t_stream_ns,
        "latency_ms": round(result.latency_ms, 3),
        "point": result.point.name,
        "stages": {stage: boxes_document(found, classes) for stage, found in result.detections.items()},
    }
    if result.regions:
        document["regions"] = {
            stage: {"xyxy": [list(region.xyxy) for region in regions], "reason": [region.reason for region in regions]}
            for stage, regions in result.regions.items()
        }
    if result.error is not None:
        document["error"] = result.error
    return document


class JsonlFile:
    """Each line is one `os.write`, so a killed process leaves whole lines; a short write is cut back to the last one.

    Masks are written before the line that names them, 0 and 255 at the network's resolution, as
    `masks/STAGE/FRAME_CLASS.png` beside the file, with several cameras `masks/CAMERA/STAGE/…`. Any failure raises
    `SinkError` with the file and the cause.
    """

    def __init__(self, block: JsonlSink) -> None:
        self._path = block.path
        self._descriptor: int | None = None
        self.name = f"jsonl {block.path.name}"

    def open(self, context: SinkContext) -> None:
        self._path = context.folder / self._path
        self._classes = context.classes
        self._several = len(context.cameras) > 1
        self._size = 0
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be created: {error.strerror}") from error

    def write(self, frame: Frame, result: FrameResult) -> None:
        document = result_document(result, self._classes)
        if result.masks:
            document["masks"] = {
                stage: {
                    "xyxy": [round(float(edge), 2) for edge in masks.xyxy],
                    "png": self._write_masks(stage, masks, result),
                }
                for stage, masks in result.masks.items()
            }
        self._append(_encode(document).encode() + b"\n")

    def close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                os.close(descriptor)
            except OSError as error:  # a network file system may report a full disk only here
                raise SinkError(f"{self._path}: {error.strerror}") from error

    def _append(self, line: bytes) -> None:
        if self._descriptor is None:
            raise SinkError(f"{self._path}: is not open")
        try:
            written = os.write(self._descriptor, line)
            while written < len(line):  # the rest fails and says why, unless a signal cut the write short
                written += os.write(self._descriptor, line[written:])
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise SinkError(f"{self._path}: {error.strerror}; it ends after {self._size} bytes") from error
        self._size += written

    def _write_masks(self, stage: str, masks: Masks, result: FrameResult) -> dict[str, str]:
        """Write one PNG a class; their paths, relative to the file, by class name."""
        paths: dict[str, str] = {}
        for class_id, plane in zip(masks.class_id.tolist(), masks.planes, strict=True):
            name = self._classes[class_id]
            folder = Path("masks", result.camera) if self._several else Path("masks")
            relative = folder / Path(stage, f"{result.frame_id:08d}_{_file_name(name)}.png")
            target = self._path.parent / relative
            _, png = cv2.imencode(".png", plane * np.uint8(255), (cv2.IMWRITE_PNG_COMPRESSION, 1))
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(png.tobytes())
            except OSError as error:
                with suppress(OSError):
                    target.unlink()
                raise SinkError(f"{target}: {error.strerror}") from error
            paths[name] = relative.as_posix()
        return paths


def _file_name(class_name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", class_name)
