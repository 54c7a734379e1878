"""The hand-over from a camera to the pipeline: room for one, and the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


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
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class HandOver(NewestSlot[T]):
    """Takes the place of the slot where one thread both reads and works: what is put is worked on at once.

    `work` is set before the first `put`. Nothing is ever inside.
    """

    work: Callable[[T], None]

    def put(self, item: T, wait: bool = False) -> bool:
        if self._closed:
            return False
        self.work(item)
        return True

    def take(self) -> T | None:
        return None
