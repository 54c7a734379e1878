"""The hand-over from cameras to the pipeline: room for one frame of each, and the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from edge_runtime.core import Clock

T = TypeVar("T")

# Of the interval between a camera's frames: so much of it a frame may be late and is still worth waiting for.
_LATE = 0.25
# Smoothing of that interval.
_GAIN = 1 / 8


class NewestSlot(Generic[T]):
    """Holds at most one item between one writer and one reader.

    `put` never waits: it replaces what nobody took and counts it in `overwritten`; with `wait=True` it waits for the
    reader instead and loses nothing. It returns False when the slot is closed: the item was not taken over. After
    `close` the reader still gets what is inside, then None.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.overwritten = 0

    def put(self, item: T, wait: bool = False) -> bool:
        with self._changed:
            while wait and self._item is not None and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            if self._item is not None:
                self.overwritten += 1
            self._item = item
            self._changed.notify_all()
            return True

    def take(self) -> T | None:
        """Wait for the newest item; None when the slot is closed and empty."""
        with self._changed:
            while self._item is None and not self._closed:
                self._changed.wait()
            return self._taken()

    def take_round(self) -> list[T]:
        """The newest item as a round of one; empty when the slot is closed and empty."""
        item = self.take()
        return [] if item is None else [item]

    def _taken(self) -> T | None:
        item, self._item = self._item, None
        self._changed.notify_all()
        return item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class HandOver(NewestSlot[T]):
    """Takes the place of the slot where one thread both reads and works: what is put is worked on at once.

    `work` is set before the first `put` and takes rounds of one. Nothing is ever inside.
    """

    work: Callable[[list[T]], None]

    def put(self, item: T, wait: bool = False) -> bool:
        if self._closed:
            return False
        self.work([item])
        return True

    def take(self) -> T | None:
        return None


class _CameraSlot(NewestSlot[T]):
    """The slot of one camera of several, which knows when that camera's next frame is due."""

    def __init__(self, changed: threading.Condition, clock: Clock) -> None:
        super().__init__()
        self._changed, self._clock = changed, clock
        self._put_ns: int | None = None
        self._interval_ns: float | None = None

    def put(self, item: T, wait: bool = False) -> bool:
        with self._changed:
            now_ns = self._clock.now_ns()
            if self._put_ns is not None:
                took_ns = now_ns - self._put_ns
                if self._interval_ns is None:
                    self._interval_ns = took_ns
                self._interval_ns += _GAIN * (min(took_ns, 2 * self._interval_ns) - self._interval_ns)
            self._put_ns = now_ns
            return super().put(item, wait)

    @property
    def empty(self) -> bool:
        """Whether nothing is inside and something may come."""
        return self._item is None and not self._closed

    def due_ns(self, until_ns: int) -> int | None:
        """Until when its next frame is worth waiting for; None when it is not expected by `until_ns`."""
        if self._item is not None or self._closed or self._put_ns is None or self._interval_ns is None:
            return None
        expected_ns = self._put_ns + round(self._interval_ns)
        return min(until_ns, expected_ns + round(_LATE * self._interval_ns)) if expected_ns <= until_ns else None


class NewestSlots(Generic[T]):
    """A `NewestSlot` for each of several cameras (`of_camera`); a round takes the newest of each at once.

    So no camera is served twice before another that has something is served once. A round begins when one camera has
    something, and waits for others up to `window_ns`, but only for those whose next frame is due by then: one that is
    dead or slow holds nobody up. With `in_step` it waits for all that have not ended, as files replayed fast do.
    """

    def __init__(self, cameras: Iterable[str], *, window_ns: int, in_step: bool, clock: Clock) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._window_ns, self._in_step, self._clock = window_ns, in_step, clock
        self.of_camera = {camera: _CameraSlot[T](self._changed, clock) for camera in cameras}

    @property
    def overwritten(self) -> int:
        return sum(slot.overwritten for slot in self.of_camera.values())

    def take_round(self) -> list[T]:
        """Wait for a round, in the order of the cameras; empty when every slot is closed and empty."""
        slots = self.of_camera.values()
        with self._changed:
            while all(slot._item is None for slot in slots) and any(slot.empty for slot in slots):
                self._changed.wait()
            if self._in_step:
                while any(slot.empty for slot in slots):
                    self._changed.wait()
            else:
                self._wait_for_others()
            return [item for slot in slots if (item := slot._taken()) is not None]

    def _wait_for_others(self) -> None:
        until_ns = self._clock.now_ns() + self._window_ns
        while True:
            due_ns = max(
                (due for slot in self.of_camera.values() if (due := slot.due_ns(until_ns)) is not None), default=0
            )
            left_ns = due_ns - self._clock.now_ns()
            if left_ns <= 0:
                return
            self._changed.wait(left_ns / 1e9)

    def close(self) -> None:
        for slot in self.of_camera.values():
            slot.close()
