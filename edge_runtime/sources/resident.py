"""Pictures of another source kept in memory, so that a benchmark measures no decoder."""

from __future__ import annotations

from .base import Closing, Picture, Source, SourceInfo
from .pace import ASSUMED_FPS


class ResidentPictures(Closing):
    """Reads up to `count` pictures of a source, which it owns, and gives them over and over for ever.

    Their stream times go on from round to round, at the source's rate.
    """

    paced = False
    warnings: tuple[str, ...] = ()

    def __init__(self, source: Source, count: int) -> None:
        self.pictures: list[Picture] = []
        self._info = source.info
        while len(self.pictures) < count and (picture := source.read()) is not None:
            self.pictures.append(picture)
        source.close()
        self._next = 0

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self) -> Picture:
        picture = self.pictures[self._next % len(self.pictures)]
        t_stream_ns = round(self._next * 1e9 / (self._info.fps or ASSUMED_FPS))
        self._next += 1
        return picture._replace(t_stream_ns=t_stream_ns)

    def close(self) -> None:
        """The source was closed when its pictures had been read."""
