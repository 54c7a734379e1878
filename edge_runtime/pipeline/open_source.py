"""The source that a pipeline's `source:` block describes: pictures of the outside world, or of a drive that is over."""

from __future__ import annotations

from edge_runtime import sources
from edge_runtime.config.schema import RecordingSource, Source
from edge_runtime.recording.reader import RecordedFrame, Recording
from edge_runtime.sources.base import Closing, Picture
from edge_runtime.sources.base import Source as OpenSource
from edge_runtime.sources.pace import ASSUMED_FPS

from .decode_ahead import decoded
from .drive import Drive, RecordedDrive


def open_source(block: Source, *, waits: bool = False) -> OpenSource:
    """Opened. Raises `SourceError`; with `waits` a camera may be absent, unless the file says otherwise."""
    if isinstance(block, RecordingSource):
        return DrivePictures(RecordedDrive(Recording(block.path)), loop=block.loop)
    return sources.open_source(block, waits=waits)


class DrivePictures(Closing):
    """The pictures of a drive, with the speed at each; `loop` goes round with a stream time that goes on.

    Frames whose picture was left out are not shown; `warnings` says how many.
    """

    paced = False

    def __init__(self, drive: Drive, *, loop: bool = False) -> None:
        self.info = drive.info
        self._drive, self._loop = drive, loop
        self._left_out = 0
        self._first_ns: int | None = None
        self._shift_ns = self._last_ns = 0
        self._entries = decoded(drive.entries())

    @property
    def warnings(self) -> tuple[str, ...]:
        left_out = (f"{self._left_out} frames of the recording lack their picture",) if self._left_out else ()
        return (*self._drive.warnings, *left_out)

    def read(self) -> Picture | None:
        picture = self._next()
        if picture is None and self._loop and self._first_ns is not None:
            self._shift_ns = self._last_ns + round(1e9 / (self.info.fps or ASSUMED_FPS))
            self._first_ns, self._entries = None, decoded(self._drive.entries())
            picture = self._next()
        return picture

    def close(self) -> None:
        self._entries, self._loop = iter(()), False

    def _next(self) -> Picture | None:
        for frame, image in self._entries:
            if not isinstance(frame, RecordedFrame):
                continue
            if image is None:
                self._left_out += frame.fate == "published"
                continue
            if self._first_ns is None:
                self._first_ns = frame.t_capture_ns
            self._last_ns = frame.t_capture_ns - self._first_ns + self._shift_ns
            return Picture(image, self._last_ns, frame.ego_speed_mps)
        return None
