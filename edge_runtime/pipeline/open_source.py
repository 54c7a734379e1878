"""The source that a pipeline's `source:` block describes: pictures of the outside world, or of a drive that is over."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from edge_runtime import sources
from edge_runtime.config.schema import RecordingSource, Source
from edge_runtime.core import SystemClock
from edge_runtime.recording.images import Image
from edge_runtime.recording.reader import Entry, RecordedFrame, Recording
from edge_runtime.sources.base import Closing, Picture
from edge_runtime.sources.base import Source as OpenSource
from edge_runtime.sources.pace import ASSUMED_FPS
from edge_runtime.sources.reconnect import Reconnecting

from .decode_ahead import decoded
from .drive import Drive, RecordedDrive, camera_of

# Cameras are opened all at once. One of several that has not opened after so long is left to its own thread: the others
# begin without it, and it joins them when it is there.
OPENING_S = 3.0


def open_source(block: Source, *, waits: bool = False, later: bool = False) -> OpenSource:
    """Opened. Raises `SourceError`; with `waits` a camera may be absent, unless the file says otherwise.

    With `later` a camera is not opened yet: its `open` does, or the first who reads.
    """
    if isinstance(block, RecordingSource):
        recording = Recording(block.path)
        camera = camera_of(recording, block.camera)
        return DrivePictures(RecordedDrive(recording, camera), camera, loop=block.loop)
    return sources.open_source(block, waits=waits, later=later)


def open_sources(
    blocks: Sequence[Source], *, waits: bool, given: Mapping[str, OpenSource] | None = None
) -> dict[str, OpenSource]:
    """The source of every camera, by its name; `given` ones are taken as they are.

    Raises `SourceError`, with nothing left open that was opened here.
    """
    given = given or {}
    opened: dict[str, OpenSource] = {}
    several = len(blocks) > 1
    with ExitStack() as opening:
        for block in blocks:
            if block.camera in given:
                opened[block.camera] = given[block.camera]
                continue
            opened[block.camera] = open_source(block, waits=waits, later=several)
            opening.callback(opened[block.camera].close)
        if several:
            _open_at_once([each for each in opened.values() if isinstance(each, Reconnecting)])
        opening.pop_all()
    return opened


def _open_at_once(cameras: Sequence[Reconnecting]) -> None:
    errors: list[BaseException] = []

    def begin(camera: Reconnecting) -> None:
        try:
            camera.open()
        except BaseException as error:  # for the thread that waits for this one
            errors.append(error)

    clock = SystemClock()
    until_ns = clock.now_ns() + round(OPENING_S * 1e9)
    threads = [threading.Thread(target=begin, args=(each,), name="opens a camera", daemon=True) for each in cameras]
    for thread in threads:
        thread.start()
    for camera, thread in zip(cameras, threads, strict=True):
        thread.join(max(0.0, (until_ns - clock.now_ns()) / 1e9) if camera.waits else None)
    if errors:
        raise errors[0]


class DrivePictures(Closing):
    """The pictures of one camera of a drive, with the speed at each; `loop` goes round with a stream time that goes on.

    Stream time begins with the drive's first picture, whichever camera's that is: cameras keep their distance in time.
    Frames whose picture was left out are not shown; `warnings` says how many.
    """

    paced = False

    def __init__(self, drive: Drive, camera: str, *, loop: bool = False) -> None:
        self.info = replace(drive.infos[camera], one_clock=True)
        self._drive, self._camera, self._loop = drive, camera, loop
        self._left_out = 0
        self._origin_ns = drive.first_ns
        self._last_ns: int | None = None
        self._frames = self._from_beginning()

    @property
    def warnings(self) -> tuple[str, ...]:
        left_out = (f"{self._left_out} frames of the recording lack their picture",) if self._left_out else ()
        return (*self._drive.warnings, *left_out)

    def read(self) -> Picture | None:
        picture = self._next()
        if picture is None and self._loop and self._last_ns is not None:
            self._origin_ns, self._frames = None, self._from_beginning()
            picture = self._next()
        return picture

    def close(self) -> None:
        self._frames, self._loop = iter(()), False

    def _from_beginning(self) -> Iterator[tuple[Entry, Image | None]]:
        own = (one for one in self._drive.entries() if isinstance(one, RecordedFrame) and one.camera == self._camera)
        return decoded(own)

    def _next(self) -> Picture | None:
        for frame, image in self._frames:
            assert isinstance(frame, RecordedFrame)
            if image is None:
                self._left_out += frame.fate == "published"
                continue
            if self._origin_ns is None:  # a round begins one picture after the one before ended
                after_ns = (self._last_ns or 0) + round(1e9 / (self.info.fps or ASSUMED_FPS))
                self._origin_ns = frame.t_capture_ns - after_ns
            self._last_ns = frame.t_capture_ns - self._origin_ns
            return Picture(image, self._last_ns, frame.ego_speed_mps)
        return None
