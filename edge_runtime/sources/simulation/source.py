"""The source that paints a drive picture by picture."""

from __future__ import annotations

from edge_runtime.config.schema import SimulationSource
from edge_runtime.sources.base import Closing, Picture, SourceInfo

from .render import Renderer
from .scene import Drive


class SimulatedDrive(Closing):
    """The pictures of one drive, in order; with `loop` it starts again while its stream time goes on."""

    paced = False
    warnings: tuple[str, ...] = ()

    def __init__(self, block: SimulationSource) -> None:
        self.drive = Drive(block)
        self._renderer = Renderer(self.drive)
        self._fps, self._loop = block.fps, block.loop
        width, height = block.size
        self._info = SourceInfo(block.fps, self.drive.pictures, width, height)
        self._next = 0
        self._closed = False

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self) -> Picture | None:
        if self._closed or (self._next >= self.drive.pictures and not self._loop):
            return None
        index, self._next = self._next, self._next + 1
        place = index % self.drive.pictures
        return Picture(self._renderer.picture(place), round(index * 1e9 / self._fps), self.drive.speed_mps(place))

    def close(self) -> None:
        self._closed = True
