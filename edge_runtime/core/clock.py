"""The one file that reads a clock. Everything else receives time as data or a `Clock` as an argument."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time in nanoseconds, and waiting for it."""

    def now_ns(self) -> int: ...

    def thread_cpu_ns(self) -> int:
        """CPU time that the calling thread has used."""
        ...

    def wait_until_ns(self, due_ns: int, stop: threading.Event) -> bool:
        """Wait until `due_ns` or until `stop` is set; returns False when stopped."""
        ...


class SystemClock:
    """CLOCK_MONOTONIC of this machine."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def thread_cpu_ns(self) -> int:
        return time.thread_time_ns()

    def wait_until_ns(self, due_ns: int, stop: threading.Event) -> bool:
        remaining_s = (due_ns - time.monotonic_ns()) / 1e9
        if remaining_s > 0:
            return not stop.wait(remaining_s)
        return not stop.is_set()


def unix_ns() -> int:
    """Time since 1970 for people and other programs; it may jump, so no duration is measured with it."""
    return time.time_ns()
