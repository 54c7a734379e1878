"""Small videos and damage to them, for the tests of the sources."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}


def write_video(
    path: Path, pictures: int = 50, fps: float = 25.0, size: tuple[int, int] = (160, 120), codec: str = ""
) -> Path:
    """Picture i is a colourful noise with its top left quarter at grey level 5 * i."""
    fourcc = cv2.VideoWriter.fourcc(*(codec or CODECS[path.suffix]))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, size)
    assert writer.isOpened()
    rng = np.random.default_rng(0)
    for index in range(pictures):
        picture = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), size)
        picture[: size[1] // 2, : size[0] // 2] = 5 * index % 256
        writer.write(picture)
    writer.release()
    return path


def cut(source: Path, target: Path, share: float) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def damage(source: Path, target: Path, *, seed: int, count: int = 0, hole: tuple[float, float] | None = None) -> Path:
    """Overwrite `count` random bytes after the first tenth, and the `hole` (shares of the file) with zeros."""
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(len(data) // 10, len(data), count):
        data[at] = int(rng.integers(0, 256))
    if hole is not None:
        start, end = (int(len(data) * share) for share in hole)
        data[start:end] = bytes(end - start)
    target.write_bytes(data)
    return target


def rotate_mp4(path: Path) -> Path:
    """Give the video track the display matrix of a telephone held upright (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 36  # after version/flags, version 0: 36 bytes up to the matrix
    one = 0x10000
    values = (0, one, 0, -one & 0xFFFFFFFF, 0, 0, 0, 0, 0x40000000)
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big") for value in values)
    path.write_bytes(data)
    return path
