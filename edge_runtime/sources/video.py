"""A video file, decoded picture by picture, with the stream's own times."""

from __future__ import annotations

from pathlib import Path

import cv2

from edge_runtime.config.schema import VideoSource
from edge_runtime.errors import SourceError

from .base import Closing, Picture, SourceInfo, Warnings
from .capture import as_bgr, open_capture, positive
from .not_video import why_not_video
from .pace import ASSUMED_FPS
from .timeline import Timeline

# OpenCV answers False both for a picture that does not decode and at the end of the stream; only reading on tells
# them apart, and reading on at the end costs microseconds.
MAX_FAILED_READS = 250
EXACT_COUNT = {".mp4", ".m4v", ".mov", ".avi"}  # containers that count their pictures; others estimate from duration


class VideoFile(Closing):
    """One video file, opened by the constructor; raises `SourceError` unless a first picture decodes.

    Every picture is an array of its own (measured: a reused buffer saves under 3 %). `t_stream_ns` starts at 0,
    follows the stream's presentation times and goes on increasing when `loop` starts the file again.
    """

    paced = False

    def __init__(self, block: VideoSource) -> None:
        self._path = Path(block.path).absolute()
        self._loop = block.loop
        self._warnings = Warnings()
        self._capture: cv2.VideoCapture | None = None
        self._first_pass = True
        capture = self._start_pass()
        fps = positive(capture, cv2.CAP_PROP_FPS, most=1000)
        pictures = positive(capture, cv2.CAP_PROP_FRAME_COUNT, most=1e9)
        if fps is None:
            self._warnings.add(f"{self._path.name}: states no frame rate; {ASSUMED_FPS:g} a second is assumed")
        self._timeline = Timeline(round(1e9 / (fps or ASSUMED_FPS)))
        self._pictures: int | None = int(pictures) if pictures else None
        self._pending: Picture | None = self._decode()
        if self._pending is None:
            self.close()
            raise SourceError(
                f"{self._path}: opens as a video, but not one picture decodes: it is truncated or damaged\n"
                "    try another player to see whether anything in it can be saved"
            )
        height, width = self._pending.image.shape[:2]
        self._info: SourceInfo = SourceInfo(fps, self._pictures, width, height)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings.texts

    def read(self) -> Picture | None:
        picture, self._pending = self._pending, None
        picture = picture or self._decode()
        if picture is None and self._loop and self._capture is not None:
            self._start_pass()
            self._timeline.restart()
            picture = self._decode()
        return picture

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _start_pass(self) -> cv2.VideoCapture:
        """Open the file (again: a fresh decoder is right after any damage, and costs 10 ms a loop)."""
        if self._capture is not None:
            self.close()
            self._first_pass = False
        capture = open_capture(str(self._path), cv2.CAP_FFMPEG)
        if reason := why_not_video(self._path, opened=capture.isOpened()):
            capture.release()
            raise SourceError(f"{self._path}: {reason}")
        self._capture = capture
        self._delivered = self._lost = 0
        self._pass_start_ns = self._longest_hole_ns = self._hole_before_ns = 0
        return capture

    def _decode(self) -> Picture | None:
        if self._capture is None:
            return None
        for failed in range(MAX_FAILED_READS):
            ok, image = self._capture.read()
            if ok:
                return self._placed(Picture(as_bgr(image, str(self._path)), None), failed)
            if self._pictures is not None and self._delivered + self._lost >= self._pictures:
                break
        self._report_end()
        return None

    def _placed(self, picture: Picture, failed: int) -> Picture:
        """The picture with its time, and a warning when some before it did not decode."""
        assert self._capture is not None
        expected_ns, repaired = self._timeline.next_ns, self._timeline.repaired
        t_ns = self._timeline.place(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        if self._delivered == 0:
            self._pass_start_ns = t_ns
        self._delivered += 1
        if t_ns - expected_ns > self._longest_hole_ns:
            self._longest_hole_ns, self._hole_before_ns = t_ns - expected_ns, t_ns
        if failed:
            lost = max(1, round((t_ns - expected_ns) / self._timeline.period_ns))
            self._lost += lost
            self._warn_at(t_ns, f"{lost} picture{'s' * (lost > 1)} before it did not decode: the file is damaged there")
        if repaired == 0 < self._timeline.repaired:
            self._warn_at(t_ns, "its presentation time is unusable; here and wherever it is, the frame rate is used")
        return picture._replace(t_stream_ns=t_ns)

    def _report_end(self) -> None:
        """Say so if the pass ended before what the container promised."""
        if self._pictures is None or self._delivered == 0:
            return
        missing = self._pictures - self._delivered - self._lost
        if missing <= (0 if self._path.suffix.lower() in EXACT_COUNT else max(2, self._pictures // 50)):
            return
        end_ns = self._timeline.next_ns - self._pass_start_ns
        period_ns = self._timeline.period_ns
        if end_ns < (self._pictures - 1) * period_ns or self._longest_hole_ns < period_ns / 2:
            self._warn(
                f"ended at {end_ns / 1e9:.2f} s, picture {self._delivered + self._lost} of {self._pictures}: "
                "the file is truncated or damaged from there"
            )
        else:
            hole_s = (self._hole_before_ns - self._pass_start_ns) / 1e9
            self._warn(
                f"only {self._delivered} of {self._pictures} pictures decoded, with the longest hole before "
                f"{hole_s:.2f} s: the file is damaged in between, or its frame rate varies"
            )

    def _warn_at(self, t_ns: int, text: str) -> None:
        at_s = (t_ns - self._pass_start_ns) / 1e9
        self._warn(f"at {at_s:.2f} s, picture {self._delivered + self._lost}: {text}")

    def _warn(self, text: str) -> None:
        if self._first_pass:
            self._warnings.add(f"{self._path.name}: {text}")
