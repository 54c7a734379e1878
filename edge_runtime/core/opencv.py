"""OpenCV's own log, which says on stderr what this program says better."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_SILENT = 0


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """No lines of OpenCV on stderr while the block lasts (its log level is the process's); its errors stay errors."""
    log = getattr(cv2.utils, "logging", cv2)  # OpenCV before 5 keeps the two functions at the top
    level = log.getLogLevel()
    log.setLogLevel(_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)
