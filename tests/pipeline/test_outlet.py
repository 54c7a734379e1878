import threading

import numpy as np

from edge_runtime.core import Frame, FrameResult, OperatingPoint, SystemClock
from edge_runtime.errors import SinkError
from edge_runtime.pipeline.outlet import ROOM, Outlet


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
