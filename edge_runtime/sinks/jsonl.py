"""`detections.jsonl`: one line a frame, and one PNG a mask (its keys: `document`)."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.config.schema import JsonlSink
from edge_runtime.core import Frame, FrameResult, Masks
from edge_runtime.errors import SinkError

from .base import SinkContext
from .document import encode, result_document


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
        self._append(encode(document).encode() + b"\n")

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
