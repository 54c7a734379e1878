"""The staircase: frames go down in order, the host works on one while the networks work on the next.

Two host threads share a ring of `in_flight` entries. The front thread takes a free entry, then the newest frame,
preprocesses it and enqueues its networks; the back thread collects them in the same order, decodes, merges, tracks
and publishes, and only then gives the entry back. So at most `in_flight` frames exist between camera and sinks, a
network finds its next input ready when it ends, and no buffer is written before its last reader is done.

Where every network runs on a GPU and a file is replayed fast, one thread does both: enqueueing does not wait for
anything, so there is no work on the host to overlap, and two threads would only take turns at the interpreter. Pictures
that are in memory already it also takes by itself.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from edge_runtime.core import Clock, Frame, FrameResult, OperatingPoint
from edge_runtime.core.trace import BACK, FRONT, TraceLog
from edge_runtime.errors import EngineError, OutputError

from .admission import Admission
from .entry import Entry
from .feed import Captured
from .recovery import Recovery
from .slot import HandOver, NewestSlot
from .steps import Step
from .stuck import Watch

Publish = Callable[[Frame, FrameResult], None]

# How long a step may take with a frame, and how often one who waits for the run looks whether one does.
STUCK_S, LOOK_S = 8.0, 0.5


class Executor:
    """Runs the steps over everything the slot yields; `publish` is called on the back thread, in frame order.

    With `fresh` a frame is taken only shortly before the networks can start on it (see `Admission`). With `alone` one
    thread does all of it. `recovery` decides what follows from networks that fail, and does it with nothing in flight.
    A step that has not come back after `stuck_s` is given up, and the run ends with it (see `wait`).
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
        alone: bool = False,
        recovery: Recovery | None = None,
        stuck_s: float = STUCK_S,
        point: Callable[[], OperatingPoint],
        trace: TraceLog | None = None,
    ) -> None:
        self.failure: BaseException | None = None
        self.lost_frames = 0
        self.cpu_ns: dict[str, int] = {}
        self._slot, self._steps, self._publish, self._clock, self._point = slot, steps, publish, clock, point
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for ring in range(in_flight):
            self._free.put(ring)
        self._launched: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._flying: deque[Entry] = deque()  # where one thread does all
        self._trace = trace
        self._alone = alone
        self._recovery = recovery or Recovery()
        self._in_flight = in_flight
        self._taken = 0
        self._watch = Watch(clock, stuck_s)
        self._books, self._inside = threading.Lock(), 0
        self.given_up = False
        self._over = threading.Event()
        self._admission = Admission() if fresh else None
        self._ended = threading.Event()
        if isinstance(slot, HandOver):
            slot.work = self._take_on

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
                self._comes_in()
                if self._recovery.due:
                    others = [self._free.get() for _ in range(self._in_flight - 1)]
                    self._recovery.act()
                    for other in others:
                        self._free.put(other)
                self._launched.put(self._launch(captured, ring))
                del captured
        except BaseException as error:
            self.fail(error)
            self._lose()
        finally:
            self.cpu_ns["front"] = self._clock.thread_cpu_ns()
            self._launched.put(None)

    def _launch(self, captured: Captured, ring: int) -> Entry:
        """Everything before the network calls of one frame, and the calls started."""
        taken_ns = self._clock.now_ns()
        entry = Entry(ring, captured.frame, self._point(), self._taken, taken_ns)
        self._taken += 1
        entry.stage_ms["source"] = captured.source_ms
        entry.stage_ms["queue"] = (taken_ns - captured.frame.t_capture_ns) / 1e6
        for step in self._steps:
            self._watch.begins(FRONT, step.name, entry.frame.frame_id)
            try:
                step.launch(entry)
            except EngineError as error:
                entry.fail(step.name, error)
        self._watch.ends(FRONT)
        if self._admission is not None:
            self._admission.launched(taken_ns, self._clock.now_ns())
        if self._trace is not None:
            self._trace.span(FRONT, "launch", taken_ns, self._clock.now_ns(), entry.frame.frame_id)
        return entry

    def _wait_until_due(self) -> None:
        due_ns = None if self._admission is None else self._admission.due_ns()
        if due_ns is not None:
            self._clock.wait_until_ns(due_ns, self._ended)

    def run_back(self) -> None:
        """Collect, decode and publish until the front thread has ended and its last frame is out."""
        while (entry := self._launched.get()) is not None:
            self._finish_or_lose(entry)
            self._free.put(entry.ring)
            del entry
        self.cpu_ns["back"] = self._clock.thread_cpu_ns()
        self._over.set()

    def run_alone(self, read: Callable[[], None] | None = None) -> None:
        """Both of them on one thread; with `read` that reads the frames as well, and puts them into a `HandOver`."""
        if read is not None:
            read()
        while self.failure is None and (captured := self._slot.take()) is not None:
            self._take_on(captured)
            del captured
        self._finish_all()
        self.cpu_ns["alone"] = self._clock.thread_cpu_ns()
        self._over.set()

    def _take_on(self, captured: Captured) -> None:
        """Launch a frame and make room for the next: the ring is full while the oldest is finished."""
        self._comes_in()
        try:
            if self._recovery.due:
                self._finish_all()
                self._recovery.act()
            self._flying.append(self._launch(captured, self._taken % self._in_flight))
        except BaseException as error:
            self.fail(error)
            self._lose()
        if len(self._flying) == self._in_flight:
            self._finish_or_lose(self._flying.popleft())

    def _finish_all(self) -> None:
        while self._flying:
            self._finish_or_lose(self._flying.popleft())

    def _finish_or_lose(self, entry: Entry) -> None:
        try:
            if self.failure is None:
                self.finish(entry)
            else:
                self._lose()
        except BaseException as error:
            self.fail(error)
            self._lose()

    def finish(self, entry: Entry) -> None:
        """Everything that follows the network calls of one frame. Every step runs, so that every call is collected."""
        for step in self._steps:
            began_ns = self._clock.now_ns() if self._trace is not None else 0
            self._watch.begins(BACK, step.name, entry.frame.frame_id)
            try:
                step.finish(entry)
            except (EngineError, OutputError) as error:
                entry.fail(step.name, error)
            if self._trace is not None:
                self._trace.span(BACK, step.name, began_ns, self._clock.now_ns(), entry.frame.frame_id)
        self._watch.ends(BACK)
        now_ns = self._clock.now_ns()
        if self._admission is not None:
            self._admission.finished(now_ns)
        if not self._goes_out():
            return
        self._publish(entry.frame, entry.result(now_ns))
        if (broken := self._recovery.see(entry)) is not None:
            self.fail(broken)

    def _comes_in(self) -> None:
        with self._books:
            self._inside += 1

    def _goes_out(self) -> bool:
        """Whether a frame that was inside is still to be accounted for."""
        with self._books:
            self._inside -= 1
            return not self.given_up

    def _lose(self) -> None:
        if self._goes_out():
            self.lost_frames += 1

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the last frame is out; False when it is not yet after `timeout_s`.

        Who waits also notices a step that never comes back. Its thread cannot be stopped: it is left behind, with all
        that was inside counted as lost, and the networks it may still use must not be closed (`given_up`).
        """
        until_ns = None if timeout_s is None else self._clock.now_ns() + round(timeout_s * 1e9)
        while True:
            left_s = LOOK_S if until_ns is None else min(LOOK_S, (until_ns - self._clock.now_ns()) / 1e9)
            if self._over.wait(max(0.0, left_s)):
                return True
            if (stuck := self._watch.stuck()) is not None:
                self._give_up(stuck)
            elif left_s < LOOK_S:
                return False

    def _give_up(self, error: EngineError) -> None:
        self.fail(error)
        with self._books:
            self.given_up, left = True, self._inside
            self.lost_frames += left
        self._free.put(0)  # the front thread may wait for an entry that never comes back
        self._over.set()

    def fail(self, error: BaseException) -> None:
        """End the run: nothing new is taken, what is in flight is given up and counted."""
        if self.failure is None:
            self.failure = error
        self._ended.set()
        self._slot.close()

    def threads(self, read: Callable[[], None]) -> tuple[threading.Thread, ...]:
        """To be started together; the last of them ends when the last frame is out. `read` fills the slot."""
        work: dict[str, Callable[[], None]] = {"source": read, "front": self.run_front, "back": self.run_back}
        if self._alone:
            work = {"source": read, "alone": self.run_alone}
        if isinstance(self._slot, HandOver):
            work = {"alone": partial(self.run_alone, read)}
        return tuple(threading.Thread(target=run, name=name, daemon=True) for name, run in work.items())
