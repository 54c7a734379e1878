"""A sink for each camera, for what can hold the pictures of one only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from edge_runtime.core import Frame, FrameResult

from .base import Sink, SinkContext


class PerCamera:
    """`make(None)` where the pipeline has one camera, else `make(camera)` for each; owns what it made."""

    def __init__(self, make: Callable[[str | None], Sink]) -> None:
        self._make = make
        self._sinks: dict[str, Sink] = {}
        self.name = make(None).name

    def open(self, context: SinkContext) -> None:
        several = len(context.cameras) > 1
        with ExitStack() as opening:
            for camera in context.cameras or ("",):
                sink = self._make(camera if several else None)
                sink.open(context)
                opening.callback(sink.close)
                self._sinks[camera] = sink
            opening.pop_all()

    def write(self, frame: Frame, result: FrameResult) -> None:
        (self._sinks.get(frame.camera) or next(iter(self._sinks.values()))).write(frame, result)

    def close(self) -> None:
        """Close all, also behind one that fails."""
        with ExitStack() as closing:
            for sink in self._sinks.values():
                closing.callback(sink.close)
