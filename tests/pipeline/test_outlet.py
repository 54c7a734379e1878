import os
import threading

import numpy as np

from edge_runtime.core import Frame, FrameResult, OperatingPoint, SystemClock
from edge_runtime.errors import SinkError
from edge_runtime.pipeline.outlet import NICE, ROOM, TOLD, Outlet
from edge_runtime.sinks.base import ResultsLost


def frame(n):
    picture = Frame(n, "front", n, np.zeros((2, 2, 3), np.uint8))
    return picture, FrameResult(n, "front", n, 1.0, OperatingPoint())


class Recorder:
    """A sink that notes what it got, can be held, and can break at a given frame."""

    name = "recorder"

    def __init__(self, breaks_at=None):
        self.seen, self.closed, self.breaks_at = [], 0, breaks_at
        self.writing, self.free = threading.Event(), threading.Event()
        self.free.set()

    def open(self, context):
        pass

    def write(self, frame, result):
        self.writing.set()
        assert self.free.wait(10)
        if result.frame_id == self.breaks_at:
            raise SinkError("the disk is full")
        self.seen.append(result.frame_id)

    def close(self):
        self.closed += 1


def test_results_arrive_in_order_and_the_sink_is_closed():
    sink = Recorder()
    outlet = Outlet(sink, waits=True, clock=SystemClock())
    for n in range(100):
        outlet.offer(*frame(n))
    outlet.close(10)
    assert sink.seen == list(range(100))
    assert (outlet.written, outlet.dropped, outlet.error, sink.closed) == (100, 0, None, 1)


def test_a_blocked_sink_drops_the_oldest_and_never_holds_the_pipeline():
    sink = Recorder()
    sink.free.clear()
    outlet = Outlet(sink, waits=False, clock=SystemClock())
    outlet.offer(*frame(0))
    assert sink.writing.wait(10)
    for n in range(1, 1 + ROOM + 5):
        outlet.offer(*frame(n))
    sink.free.set()
    outlet.close(10)
    assert outlet.dropped == 5
    assert sink.seen == [0, *range(6, 14)]
    assert outlet.written + outlet.dropped == 14


def test_a_sink_that_fails_is_ended_named_and_counted():
    sink = Recorder(breaks_at=3)
    outlet = Outlet(sink, waits=True, clock=SystemClock())
    for n in range(50):
        outlet.offer(*frame(n))
    outlet.close(10)
    assert outlet.error == "the disk is full"
    assert outlet.written == 3
    assert outlet.written + outlet.dropped == 50


def test_a_sink_that_never_returns_is_left_behind_and_named():
    sink = Recorder()
    sink.free.clear()
    outlet = Outlet(sink, waits=False, clock=SystemClock())
    outlet.offer(*frame(0))
    outlet.close(0.05)
    assert "did not finish" in (outlet.error or "")
    sink.free.set()


class ComesAndGoes(Recorder):
    """A sink whose other end takes frames only while it is there; at the end it admits `late` losses."""

    urgent = True

    def __init__(self, *gone, earlier=None, late=0):
        super().__init__()
        self.gone, self.earlier, self.late = gone, earlier or {}, late

    def write(self, frame, result):
        if result.frame_id in self.gone:
            raise ResultsLost(f"nobody listens\n    start somebody at {result.frame_id}")
        super().write(frame, result)
        if count := self.earlier.get(result.frame_id):
            raise ResultsLost("the connection broke", count)

    def close(self):
        super().close()
        if self.late:
            raise ResultsLost("not taken by the end", self.late)


def books(sink, frames=12):
    """The outlet after so many frames, one after another."""
    outlet = Outlet(sink, waits=True, clock=SystemClock())
    for n in range(frames):
        outlet.offer(*frame(n))
    outlet.close(10)
    assert outlet.written + outlet.dropped == frames
    return outlet


def test_a_sink_whose_other_end_is_away_stays_counts_and_says_when():
    sink = ComesAndGoes(2, 3, 4, 8)
    outlet = books(sink)
    assert sink.seen == [0, 1, 5, 6, 7, 9, 10, 11]
    assert (outlet.written, outlet.dropped, outlet.error, sink.closed) == (8, 4, None, 1)
    assert outlet.notices == (
        "sink recorder loses results (outage 1): nobody listens\n    start somebody at 2",
        "sink recorder is back (outage 1); 3 results were dropped meanwhile",
        "sink recorder loses results (outage 2): nobody listens",
        "sink recorder is back (outage 2); one result was dropped meanwhile",
    )


def test_results_that_turn_out_to_be_lost_later_are_moved_to_the_dropped_ones():
    outlet = books(ComesAndGoes(earlier={6: 3}, late=2))
    assert (outlet.written, outlet.dropped) == (7, 5)


def test_no_count_of_a_sink_ever_falls_while_it_runs():
    sink = ComesAndGoes(earlier={4: 3})
    outlet = Outlet(sink, waits=True, clock=SystemClock())
    counts = []
    for n in range(10):
        sink.writing.clear()
        outlet.offer(*frame(n))
        assert sink.writing.wait(10)
        counts.append(outlet.written)
    outlet.close(10)
    assert counts == sorted(counts)
    assert (outlet.written, outlet.dropped) == (7, 3)


def test_a_long_day_of_coming_and_going_is_told_shortly():
    outlet = books(ComesAndGoes(*range(0, 100, 2)), frames=100)
    assert len(outlet.notices) == TOLD
    assert outlet.notices[-1].startswith("sink recorder is back (outage 50)")


def niceness_of(sink):
    outlet = Outlet(sink, waits=True, clock=SystemClock())
    outlet.offer(*frame(0))
    outlet.close(10)
    return sink.nice


def test_a_sink_on_which_somebody_acts_does_not_stand_behind_others():
    class Noting(Recorder):
        def write(self, frame, result):
            self.nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    urgent, patient = Noting(), Noting()
    urgent.urgent = True
    assert niceness_of(patient) - niceness_of(urgent) == NICE
