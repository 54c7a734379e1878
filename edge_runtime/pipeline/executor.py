"""The staircase: frames go down in order, the host works on one while the networks work on the next.

Two host threads share a ring of `in_flight` entries. The front thread takes a free entry, then the newest frame,
preprocesses it and enqueues its networks; the back thread collects them in the same order, decodes, merges, tracks
and publishes, and only then gives the entry back. So at most `in_flight` frames exist between camera and sinks, a
network finds its next input ready when it ends, and no buffer is written before its last reader is done.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from edge_runtime.core import Clock, Frame, FrameResult, OperatingPoint
from edge_runtime.errors import EngineError, OutputError

from .admission import Admission
from .entry import Entry
from .feed import Captured
from .slot import NewestSlot
from .steps import Step

Publish = Callable[[Frame, FrameResult], None]

# A network that raises is not a bad picture: this many in a row end the run.
ENGINE_FAILURES_IN_A_ROW = 3


class Executor:
    """Runs the steps over everything the slot yields; `publish` is called on the back thread, in frame order.

    With `fresh` a frame is taken only shortly before the networks can start on it (see `Admission`).
    """

    def __init__(
        self,
        slot: NewestSlot[Captured],
        steps: Sequence[Step],
        publish: Publish,
        clock: Clock,
        *,
        in_flight: int,
        fresh: bool,
        point: Callable[[], OperatingPoint],
    ) -> None:
        self.failure: BaseException | None = None
        self.lost_frames = 0
        self.cpu_ns = {"front": 0, "back": 0}
        self._slot, self._steps, self._publish, self._clock, self._point = slot, steps, publish, clock, point
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for ring in range(in_flight):
            self._free.put(ring)
        self._launched: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._engine_failures = 0
        self._admission = Admission() if fresh else None
        self._ended = threading.Event()

    def run_front(self) -> None:
        """Take, preprocess and enqueue until the slot is closed and empty."""
        try:
            while True:
                ring = self._free.get()
                if self.failure is not None:
                    return
                self._wait_until_due()
                captured = self._slot.take()
                if captured is None:
                    return
                taken_ns = self._clock.now_ns()
                entry = Entry(ring, captured.frame, self._point())
                entry.stage_ms["source"] = captured.source_ms
                entry.stage_ms["queue"] = (taken_ns - captured.frame.t_capture_ns) / 1e6
                for step in self._steps:
                    step.launch(entry)
                if self._admission is not None:
                    self._admission.launched(taken_ns, self._clock.now_ns())
                self._launched.put(entry)
                del captured, entry
        except BaseException as error:
            self.fail(error)
            self.lost_frames += 1
        finally:
            self.cpu_ns["front"] = self._clock.thread_cpu_ns()
            self._launched.put(None)

    def _wait_until_due(self) -> None:
        due_ns = None if self._admission is None else self._admission.due_ns()
        if due_ns is not None:
            self._clock.wait_until_ns(due_ns, self._ended)

    def run_back(self) -> None:
        """Collect, decode and publish until the front thread has ended and its last frame is out."""
        while (entry := self._launched.get()) is not None:
            try:
                if self.failure is None:
                    self.finish(entry)
                else:
                    self.lost_frames += 1
            except BaseException as error:
                self.fail(error)
                self.lost_frames += 1
            self._free.put(entry.ring)
            del entry
        self.cpu_ns["back"] = self._clock.thread_cpu_ns()

    def finish(self, entry: Entry) -> None:
        """Everything that follows the network calls of one frame. Every step runs, so that every call is collected."""
        engine_error: EngineError | None = None
        for step in self._steps:
            try:
                step.finish(entry)
            except EngineError as error:
                engine_error = error
                entry.error = entry.error or str(error)
            except OutputError as error:
                entry.error = entry.error or f"{step.name}: {error}"
        self._engine_failures = self._engine_failures + 1 if engine_error else 0
        now_ns = self._clock.now_ns()
        if self._admission is not None:
            self._admission.finished(now_ns)
        self._publish(entry.frame, entry.result(now_ns))
        if engine_error is not None and self._engine_failures >= ENGINE_FAILURES_IN_A_ROW:
            self.fail(EngineError(f"{engine_error} ({self._engine_failures} frames in a row)"))

    def fail(self, error: BaseException) -> None:
        """End the run: nothing new is taken, what is in flight is given up and counted."""
        if self.failure is None:
            self.failure = error
        self._ended.set()
        self._slot.close()

    def threads(self) -> tuple[threading.Thread, threading.Thread]:
        return (
            threading.Thread(target=self.run_front, name="front", daemon=True),
            threading.Thread(target=self.run_back, name="back", daemon=True),
        )
