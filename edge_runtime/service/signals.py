"""Signals as things that happen, heard where they are waited for.

Not `sigtimedwait`: that needs them blocked in every thread, and libraries have started threads by then.
"""

from __future__ import annotations

import select
import signal
import socket
from collections import deque
from collections.abc import Iterable
from types import FrameType


def _noted(number: int, frame: FrameType | None) -> None:
    """The number has gone into the wake-up socket."""


class Signals:
    """Hears the signals `numbers` from now on; made and used by the main thread."""

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno())
        self._numbers = tuple(numbers)
        self._heard: deque[int] = deque()
        for number in self._numbers:
            signal.signal(number, _noted)

    def wait(self, timeout_s: float) -> signal.Signals | None:
        """The next signal, or None when none came in time."""
        if not self._heard and select.select([self._reader], [], [], timeout_s)[0]:
            self._heard.extend(number for number in self._reader.recv(64) if number in self._numbers)
        return signal.Signals(self._heard.popleft()) if self._heard else None
