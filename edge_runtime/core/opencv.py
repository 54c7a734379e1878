"""OpenCV's own log, which says on stderr what this program says better."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2

_SILENT = 0


class _Level:
    """The log level is the process's, and several cameras read at once: the first who wants silence lowers it, the
    last one puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = self._before = 0

    def lower(self) -> None:
        with self._lock:
            if not self._wanted:
                self._before = _log().getLogLevel()
                _log().setLogLevel(_SILENT)
            self._wanted += 1

    def put_back(self) -> None:
        with self._lock:
            self._wanted -= 1
            if not self._wanted:
                _log().setLogLevel(self._before)


def _log() -> Any:
    return getattr(cv2.utils, "logging", cv2)  # OpenCV before 5 keeps the two functions at the top


_level = _Level()


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """No lines of OpenCV on stderr while the block lasts; its errors stay errors. Threads may be inside at once."""
    _level.lower()
    try:
        yield
    finally:
        _level.put_back()
