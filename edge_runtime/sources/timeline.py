"""Presentation times as files really report them, made into one strictly increasing line."""

from __future__ import annotations

MAX_LEAP_NS = 10_000_000_000  # a longer hole between two pictures is a broken time stamp, not a pause


class Timeline:
    """Stream time of each picture, from 0, over damage and over loops.

    A reported time that stands still, runs backwards or leaps ahead by more than ten seconds is not believed: the
    picture comes one period after the one before it, is counted in `repaired`, and later reported times go on from
    there. The first time of a pass may be wrong: OpenCV takes the decoding time for a presentation time of 0, which
    is negative or late in a stream with B-pictures; the second picture then sets the line right.
    """

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.repaired = 0
        self._last_ns = -period_ns
        self._shift_ns = 0
        self._in_pass = 0
        self._first_reported_ns = 0

    @property
    def next_ns(self) -> int:
        """When the next picture is expected."""
        return self._last_ns + self.period_ns

    def restart(self) -> None:
        """The next picture is the first of another pass over the file."""
        self._in_pass = 0

    def place(self, reported_ms: float) -> int:
        """The stream time in nanoseconds of the picture whose reported time is `reported_ms`."""
        reported_ns = round(reported_ms * 1e6)
        expected_ns = self.next_ns
        if self._in_pass == 0:
            self._first_reported_ns = reported_ns
            self._shift_ns = expected_ns - reported_ns
        elif self._in_pass == 1 and (self._first_reported_ns < 0 or reported_ns <= self._first_reported_ns):
            self._shift_ns = expected_ns - reported_ns
        t_ns = reported_ns + self._shift_ns
        if not self._last_ns < t_ns <= self._last_ns + MAX_LEAP_NS:
            t_ns = expected_ns
            self.repaired += 1
        self._in_pass += 1
        self._last_ns = t_ns
        return t_ns
