"""One camera for several runs, one after the other: a pipeline that is swapped hands its open source on."""

from __future__ import annotations

import threading

from edge_runtime.sources.base import Picture, Source, SourceInfo


class Leg:
    """A source as one run sees it. The first leg reads from the beginning; a later one when the leg before hands on.

    Every picture goes to exactly one leg: one that was being read when the source was handed on goes to the next.
    Closing a leg closes the source, unless it is another leg's turn.
    """

    def __init__(self, source: Source, *, first: bool = True) -> None:
        self.paced = source.paced
        self._source = source
        self._lock = threading.Lock()
        self._turn = threading.Event()
        self._next: Leg | None = None
        self._given: Picture | None = None
        self._closed = self._ended = False
        if first:
            self._turn.set()

    def successor(self) -> Leg:
        """A leg over the same source whose turn has not come: its `read` waits."""
        return Leg(self._source, first=False)

    def hand_on(self, leg: Leg) -> None:
        """Read no more: what is being read now, and all that follows, is for `leg`."""
        with self._lock:
            self._next = leg

    def end(self) -> None:
        """Read no more: no leg comes after this one."""
        self._ended = True

    def take(self, picture: Picture | None = None) -> None:
        """It is this leg's turn; `picture` was read before it came."""
        if picture is not None:
            self._given = picture
        self._turn.set()

    @property
    def info(self) -> SourceInfo:
        return self._source.info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._source.warnings

    def read(self) -> Picture | None:
        self._turn.wait()
        if self._closed or self._ended:
            return None
        if (given := self._given) is not None:
            self._given = None
            return given
        picture = None if self._next is not None else self._source.read()
        with self._lock:
            if self._next is None:
                return picture
        self._next.take(picture)
        return None

    def close(self) -> None:
        if self._turn.is_set() and not self._closed and self._next is None:
            self._source.close()
        self._closed = True
        self._turn.set()
