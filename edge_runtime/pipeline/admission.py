"""When to take the next frame, so that it is as fresh as it can be and the networks still never wait for it.

A ring of two would take a frame as soon as an entry is free and let it grow old behind the one in the networks. While
frames come faster than they can be done, the frame that is taken just before the networks become free is younger by
almost a whole network time, at the same throughput.
"""

from __future__ import annotations

import threading

# Smoothing of the estimates and the weight of their deviation, as TCP times its retransmissions (RFC 6298).
_MEAN_GAIN, _DEVIATION_GAIN, _DEVIATIONS = 1 / 8, 1 / 4, 2.0


class Estimate:
    """A smoothed duration and its mean deviation, in nanoseconds."""

    def __init__(self) -> None:
        self.mean: float | None = None
        self.deviation = 0.0

    def add(self, value: float) -> None:
        if self.mean is None:
            self.mean, self.deviation = value, value / 2
            return
        self.deviation += _DEVIATION_GAIN * (abs(value - self.mean) - self.deviation)
        self.mean += _MEAN_GAIN * (value - self.mean)


class Admission:
    """Predicts when the frame in the networks will be done and from that when its successor is due.

    The front thread reports `launched`, the back thread `finished`; time arrives as data. Errs on the early side: the
    frame ahead is expected two deviations sooner than usual and the preparation two deviations longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead = Estimate()
        self._preparation = Estimate()
        self._in_flight = 0
        self._head_since_ns = 0

    def due_ns(self) -> int | None:
        """When to take the next frame; None means at once."""
        with self._lock:
            if not self._in_flight or self._ahead.mean is None or self._preparation.mean is None:
                return None
            ahead = self._ahead.mean - _DEVIATIONS * self._ahead.deviation
            preparation = self._preparation.mean + _DEVIATIONS * self._preparation.deviation
            return self._head_since_ns + int(ahead - preparation)

    def launched(self, taken_ns: int, now_ns: int) -> None:
        """A frame taken at `taken_ns` has all its networks enqueued."""
        with self._lock:
            self._preparation.add(now_ns - taken_ns)
            if not self._in_flight:
                self._head_since_ns = now_ns
            self._in_flight += 1

    def finished(self, now_ns: int) -> None:
        """The frame ahead of all others is done; the one behind it, if any, now has the networks to itself."""
        with self._lock:
            self._ahead.add(now_ns - self._head_since_ns)
            self._in_flight -= 1
            self._head_since_ns = now_ns
