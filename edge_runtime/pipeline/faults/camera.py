"""Faults of the camera: pictures that do not come, come at the wrong time, or come damaged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import CameraFault, CameraGapFault, CorruptFrameFault, JitterFault
from edge_runtime.core import Clock
from edge_runtime.sources.base import CameraAway, Closing, Picture, Source, SourceInfo

from .tally import Tally

Image = npt.NDArray[np.uint8]

# JPEG and video codecs break in blocks of this side, and a decoder fills what is missing with this grey.
BLOCK, GREY = 16, 128
# A picture never comes before the one before it.
_APART_NS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture that comes: when, and what is to be done to it."""

    t_ns: int
    damage: Callable[[Image], Image] | None

    def damaged(self, image: Image) -> Image:
        return image if self.damage is None else self.damage(image)


class CameraFaults:
    """Told the time of every picture in its order, says what becomes of it; the same faults do the same every time."""

    def __init__(self, faults: Sequence[tuple[CameraFault, Tally]]) -> None:
        self._faults = faults
        self._chance = [
            np.random.default_rng((0 if isinstance(fault, CameraGapFault) else fault.seed, place))
            for place, (fault, _) in enumerate(faults)
        ]
        self._first_ns: int | None = None
        self._last_ns: int | None = None

    def see(self, t_ns: int) -> Shot:
        """Raises `CameraAway` when the picture does not come."""
        self._first_ns = t_ns if self._first_ns is None else self._first_ns
        moved_ns, damages = t_ns, list[int]()
        on = [each for each in zip(self._faults, self._chance, strict=True) if each[0][0].holds(t_ns - self._first_ns)]
        for (fault, tally), _ in on:
            if isinstance(fault, CameraGapFault):
                tally.add("pictures_left_out")
                raise CameraAway(f"the fault {fault.text} is on")
        for (fault, tally), chance in on:
            if isinstance(fault, JitterFault):
                moved_ns += round(chance.normal(0.0, fault.std_ms) * 1e6)
                tally.add("times_moved")
            elif isinstance(fault, CorruptFrameFault) and chance.random() < fault.share:
                damages.append(int(chance.integers(2**63)))
                tally.add("pictures_damaged")
        earliest_ns = self._first_ns if self._last_ns is None else self._last_ns + _APART_NS
        self._last_ns = moved_ns = max(moved_ns, earliest_ns)
        return Shot(moved_ns, _all_of(damages) if damages else None)


class FaultySource(Closing):
    """A source with faults; owns it. A file's picture is moved in the stream, a camera's can only come late."""

    def __init__(self, source: Source, faults: CameraFaults, clock: Clock) -> None:
        self.paced = source.paced
        self._source, self._faults, self._clock = source, faults, clock
        self._closed = threading.Event()

    @property
    def info(self) -> SourceInfo:
        return self._source.info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._source.warnings

    def read(self) -> Picture | None:
        picture = self._source.read()
        if picture is None:
            return None
        now_ns = self._clock.now_ns()
        t_ns = now_ns if picture.t_stream_ns is None else picture.t_stream_ns
        shot = self._faults.see(t_ns)
        if self.paced:
            self._clock.wait_until_ns(now_ns + shot.t_ns - t_ns, self._closed)
        if picture.t_stream_ns is not None:
            picture = picture._replace(t_stream_ns=shot.t_ns)
        return picture._replace(image=shot.damaged(picture.image))

    def close(self) -> None:
        self._closed.set()
        self._source.close()


def _all_of(seeds: Sequence[int]) -> Callable[[Image], Image]:
    def damage(image: Image) -> Image:
        for seed in seeds:
            image = damaged(image, np.random.default_rng(seed))
        return image

    return damage


def damaged(image: Image, chance: np.random.Generator) -> Image:
    """A copy with a few blocks of noise in it, or grey from a block of some row on, as a file that was cut off."""
    image = image.copy()
    rows, columns = -(-image.shape[0] // BLOCK), -(-image.shape[1] // BLOCK)
    if chance.random() < 0.5:
        row, column = int(chance.integers(rows)), int(chance.integers(columns))
        top = row * BLOCK
        image[top : top + BLOCK, column * BLOCK :] = GREY
        image[top + BLOCK :] = GREY
        return image
    for _ in range(max(1, rows * columns // 8)):
        top, left = int(chance.integers(rows)) * BLOCK, int(chance.integers(columns)) * BLOCK
        block = image[top : top + BLOCK, left : left + BLOCK]
        block[:] = chance.integers(0, 256, block.shape, np.uint8)
    return image
