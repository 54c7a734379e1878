"""Whether a camera that goes on delivering still shows the world: pictures and times that stand still or go back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MS, NS = 1_000_000, 1_000_000_000
# A step back of less is a decoder putting pictures in order, not a camera that started over.
LEAP_MS = 500.0
# Clocks of camera and computer drift apart: so much more delay a second is not a backlog (1000 ppm, crystals have 100).
DRIFT = 0.001
# So late, a picture is no longer worth waiting for: a new connection begins with the newest.
TOO_LATE_MS = 2000.0
_EVERY = 16  # of this many rows one is compared first


class FrozenPicture:
    """Finds a picture that is the same, pixel for pixel, for `frozen_s`; noise makes any two of a live sensor differ.

    Remembers across a new connection, so that a camera that comes back with the same picture is not back.
    """

    def __init__(self, frozen_s: float) -> None:
        self._frozen_ns = round(frozen_s * NS)
        self._last: npt.NDArray[np.uint8] | None = None
        self._since_ns = 0

    def see(self, image: npt.NDArray[np.uint8], now_ns: int) -> bool:
        """Whether the picture is frozen; never, where `frozen_s` is 0."""
        if not self._frozen_ns:
            return False
        if self._last is None or not _same(image, self._last):
            self._last, self._since_ns = image, now_ns
            return False
        return now_ns - self._since_ns >= self._frozen_ns


def _same(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> bool:
    """A few rows tell nearly always, which costs 20 µs for 1080p; only if they are alike the rest is looked at."""
    return np.array_equal(one[::_EVERY], other[::_EVERY]) and np.array_equal(one, other)


class StreamTime:
    """The presentation times of one connection, against the time at which they came.

    Not every camera states them: nothing is made of times before they have moved. `problem` says what is wrong with
    the camera; `behind_ms` how much later than others the newest picture came, which then had to wait in a buffer.
    """

    def __init__(self, stopped_s: float) -> None:
        self.problem: str | None = None
        self._stopped_ns = round(stopped_s * NS)
        self._reported_ms: float | None = None
        self._moves = False
        self._moved_ns = self._seen_ns = 0
        self._delay_ms = self._least_ms = 0.0
        self._usual_ms: float | None = None

    def see(self, reported_ms: float, now_ns: int) -> None:
        """The next picture of the connection, before anybody has it."""
        before_ms, self._reported_ms = self._reported_ms, reported_ms
        if before_ms is None or reported_ms > before_ms:
            self._moved_ns = now_ns
        elif reported_ms <= before_ms - LEAP_MS:
            self.problem = f"its time stamps went back by {(before_ms - reported_ms) / 1000:.1f} s"
        elif self._moves and self._stopped_ns and now_ns - self._moved_ns >= self._stopped_ns:
            self.problem = f"its time stamps stand still for {self._stopped_ns / NS:g} s"
        self._delay_ms = now_ns / MS - reported_ms
        drift_ms = DRIFT * (now_ns - self._seen_ns) / MS
        self._least_ms = min(self._delay_ms, self._least_ms + drift_ms) if self._moves else self._delay_ms
        if self._usual_ms is not None:
            self._usual_ms = min(self._delay_ms, self._usual_ms + drift_ms)
        self._moves = self._moves or (before_ms is not None and reported_ms > before_ms)
        self._seen_ns = now_ns

    @property
    def behind_ms(self) -> float:
        return self._delay_ms - (self._least_ms if self._usual_ms is None else self._usual_ms) if self._moves else 0.0

    def newest(self) -> None:
        """There is none newer, however late it is: the way has become longer, or the decoder does not keep up."""
        self._usual_ms = self._delay_ms
        if self._delay_ms - self._least_ms > TOO_LATE_MS:
            self.problem = f"its pictures come {(self._delay_ms - self._least_ms) / 1000:.1f} s late, later and later"
