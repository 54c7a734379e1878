"""Lines of two results paired by camera and frame, in one pass over each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from .compare_checks import Document

_Lines = deque[tuple[int, Document]]
# Of a line of results: its camera, and a number that rises from line to line of that camera.
Key = Callable[[Document], tuple[str, int]]
Pair = tuple[Document | None, Document | None]


def side_by_side(golden: Iterable[Document], now: Iterable[Document], golden_key: Key, now_key: Key) -> Iterator[Pair]:
    """Two results frame by frame; None where a side has no such frame.

    Cameras may take turns in another order on either side: a line waits until the other side has come so far.
    """
    lines, keys = (iter(golden), iter(now)), (golden_key, now_key)
    waiting = _Waiting()
    while not all(waiting.ended):
        for side in waiting.behind:
            line = next(lines[side], None)
            if line is None:
                waiting.ended[side] = True
            else:
                waiting.add(side, *keys[side](line), line)
            yield from waiting.settled()


class _Waiting:
    """Lines of both sides, golden and now, that have no partner yet, by camera."""

    def __init__(self) -> None:
        self.ended = [False, False]
        self._lines: dict[str, tuple[_Lines, _Lines]] = {}
        self._counts = [0, 0]

    @property
    def behind(self) -> list[int]:
        """The sides to read on: not the one that only waits for the other."""
        going_on = [side for side in (0, 1) if not self.ended[side]]
        first = [side for side in going_on if not self._counts[side]]
        return first or going_on

    def add(self, side: int, camera: str, number: int, line: Document) -> None:
        self._lines.setdefault(camera, (deque(), deque()))[side].append((number, line))
        self._counts[side] += 1

    def settled(self) -> Iterator[Pair]:
        """What needs to wait no longer."""
        for both in self._lines.values():
            while (sides := self._next(*both)) is not None:
                for side in sides:
                    self._counts[side] -= 1
                golden, now = (both[side].popleft()[1] if side in sides else None for side in (0, 1))
                yield golden, now

    def _next(self, golden: _Lines, now: _Lines) -> tuple[int, ...] | None:
        """The sides whose oldest line comes next; None where there is none, or one may have a partner to come."""
        if golden and now:
            first, second = golden[0][0], now[0][0]
            return (0, 1) if first == second else (0,) if first < second else (1,)
        if golden:
            return (0,) if self.ended[1] else None
        return (1,) if now and self.ended[0] else None
