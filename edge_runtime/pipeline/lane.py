"""A worker thread that runs calls in the order in which they were handed over."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class Lane:
    """One thread for the calls of one network. Unbounded, yet never longer than the ring of the engine it serves."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._abandoned = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call

    def abandon(self) -> None:
        """The call that runs now will never come back: `close` does not wait for it."""
        self._abandoned = True

    def close(self) -> None:
        """Run what was handed over, then end the thread. May be called twice."""
        self._calls.put(None)
        if not self._abandoned:
            self._thread.join()
