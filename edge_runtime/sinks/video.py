"""A video of what the pipeline saw and found."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.config.schema import VideoSink
from edge_runtime.core import Frame, FrameResult
from edge_runtime.core.opencv import quiet_opencv
from edge_runtime.errors import SinkError

from .base import SinkContext
from .draw import Image
from .overlay import Overlay

# Codecs by container, the best first; the OpenCV of PyPI has no H.264 encoder, a Jetson's has one.
CODECS = {".mp4": ("avc1", "mp4v"), ".mkv": ("H264", "mp4v"), ".avi": ("XVID", "MJPG")}
# OpenCV drops what does not fit on the disk without a word and an MP4 is worth nothing without its last bytes, so
# the file is finished while there is still room for them.
RESERVE_BYTES = 16 << 20


class Slots:
    """How often each picture stands in a video of constant rate, so that the video plays at true speed.

    A picture that comes before its time slot is left out and a slot without a picture repeats the one before it,
    for at most a second; a longer pause is cut.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._most = max(1, round(fps))
        self._origin_ns: int | None = None
        self._filled = 0

    def missing_before(self, t_ns: int) -> int:
        """-1: leave this picture out; otherwise how often the picture before it is to be repeated first."""
        if self._origin_ns is None:
            self._origin_ns = t_ns
        missing = round((t_ns - self._origin_ns) * self._fps / 1e9) - self._filled
        if missing > self._most:
            self._origin_ns += round((missing - self._most) * 1e9 / self._fps)
            missing = self._most
        self._filled += max(0, missing + 1)
        return max(-1, missing)


def per_camera(path: Path, camera: str | None) -> Path:
    """The video of one camera of several; None where there is one only."""
    return path if camera is None else path.with_stem(f"{path.stem}_{camera}")


class AnnotatedVideo:
    """Writes each result drawn on its frame; the first frame sets the size, and no frame at all leaves no file.

    The video's time is the stream's where there is one, else the time of capture. `close` reads the file back and
    raises `SinkError` when it does not hold what was written. With a `camera` its name is part of the file's.
    """

    def __init__(self, block: VideoSink, camera: str | None = None) -> None:
        self._path = per_camera(block.path, camera)
        self._fps = block.fps
        self._writer: cv2.VideoWriter | None = None
        self._written = 0
        self._last: Image | None = None
        self.name = f"video {block.path.name}"

    def open(self, context: SinkContext) -> None:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg asks for it once a process
        self._path = context.folder / self._path
        self._rate = self._fps or context.fps
        self._overlay = Overlay(context)
        self._slots = Slots(self._rate)
        if self._path.suffix.lower() not in CODECS:
            raise SinkError(
                f"{self._path}: cannot write {self._path.suffix or 'a name without ending'}\n"
                f"    use {', '.join(CODECS)}"
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be created: {error.strerror}") from error
        self._check_room()
        self._codec = self._first_working_codec()

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._writer is None:
            self._size = (frame.width & ~1, frame.height & ~1)  # encoders want even sides
            self._writer = self._new_writer(self._codec, self._size)
            if not self._writer.isOpened():
                raise SinkError(
                    f"{self._path}: no {self._codec} video of {self._size[0]} x {self._size[1]} can be written"
                )
        missing = self._slots.missing_before(result.t_capture_ns if result.t_stream_ns is None else result.t_stream_ns)
        picture = self._fitted(self._overlay.draw(frame, result))
        if missing < 0:
            return
        for image in [self._last] * missing + [picture]:
            self._append(picture if image is None else image)
        self._last = picture

    def close(self) -> None:
        if self._writer is None:
            return
        self._writer.release()
        self._writer = self._last = None
        with quiet_opencv():
            capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
            held = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
            capture.release()
        if held < self._written:
            raise SinkError(f"{self._path}: holds {max(0, held)} of {self._written} pictures; is the disk full?")

    def _append(self, picture: Image) -> None:
        assert self._writer is not None
        self._check_room()
        self._writer.write(picture)
        self._written += 1

    def _check_room(self) -> None:
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < RESERVE_BYTES:
            raise SinkError(
                f"{self._path}: the disk is full, less than {RESERVE_BYTES >> 20} MiB are left; "
                f"the video ends after {self._written} pictures"
            )

    def _fitted(self, picture: Image) -> Image:
        """Cut to even sides, or resized when the frame has another size than the first."""
        width, height = self._size
        if (picture.shape[1] & ~1, picture.shape[0] & ~1) == self._size:
            return np.ascontiguousarray(picture[:height, :width])
        return np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA), np.uint8)

    def _first_working_codec(self) -> str:
        try:
            for codec in CODECS[self._path.suffix.lower()]:
                writer = self._new_writer(codec, (640, 480))
                opened = writer.isOpened()
                writer.release()
                if opened:
                    return codec
        finally:
            with suppress(OSError):
                self._path.unlink()
        raise SinkError(f"{self._path}: this OpenCV ({cv2.__version__}) cannot write {self._path.suffix} videos")

    def _new_writer(self, codec: str, size: tuple[int, int]) -> cv2.VideoWriter:
        with quiet_opencv():
            return cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*codec), self._rate, size)
