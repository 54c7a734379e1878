"""A window with the annotated picture."""

from __future__ import annotations

import os
import sys

import cv2

from edge_runtime.config.schema import DisplaySink
from edge_runtime.core import Frame, FrameResult
from edge_runtime.errors import SinkError

from .base import SinkContext
from .overlay import Overlay

WINDOW = "edge-run"
QUIT_KEYS = (ord("q"), 27)


class Display:
    """Shows each camera's results in one window; q, Escape or closing the window ends this sink and nothing else.

    Raises `SinkError` at `open` where no window is possible.
    """

    def __init__(self, block: DisplaySink) -> None:
        self.name: str = block.kind
        self._open = False

    def open(self, context: SinkContext) -> None:
        if "GUI:                           NONE" in cv2.getBuildInformation():
            raise SinkError(
                "display: this OpenCV was built without windows\n"
                "    on a PC: pip uninstall opencv-python-headless; pip install opencv-python   "
                "or take a sink of kind video instead"
            )
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise SinkError(
                "display: no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set)\n"
                "    log in with ssh -X, or take a sink of kind video instead"
            )
        self._overlay = Overlay(context)
        self._several = len(context.cameras) > 1
        self._shown: set[str] = set()
        self._open = True

    def write(self, frame: Frame, result: FrameResult) -> None:
        try:
            window = f"{WINDOW} {frame.camera}" if self._several else WINDOW
            closed = window in self._shown and cv2.getWindowProperty(window, cv2.WND_PROP_VISIBLE) < 1
            if not closed:
                cv2.namedWindow(window, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
                cv2.imshow(window, self._overlay.draw(frame, result))
                self._shown.add(window)
                closed = cv2.waitKey(1) & 0xFF in QUIT_KEYS
        except cv2.error as error:
            raise SinkError(f"display: {error}") from error
        if closed:
            raise SinkError("display: closed by the user")

    def close(self) -> None:
        if self._open and self._shown:
            try:
                for window in self._shown:
                    cv2.destroyWindow(window)
            except cv2.error as error:
                raise SinkError(f"display: {error}") from error
        self._open = False
