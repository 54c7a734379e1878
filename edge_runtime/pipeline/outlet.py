"""A sink on a thread of its own, so that a slow or broken one never holds the pipeline up."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from contextlib import suppress

from edge_runtime.core import Clock, Frame, FrameResult
from edge_runtime.core.trace import SINK, TraceLog
from edge_runtime.errors import SinkError
from edge_runtime.sinks.base import ResultsLost, Sink, is_urgent

ROOM = 8
NICE = 10
PATIENCE_S = 5.0
# Of an other end that comes and goes all day the newest words are kept.
TOLD = 10


def yield_to_networks() -> None:
    """Give the calling thread, and those it will start, less weight than the frame threads (Linux: nice is by thread).

    With as many busy threads as cores, an encoder that preempts a network costs frames; one that waits costs nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class Outlet:
    """A queue of at most `ROOM` results in front of one opened sink; counts what was written and what was dropped.

    When the queue is full the oldest waiting result is dropped. With `waits` (a file replayed fast) the pipeline is
    held for up to `PATIENCE_S` instead; a sink that exhausts this is dropped from until it takes something again.
    A sink that raises is ended and named in `error`; everything later counts as dropped. One that only loses results
    because its other end is away stays, and `notices` says when that began and ended.
    """

    def __init__(self, sink: Sink, waits: bool, *, clock: Clock, trace: TraceLog | None = None) -> None:
        self.name = sink.name
        self.written = 0
        self.dropped = 0
        self.error: str | None = None
        self._absence = _Absence(sink.name)
        self._sink = sink
        self._waits = waits
        self._clock, self._trace = clock, trace
        self._queue: deque[tuple[Frame, FrameResult]] = deque()
        self._changed = threading.Condition()
        self._stalled = False
        self._owed = 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"sink {sink.name}", daemon=True)
        self._thread.start()

    @property
    def notices(self) -> tuple[str, ...]:
        return self._absence.told

    def offer(self, frame: Frame, result: FrameResult) -> None:
        with self._changed:
            if self._waits and len(self._queue) >= ROOM:
                patience_s = 0.0 if self._stalled else PATIENCE_S
                self._stalled = not self._changed.wait_for(
                    lambda: len(self._queue) < ROOM or self.error is not None, patience_s
                )
            if self.error is not None:
                self.dropped += 1
                return
            if len(self._queue) >= ROOM:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append((frame, result))
            self._changed.notify_all()
            if self._trace is not None:
                self._trace.counter(f"queue of {self.name}", self._clock.now_ns(), len(self._queue))

    def _work(self) -> None:
        if not is_urgent(self._sink):
            yield_to_networks()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    break
                frame, result = self._queue.popleft()
                self._changed.notify_all()
            began_ns = self._clock.now_ns() if self._trace is not None else 0
            try:
                self._sink.write(frame, result)
            except ResultsLost as lost:
                self._lose(lost, given=1)
                continue
            except (SinkError, OSError) as error:
                self._fail(str(error), unwritten=1)
                break
            except Exception as error:  # a defect in a sink must not end the drive either
                self._fail(f"{type(error).__name__}: {error}", unwritten=1)
                break
            if self._owed:
                self._owed -= 1
            else:
                self.written += 1
            self._absence.ends()
            if self._trace is not None:
                lane, now_ns = f"{SINK} {self.name}", self._clock.now_ns()
                self._trace.span(lane, "write", began_ns, now_ns, frame.frame_id, camera=frame.camera)
            del frame, result
        try:
            self._sink.close()
        except ResultsLost as lost:
            self._lose(lost, given=0)
        except (SinkError, OSError) as error:
            self._fail(str(error))
        self.written -= self._owed

    def _lose(self, lost: ResultsLost, given: int) -> None:
        """Count results as dropped, of which so many were not counted as written before; what was is made up for with
        the next ones, so that no count ever falls while the run goes on.
        """
        with self._changed:
            self.dropped += lost.count
        self._owed += lost.count - given
        self._absence.begins(str(lost), lost.count)

    def _fail(self, reason: str, unwritten: int = 0) -> None:
        with self._changed:
            self.dropped += len(self._queue) + unwritten
            self._queue.clear()
            self.error = self.error or reason
            self._changed.notify_all()

    def close(self, timeout_s: float) -> None:
        """Write what waits, flush, and end the thread; a sink that does not finish in time is left and named."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        if self._thread.is_alive() and self.error is None:
            self._fail(f"did not finish within {timeout_s:.0f} s")


class _Absence:
    """What is said of an other end that is away: once when results begin to be lost, once when one arrives again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = self._lost = 0
        self._told: deque[str] = deque(maxlen=TOLD)

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(self._told)

    def begins(self, why: str, lost: int) -> None:
        if not self._lost:
            self._count += 1
            said = why if self._count == 1 else why.partition("\n")[0]  # what to do is told once
            self._told.append(f"sink {self._name} loses results (outage {self._count}): {said}")
        self._lost += lost

    def ends(self) -> None:
        if self._lost:
            count = "one result was" if self._lost == 1 else f"{self._lost} results were"
            self._told.append(f"sink {self._name} is back (outage {self._count}); {count} dropped meanwhile")
            self._lost = 0
