"""When a run whose sinks have ended should make way for a new one, which opens them again."""

from __future__ import annotations

from collections.abc import Sequence

FIRST_NS, MOST_NS = 60_000_000_000, 3_600_000_000_000


class Resumption:
    """Sinks that end again and again are opened less and less often: after 1, 2, 4, … 60 minutes.

    An hour without one that ended, and it begins anew.
    """

    def __init__(self) -> None:
        self._wait_ns = 0
        self._next_ns = 0
        self._well_since_ns: int | None = None

    def due(self, ended: Sequence[str], now_ns: int, *, has_room: bool) -> bool:
        """Told about once a minute which sinks have ended; True when a new run should try again.

        As long as the disk has no room there is nothing to try.
        """
        if not ended:
            if self._well_since_ns is None:
                self._well_since_ns = now_ns
            if now_ns - self._well_since_ns >= MOST_NS:
                self._wait_ns = 0
            return False
        self._well_since_ns = None
        if not has_room or now_ns < self._next_ns:
            return False
        self._wait_ns = min(max(FIRST_NS, 2 * self._wait_ns), MOST_NS)
        self._next_ns = now_ns + self._wait_ns
        return True
