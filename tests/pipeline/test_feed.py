import itertools
import threading

import numpy as np
import pytest

from edge_runtime.errors import SourceError
from edge_runtime.pipeline.accounts import Accounts
from edge_runtime.pipeline.feed import Feed, Limits
from edge_runtime.pipeline.slot import NewestSlot
from edge_runtime.sources.base import CameraAway, Picture, SourceInfo

MS = 1_000_000


class FakeClock:
    """Time that moves only when somebody waits for it."""

    def __init__(self):
        self.now = 0

    def now_ns(self):
        return self.now

    def thread_cpu_ns(self):
        return 0

    def wait_until_ns(self, due_ns, stop):
        self.now = max(self.now, due_ns)
        return not stop.is_set()


class FakeSource:
    """Pictures 40 ms apart; decoding one takes `decode_ms`; breaks or stops where told."""

    paced = False
    warnings = ()

    def __init__(self, clock, pictures, decode_ms=1.0, breaks_at=None, error=None):
        self.clock, self.left, self.decode_ms = clock, pictures, decode_ms
        self.breaks_at, self.error, self.given = breaks_at, error or SourceError("camera front is gone"), 0
        self.info = SourceInfo(25.0, pictures, 4, 4)

    def read(self):
        self.clock.now += int(self.decode_ms * MS)
        if self.given == self.breaks_at:
            raise self.error
        if self.given == self.left:
            return None
        self.given += 1
        return Picture(np.zeros((4, 4, 3), np.uint8), (self.given - 1) * 40 * MS)

    def close(self):
        pass


class Collecting(NewestSlot):
    """A slot whose reader is always faster than the writer."""

    def __init__(self):
        super().__init__()
        self.frames = []

    def put(self, item, wait=False):
        accepted = super().put(item, wait)
        if accepted:
            self.frames.append(self.take().frame)
        return accepted


def run(source, clock, *, waits=False, limits=None, stop=None, slot=None, accounts=None, **options):
    slot, accounts = slot or Collecting(), accounts or Accounts()
    limits = limits or Limits()
    speed = {"camera": "front", "ego_speed_mps": 30.0}
    feed = Feed(source, slot, accounts, clock, **speed, waits=waits, limits=limits, **options)
    feed.run(stop or threading.Event())
    return feed, slot, accounts


def test_a_live_file_arrives_at_its_own_rate():
    clock = FakeClock()
    _, slot, accounts = run(FakeSource(clock, 5), clock)
    times = [frame.t_capture_ns for frame in slot.frames]
    assert [b - a for a, b in itertools.pairwise(times)] == [40 * MS] * 4
    assert accounts.captured == 5
    assert slot.frames[3].frame_id == 3
    assert slot.frames[3].ego_speed_mps == 30.0


def test_a_fast_file_does_not_wait():
    clock = FakeClock()
    _, slot, _ = run(FakeSource(clock, 5), clock, waits=True)
    assert clock.now == 6 * MS
    assert len(slot.frames) == 5


def test_a_decoder_that_is_too_slow_is_counted_and_does_not_build_up_a_debt():
    clock = FakeClock()
    feed, slot, _ = run(FakeSource(clock, 20, decode_ms=100), clock)
    assert feed.pace is not None
    assert feed.pace.late_pictures > 10
    assert slot.frames[-1].t_capture_ns <= 21 * 100 * MS


def test_limits_end_the_run_and_nothing_more_is_captured():
    clock = FakeClock()
    assert run(FakeSource(clock, 50), clock, limits=Limits(frames=7))[2].captured == 7
    clock = FakeClock()
    assert run(FakeSource(clock, 50), clock, limits=Limits(seconds=0.41))[2].captured == 11


def test_a_camera_that_dies_ends_the_run_in_order_with_its_reason():
    clock = FakeClock()
    feed, slot, accounts = run(FakeSource(clock, 50, breaks_at=4), clock)
    assert feed.error == "camera front is gone"
    assert accounts.captured == 4
    assert slot.take() is None, "the slot is closed, so the pipeline drains"


def test_an_error_nobody_expected_also_ends_the_run_in_order():
    clock = FakeClock()
    feed, slot, _ = run(FakeSource(clock, 50, breaks_at=0, error=ZeroDivisionError("a defect")), clock)
    assert feed.error == "reading the source failed: ZeroDivisionError: a defect"
    assert slot.take() is None


def test_a_frame_that_comes_after_the_stop_is_counted():
    clock, slot = FakeClock(), Collecting()
    slot.close()
    _, _, accounts = run(FakeSource(clock, 3), clock, slot=slot)
    assert (accounts.captured, accounts.shed) == (3, 3)


class SpeedPort:
    """Knows the speed of every second frame."""

    def __init__(self):
        self.asked = []

    def of_frame(self, t_capture_ns):
        self.asked.append(t_capture_ns)
        return 5.0 if len(self.asked) % 2 else None


def test_a_speed_that_is_sent_counts_before_any_other_also_where_it_is_unknown():
    clock, port = FakeClock(), SpeedPort()
    _, slot, _ = run(FakeSource(clock, 4), clock, speed_port=port)
    assert [frame.ego_speed_mps for frame in slot.frames] == [5.0, None, 5.0, None]
    assert port.asked == [frame.t_capture_ns for frame in slot.frames]


@pytest.mark.parametrize(("cap", "kept"), [(None, 100), (100.0, 100), (25.0, 100), (12.5, 50), (10.0, 40), (5.0, 20)])
def test_a_cap_on_the_rate_keeps_evenly_and_every_frame_it_leaves_out_is_counted(cap, kept):
    clock, captured = FakeClock(), []
    _, slot, accounts = run(
        FakeSource(clock, 100), clock, fps_cap=lambda: cap, on_capture=lambda t_ns, _: captured.append(t_ns)
    )
    assert abs(len(slot.frames) - kept) <= 1
    assert accounts.shed == 100 - len(slot.frames)
    assert len(captured) == accounts.captured == 100


class FakeCamera(FakeSource):
    """Pictures as they come; before those numbered in `away` it is away for a second."""

    paced = True

    def __init__(self, clock, pictures, away):
        super().__init__(clock, pictures)
        self.away = dict.fromkeys(away, 10)

    def read(self):
        if self.away.get(self.given):
            self.away[self.given] -= 1
            self.clock.now += 100 * MS
            raise CameraAway("front: no stream there")
        return super().read()


class Events:
    """A recorder that keeps what it is told of the camera."""

    def __init__(self):
        self.told = []

    def event(self, name, message):
        self.told.append((name, message))

    def log(self, name, message):
        self.told.append((name, message))

    def captured(self, frame):
        pass


def test_a_camera_that_is_away_is_waited_for_and_every_frame_says_how_often_it_was():
    clock, recorder = FakeClock(), Events()
    feed, slot, _ = run(FakeCamera(clock, 6, away=[2, 4]), clock, recorder=recorder)
    assert feed.error is None
    assert [frame.outages for frame in slot.frames] == [0, 0, 1, 1, 2, 2]
    account = feed.outages.account(clock.now)
    assert (account.outages, account.longest_s) == (2, 1.001)
    assert recorder.told == [
        ("camera_loss", "front: no stream there"),
        ("camera_back", "camera front is back after 1.0 s (outage 1)"),
        ("camera_loss", "front: no stream there"),
        ("camera_back", "camera front is back after 1.0 s (outage 2)"),
    ]


def test_frames_are_marked_also_where_the_first_after_an_outage_is_left_out():
    """Which is why every frame carries the count, and not the first one a flag."""
    clock = FakeClock()
    _, slot, _ = run(FakeCamera(clock, 100, away=[50]), clock, fps_cap=lambda: 1.0)
    assert {frame.outages for frame in slot.frames} == {0, 1}


def test_a_limit_ends_a_run_also_while_the_camera_is_away():
    clock = FakeClock()
    _, _, accounts = run(FakeCamera(clock, 100, away=[5]), clock, limits=Limits(seconds=0.5))
    assert accounts.captured == 5


def test_a_stop_ends_a_wait_for_the_camera():
    clock, stop = FakeClock(), threading.Event()
    camera = FakeCamera(clock, 5, away=[0])
    read = camera.read

    def stopping():
        stop.set()
        return read()

    camera.read = stopping
    feed, _, accounts = run(camera, clock, stop=stop)
    assert (feed.error, accounts.captured, camera.away[0]) == (None, 0, 9)


def test_the_seconds_of_a_run_count_from_the_first_picture_of_any_camera():
    """A camera that never comes does not keep a run going that was to end."""
    clock, whole = FakeClock(), Accounts()
    whole.capture(clock.now)  # another camera is there
    camera = FakeCamera(clock, 5, away=[0])
    feed, _, accounts = run(camera, clock, accounts=Accounts(whole), limits=Limits(seconds=0.35))
    assert accounts.captured == 0
    assert feed.out_of_time
    assert clock.now == 400 * MS


def test_a_feed_says_when_it_has_ended_and_closes_its_source_where_nobody_else_can():
    clock, closed = FakeClock(), []
    source = FakeSource(clock, 2)
    source.close = lambda: closed.append(True)
    feed, *_ = run(source, clock)
    assert feed.ended
    assert not feed.out_of_time
    assert closed == []
    feed.closes = True
    feed.run(threading.Event())
    assert closed == [True]


def test_a_picture_that_comes_after_the_run_was_stopped_is_none_of_its_frames():
    clock, stop = FakeClock(), threading.Event()
    source = FakeSource(clock, 5)
    read = source.read

    def stopping():
        if source.given == 2:
            stop.set()
        return read()

    source.read = stopping
    source.paced = True
    _, _, accounts = run(source, clock, stop=stop)
    assert (accounts.captured, accounts.shed) == (2, 0)
