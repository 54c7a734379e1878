"""What every source of pictures offers to the pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import SourceError

Self = TypeVar("Self", bound="Closing")


class CameraAway(SourceError):
    """A camera that is not there, or gives no picture now, and may come back."""


class Picture(NamedTuple):
    """A decoded picture before the source thread stamps it: (H, W, 3) uint8 BGR, and its time in the stream.

    `ego_speed_mps` is the speed at this picture where the source knows it; the pipeline file's then does not count.
    """

    image: npt.NDArray[np.uint8]
    t_stream_ns: int | None
    ego_speed_mps: float | None = None


@dataclass(frozen=True)
class SourceInfo:
    """What is known before the first picture; None where the source cannot tell.

    With `one_clock` its stream times count from a moment that it shares with other such sources: the beginning of a
    drive.
    """

    fps: float | None
    pictures: int | None
    width: int | None
    height: int | None
    one_clock: bool = False


class Source(Protocol):
    """Pictures one after another, read by one thread. `with` owns the device or file; `close()` may be called twice.

    `paced` is True when pictures arrive by themselves at the source's rate (a camera); a file is not paced, and the
    pipeline waits for each picture's time when its `pace` is live.
    """

    paced: bool

    @property
    def info(self) -> SourceInfo: ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong so far without ending the stream, each with its position."""
        ...

    def read(self) -> Picture | None:
        """The next picture, or None at the end. Raises `SourceError` when the source failed for good, and
        `CameraAway` when it has no picture now: read again.
        """
        ...

    def close(self) -> None: ...


class Closing(ABC):
    """`with` for a source: leaving the block closes it."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...


class Warnings:
    """The warnings of one source in the order they came: each text once, at most `LIMIT` of them."""

    LIMIT = 20

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._left_out = 0

    def add(self, text: str) -> None:
        if text in self._texts:
            return
        if len(self._texts) < self.LIMIT:
            self._texts[text] = None
        else:
            self._left_out += 1

    @property
    def texts(self) -> tuple[str, ...]:
        more = (f"and {self._left_out} more warnings",) if self._left_out else ()
        return (*self._texts, *more)
