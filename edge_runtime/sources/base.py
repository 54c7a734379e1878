"""What every source of pictures offers to the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt


class Picture(NamedTuple):
    """A decoded picture before the source thread stamps it: (H, W, 3) uint8 BGR, and its time in the stream."""

    image: npt.NDArray[np.uint8]
    t_stream_ns: int | None


@dataclass(frozen=True)
class SourceInfo:
    """What is known before the first picture; None where the source cannot tell."""

    fps: float | None
    pictures: int | None
    width: int | None
    height: int | None


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
        """The next picture, or None at the end. Raises `SourceError` when the source failed for good."""
        ...

    def close(self) -> None: ...
