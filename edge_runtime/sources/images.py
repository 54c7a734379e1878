"""A folder of pictures, shown one after another at a rate."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import ImagesSource
from edge_runtime.errors import SourceError

from .base import Closing, Picture, SourceInfo, Warnings

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

# How a file starts and what stands near its end. OpenCV decodes half a JPEG without a complaint, the rest grey.
_ENDINGS = ((b"\xff\xd8", b"\xff\xd9"), (b"\x89PNG", b"IEND"))


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: img2 before img10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts if part]


class ImageFolder(Closing):
    """The pictures of one folder in natural name order, listed once at the start.

    Each has its place in time, index / fps, so a picture that does not decode leaves its place empty; it is skipped
    and named in the warnings. Raises `SourceError` for a folder without one readable picture.
    """

    paced = False

    def __init__(self, block: ImagesSource) -> None:
        self._folder = Path(block.path).absolute()
        self._fps = block.fps
        self._loop = block.loop
        self._warnings = Warnings()
        self._files = _pictures_in(self._folder)
        self._next = 0
        self._pending = self._next_readable()
        if self._pending is None:
            raise SourceError(
                f"{self._folder}: not one of its {len(self._files)} pictures can be read\n    {self.warnings[0]}"
            )
        height, width = self._pending.image.shape[:2]
        self._info = SourceInfo(self._fps, len(self._files), width, height)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings.texts

    def read(self) -> Picture | None:
        if self._pending is not None:
            picture, self._pending = self._pending, None
            return picture
        return self._next_readable()

    def close(self) -> None:
        self._files = []
        self._pending = None

    def _next_readable(self) -> Picture | None:
        """The next picture that decodes; None at the end, or after one whole round without any."""
        for _ in range(len(self._files)):
            index = self._next
            if index >= len(self._files) and not self._loop:
                return None
            self._next += 1
            path = self._files[index % len(self._files)]
            image, trouble = load_picture(path)
            if image is not None:
                return Picture(image, round(index * 1e9 / self._fps))
            self._warnings.add(f"{path.name}: skipped, {trouble}")
        return None


def _pictures_in(folder: Path) -> list[Path]:
    if not folder.exists():
        raise SourceError(f"{folder}: no such folder\n    path: names a folder of pictures")
    if not folder.is_dir():
        raise SourceError(
            f"{folder}: is a file, not a folder\n    path: names a folder of pictures; a video wants kind: video"
        )
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read: {error.strerror}") from error
    if not files:
        raise SourceError(f"{folder}: holds no pictures\n    looked for {', '.join(SUFFIXES)}, not in sub-folders")
    return sorted(files, key=lambda path: natural_key(path.name))


def load_picture(path: Path) -> tuple[npt.NDArray[np.uint8] | None, str]:
    """The picture as (H, W, 3) BGR, or None and what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"
    for start, end in _ENDINGS:
        if data.startswith(start) and data.rfind(end) < len(data) // 2:
            return None, "it is cut off"
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        image = None
    if image is None:
        return None, "it does not decode" if data else "it is empty"
    return np.asarray(image, np.uint8), ""
