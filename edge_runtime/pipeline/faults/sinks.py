"""A fault of a place for results: one write takes long."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from edge_runtime.config.schema import SinkBlockedFault
from edge_runtime.core import Clock, Frame, FrameResult
from edge_runtime.sinks.base import Sink, SinkContext, is_urgent

from .tally import Tally


class BlockedSink:
    """A sink whose first write from a moment on waits before it is done; owns it."""

    def __init__(self, sink: Sink, faults: Sequence[tuple[SinkBlockedFault, Tally]], clock: Clock) -> None:
        self.urgent = is_urgent(sink)
        self._sink, self._clock = sink, clock
        self._coming = list(faults)
        self._first_ns: int | None = None
        self._never = threading.Event()

    @property
    def name(self) -> str:
        return self._sink.name

    def open(self, context: SinkContext) -> None:
        self._sink.open(context)

    def write(self, frame: Frame, result: FrameResult) -> None:
        t_ns = frame.t_capture_ns if frame.t_stream_ns is None else frame.t_stream_ns
        self._first_ns = t_ns if self._first_ns is None else self._first_ns
        for fault, tally in list(self._coming):
            if t_ns - self._first_ns >= fault.t_s * 1e9:
                self._coming.remove((fault, tally))
                tally.add("writes_held_up")
                self._clock.wait_until_ns(self._clock.now_ns() + round(fault.d_s * 1e9), self._never)
        self._sink.write(frame, result)

    def close(self) -> None:
        self._sink.close()
