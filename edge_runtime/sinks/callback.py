"""Results handed to a function of the program that embeds the pipeline."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.core import Frame, FrameResult
from edge_runtime.errors import SinkError

from .base import SinkContext


class CallbackSink:
    """Calls `function(frame, result)` from the sink's thread; an exception in it ends this sink with its text."""

    def __init__(self, function: Callable[[Frame, FrameResult], object]) -> None:
        self._function = function
        self.name = f"callback {getattr(function, '__qualname__', type(function).__name__)}"

    def open(self, context: SinkContext) -> None:
        """Nothing to open."""

    def write(self, frame: Frame, result: FrameResult) -> None:
        try:
            self._function(frame, result)
        except Exception as error:
            raise SinkError(f"{self.name}: frame {result.frame_id}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Nothing to close."""
