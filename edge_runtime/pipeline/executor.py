"""The staircase: frames go down in order, the host works on one while the networks work on the next.

Two host threads share a ring of `in_flight` places. The front thread takes a free place, then a round, which is the
newest frame, or with several cameras the newest of each, preprocesses it and enqueues its networks; the back thread
collects them in the same order, decodes, merges, tracks and publishes, and only then gives the place back. So at most
`in_flight` rounds exist between cameras and sinks, a network finds its next input ready when it ends, and no buffer is
written before its last reader is done.

Where every network runs on a GPU and a file is replayed fast, one thread does both: enqueueing does not wait for
anything, so there is no work on the host to overlap, and two threads would only take turns at the interpreter. Pictures
that are in memory already it also takes by itself.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from edge_runtime.core import Clock, Frame, FrameResult, OperatingPoint
from edge_runtime.core.trace import BACK, FRONT, SOURCE, TraceLog
from edge_runtime.errors import EngineError, OutputError

from .admission import Admission
from .entry import Entry
from .feed import Captured
from .recovery import Recovery
from .slot import HandOver
from .steps import Step
from .stuck import Watch

Publish = Callable[[Frame, FrameResult], None]
Round = list[Entry]

# How long a step may take with a frame, and how often one who waits for the run looks whether one does.
STUCK_S, LOOK_S = 8.0, 0.5


class Rounds(Protocol):
    """Where frames come from: `NewestSlot` for one camera, `NewestSlots` for several."""

    def take_round(self) -> list[Captured]: ...

    def close(self) -> None: ...


class Executor:
    """Runs the steps over everything the slot yields; `publish` is called on the back thread, in frame order.

    A round has at most one frame of each of the `cameras`. With `fresh` it is taken only shortly before the networks
    can start on it (see `Admission`), and its oldest frame comes first. With `alone` one thread does all of it.
    `recovery` decides what follows from networks that fail, and does it with nothing in flight.
    A step that has not come back after `stuck_s` is given up, and the run ends with it (see `wait`).
    """

    def __init__(
        self,
        slot: Rounds,
        steps: Sequence[Step],
        publish: Publish,
        clock: Clock,
        *,
        in_flight: int,
        cameras: int = 1,
        fresh: bool,
        alone: bool = False,
        recovery: Recovery | None = None,
        stuck_s: float = STUCK_S,
        point: Callable[[], OperatingPoint],
        trace: TraceLog | None = None,
    ) -> None:
        self.failure: BaseException | None = None
        self.lost: Counter[str] = Counter()  # frames by camera
        self.cpu_ns: dict[str, int] = {}
        self._slot, self._steps, self._publish, self._clock, self._point = slot, steps, publish, clock, point
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for ring in range(in_flight):
            self._free.put(ring)
        self._launched: queue.SimpleQueue[Round | None] = queue.SimpleQueue()
        self._flying: deque[Round] = deque()  # where one thread does all
        self._trace = trace
        self._alone = alone
        self._recovery = recovery or Recovery()
        self._in_flight, self._cameras, self._fresh = in_flight, cameras, fresh
        self._rounds = 0
        self._taken: Counter[str] = Counter()
        self._watch = Watch(clock, stuck_s, several=cameras > 1)
        self._books = threading.Lock()
        self._inside: Counter[str] = Counter()  # frames by camera
        self.given_up = False
        self._over = threading.Event()
        self._admission = Admission() if fresh else None
        self._ended = threading.Event()
        if isinstance(slot, HandOver):
            slot.work = self._take_on

    def run_front(self) -> None:
        """Take, preprocess and enqueue until the slot is closed and empty."""
        captured: list[Captured] = []
        try:
            while True:
                ring = self._free.get()
                if self.failure is not None:
                    return
                self._wait_until_due()
                captured = self._slot.take_round()
                if not captured:
                    return
                self._come_in(captured)
                if self._recovery.due:
                    others = [self._free.get() for _ in range(self._in_flight - 1)]
                    self._recovery.act()
                    for other in others:
                        self._free.put(other)
                self._launched.put(self._launch(captured, ring))
                captured = []
        except BaseException as error:
            self.fail(error)
            self._lose(each.frame for each in captured)
        finally:
            self.cpu_ns["front"] = self._clock.thread_cpu_ns()
            self._launched.put(None)

    def _launch(self, captured: list[Captured], ring: int) -> Round:
        """Everything before the network calls of a round, and the calls started."""
        taken_ns, point = self._clock.now_ns(), self._point()
        if self._fresh and len(captured) > 1:
            captured = sorted(captured, key=lambda each: each.frame.t_capture_ns)
        entries: Round = []
        for place, each in enumerate(captured, ring * self._cameras):
            frame = each.frame
            entry = Entry(ring, frame, point, self._taken[frame.camera], taken_ns, place)
            self._taken[frame.camera] += 1
            entry.stage_ms["source"] = each.source_ms
            entry.stage_ms["queue"] = (taken_ns - frame.t_capture_ns) / 1e6
            entries.append(entry)
        self._rounds += 1
        for step in self._steps:
            self._watch.begins(FRONT, step.name, entries[0].frame)
            try:
                step.launch(entries)
            except EngineError as error:
                for entry in entries:
                    entry.fail(step.name, error)
        self._watch.ends(FRONT)
        if self._admission is not None:
            self._admission.launched(taken_ns, self._clock.now_ns())
        if self._trace is not None:
            first = entries[0].frame
            self._trace.span(FRONT, "launch", taken_ns, self._clock.now_ns(), first.frame_id, camera=first.camera)
        return entries

    def _wait_until_due(self) -> None:
        due_ns = None if self._admission is None else self._admission.due_ns()
        if due_ns is not None:
            self._clock.wait_until_ns(due_ns, self._ended)

    def run_back(self) -> None:
        """Collect, decode and publish until the front thread has ended and its last frame is out."""
        while (entries := self._launched.get()) is not None:
            self._finish_or_lose(entries)
            self._free.put(entries[0].ring)
            del entries
        self.cpu_ns["back"] = self._clock.thread_cpu_ns()
        self._over.set()

    def run_alone(self, read: Callable[[], None] | None = None) -> None:
        """Both of them on one thread; with `read` that reads the frames as well, and puts them into a `HandOver`."""
        if read is not None:
            read()
        while self.failure is None and (captured := self._slot.take_round()):
            self._take_on(captured)
            del captured
        self._finish_all()
        self.cpu_ns["alone"] = self._clock.thread_cpu_ns()
        self._over.set()

    def _take_on(self, captured: list[Captured]) -> None:
        """Launch a round and make room for the next: the ring is full while the oldest is finished."""
        self._come_in(captured)
        try:
            if self._recovery.due:
                self._finish_all()
                self._recovery.act()
            self._flying.append(self._launch(captured, self._rounds % self._in_flight))
        except BaseException as error:
            self.fail(error)
            self._lose(each.frame for each in captured)
        if len(self._flying) == self._in_flight:
            self._finish_or_lose(self._flying.popleft())

    def _finish_all(self) -> None:
        while self._flying:
            self._finish_or_lose(self._flying.popleft())

    def _finish_or_lose(self, entries: Round) -> None:
        left = list(entries)
        try:
            while left and self.failure is None:
                self._finish(left[0], last=len(left) == 1)
                del left[0]
            if (broken := self._recovery.see(entries)) is not None:
                self.fail(broken)
        except BaseException as error:
            self.fail(error)
        self._lose(entry.frame for entry in left)

    def _finish(self, entry: Entry, *, last: bool) -> None:
        """Everything that follows the network calls of one frame. Every step runs, so that every call is collected."""
        for step in self._steps:
            began_ns = self._clock.now_ns() if self._trace is not None else 0
            self._watch.begins(BACK, step.name, entry.frame)
            try:
                step.finish(entry)
            except (EngineError, OutputError) as error:
                entry.fail(step.name, error)
            if self._trace is not None:
                frame, now_ns = entry.frame, self._clock.now_ns()
                self._trace.span(BACK, step.name, began_ns, now_ns, frame.frame_id, camera=frame.camera)
        self._watch.ends(BACK)
        now_ns = self._clock.now_ns()
        if self._admission is not None and last:
            self._admission.finished(now_ns)
        if self._goes_out(entry.frame):
            self._publish(entry.frame, entry.result(now_ns))

    def _come_in(self, captured: list[Captured]) -> None:
        with self._books:
            self._inside.update(each.frame.camera for each in captured)

    def _goes_out(self, frame: Frame) -> bool:
        """Whether a frame that was inside is still to be accounted for."""
        with self._books:
            self._inside[frame.camera] -= 1
            return not self.given_up

    def _lose(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            if self._goes_out(frame):
                self.lost[frame.camera] += 1

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
            self.given_up = True
            self.lost.update(self._inside)
        self._free.put(0)  # the front thread may wait for an entry that never comes back
        self._over.set()

    def fail(self, error: BaseException) -> None:
        """End the run: nothing new is taken, what is in flight is given up and counted."""
        if self.failure is None:
            self.failure = error
        self._ended.set()
        self._slot.close()

    def threads(self, *reads: Callable[[], None], names: Sequence[str] = (SOURCE,)) -> tuple[threading.Thread, ...]:
        """To be started together; the last of them ends when the last frame is out. `reads` fill the slots; theirs are
        the first, and go by `names`.
        """
        work: list[tuple[str, Callable[[], None]]] = list(zip(names, reads, strict=True))
        if isinstance(self._slot, HandOver):
            work = [("alone", partial(self.run_alone, *reads))]
        elif self._alone:
            work.append(("alone", self.run_alone))
        else:
            work += [("front", self.run_front), ("back", self.run_back)]
        return tuple(threading.Thread(target=run, name=name, daemon=True) for name, run in work)
