"""A camera that comes and goes, on a clock that moves only when somebody waits."""

from __future__ import annotations

import itertools
import random
import threading

import numpy as np
import pytest

from edge_runtime.config.schema import ReconnectBlock
from edge_runtime.errors import SourceError
from edge_runtime.sources.base import CameraAway, Picture, SourceInfo
from edge_runtime.sources.reconnect import JITTER, Backoff, Reconnecting

NS = 1_000_000_000
LIMIT = 10_000
NO_STREAM = "rtsp://cam/1: no stream there\n    check the cable"


class FakeClock:
    """Time that moves only when somebody waits for it."""

    def __init__(self):
        self.now = 0

    def now_ns(self):
        return self.now

    def wait_until_ns(self, due_ns, stop):
        self.now = max(self.now, due_ns)
        return not stop.is_set()


class Gone(Exception):
    """The script is at its end."""


class Scripted:
    """What becomes of every attempt to open, in order: None fails, a number delivers so many pictures 40 ms apart."""

    def __init__(self, clock, *script, still=False):
        self.clock, self.script, self.still = clock, list(script), still
        self.opened_s, self.open_now, self.values = [], 0, itertools.count(1)

    def open(self, again):
        self.opened_s.append(self.clock.now / NS)
        if not self.script:
            raise Gone
        pictures = self.script.pop(0)
        if isinstance(pictures, Exception):
            raise pictures
        if pictures is None:
            raise CameraAway(NO_STREAM)
        self.open_now += 1
        return ScriptedCamera(self, pictures)


class ScriptedCamera:
    warnings = ("gives 640 x 480",)
    info = SourceInfo(25.0, None, 640, 480)

    def __init__(self, script, pictures):
        self.script, self.left = script, pictures

    def read(self):
        if not self.left:
            raise CameraAway("rtsp://cam/1: stopped delivering")
        self.left -= 1
        self.script.clock.now += 40_000_000
        value = 7 if self.script.still else next(self.script.values) % 256
        return Picture(np.full((16, 16, 3), value, np.uint8), None)

    def close(self):
        self.script.open_now -= 1


class NoChance:
    """The longest waits."""

    def random(self):
        return 0.0


def camera(clock, *script, waits=False, frozen_s=0.0, jitter=None, still=False, **block):
    scripted = Scripted(clock, *script, still=still)
    settings = {"frozen_s": frozen_s, "waits": waits, "jitter": jitter or NoChance()}
    source = Reconnecting(scripted.open, ReconnectBlock(**block), clock, **settings)
    source.open()
    return source, scripted


def outcomes(source):
    """Pictures read (`True`) and why there was none, changes only, until the script ends."""
    found = []
    for _ in range(LIMIT):
        try:
            found.append(source.read() is not None)
        except CameraAway as away:
            found.append(str(away))
        except Gone:
            return [each for each, _ in itertools.groupby(found)]
    raise AssertionError("it never ends")


def waits_s(scripted):
    return [round(b - a, 3) for a, b in itertools.pairwise(scripted.opened_s)]


def test_a_lost_camera_is_opened_after_waits_that_double_up_to_the_longest():
    source, scripted = camera(FakeClock(), 0, *[None] * 5, first_s=0.1, max_s=1.0)
    assert outcomes(source) == [
        "rtsp://cam/1: stopped delivering",
        "rtsp://cam/1: no stream there\n    check the cable",
    ]
    assert waits_s(scripted) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_chance_shortens_every_wait_by_up_to_a_quarter_and_a_seed_repeats_it():
    block = ReconnectBlock(first_s=1.0, max_s=8.0)
    one, same, other = (
        [backoff.next_s() for _ in range(6)] for backoff in (Backoff(block, random.Random(seed)) for seed in (1, 1, 2))
    )
    assert one == same != other
    for waited_s, longest_s in zip(one, (1, 2, 4, 8, 8, 8), strict=True):
        assert longest_s * (1 - JITTER) <= waited_s <= longest_s


def test_by_default_a_camera_that_is_back_is_looked_for_twice_a_second():
    """The rest of the two seconds to a result is for the connection."""
    source, scripted = camera(FakeClock(), 0, *[None] * 20)
    outcomes(source)
    assert max(waits_s(scripted)) == 0.5


def test_a_camera_that_stays_after_it_came_back_starts_the_waits_anew_and_one_that_falters_does_not():
    source, scripted = camera(FakeClock(), 0, None, None, 100, 0, 0, None, first_s=0.1, max_s=1.0)
    outcomes(source)
    assert waits_s(scripted) == [0.1, 0.2, 0.4, 4.1, 0.2, 0.4, 0.8]
    source, scripted = camera(FakeClock(), 0, 2, 2, 2, None, first_s=0.1, max_s=1.0)
    outcomes(source)
    assert waits_s(scripted) == [0.1, 0.28, 0.48, 0.88, 1.0]


def test_every_lost_camera_is_closed_before_the_next_is_opened():
    source, scripted = camera(FakeClock(), 3, 3, None, 3, None)
    outcomes(source)
    assert scripted.open_now == 0


def test_who_reads_hears_of_a_long_wait_ten_times_a_second():
    clock = FakeClock()
    source, _ = camera(clock, 0, None, first_s=60, max_s=60)
    for _ in range(3):
        before = clock.now
        with pytest.raises(CameraAway, match="stopped delivering"):
            source.read()
        assert clock.now - before <= NS // 10


def test_a_camera_that_is_absent_at_the_start_is_refused_or_waited_for():
    with pytest.raises(CameraAway, match="no stream there"):
        camera(FakeClock(), None)
    source, _ = camera(FakeClock(), None, None, 5, waits=True)
    assert source.info.width is None
    assert outcomes(source)[:2] == [NO_STREAM, True]
    assert (source.info.width, source.warnings) == (640, ("gives 640 x 480",))


def test_what_can_never_come_good_is_not_waited_for():
    with pytest.raises(SourceError, match="built without GStreamer"):
        camera(FakeClock(), SourceError("this OpenCV was built without GStreamer"), waits=True)


def test_a_camera_is_given_up_in_the_time_that_the_file_gives_it():
    clock = FakeClock()
    source, _ = camera(clock, 0, *[None] * 100, give_up_s=10)
    with pytest.raises(SourceError, match=r"no stream there\n.*\n    given up: it was away for 10 s"):
        outcomes(source)
    assert 10 <= clock.now / NS < 10.5


def test_a_camera_that_sends_one_picture_for_ever_is_connected_anew_until_it_shows_another():
    source, scripted = camera(FakeClock(), 200, 200, frozen_s=2.0, still=True)
    frozen = "the camera sends the same picture for 2 s"
    assert outcomes(source) == [True, frozen]
    assert len(scripted.opened_s) == 3, "the second connection showed the same picture and was no camera either"
    assert scripted.opened_s[1] > 2


def test_closing_ends_a_wait_and_everything_after_it():
    source, scripted = camera(FakeClock(), 0, None)
    with pytest.raises(CameraAway):
        source.read()
    source.close()
    source.close()
    assert source.read() is None
    assert len(scripted.opened_s) == 1


def test_a_driver_that_holds_its_reader_up_is_closed_by_the_reader_when_it_returns():
    reading, answer = threading.Event(), threading.Event()
    clock = FakeClock()
    source, scripted = camera(clock, 5)
    inside = source._camera.read

    def held_up():
        reading.set()
        answer.wait()
        return inside()

    source._camera.read = held_up
    thread = threading.Thread(target=source.read)
    thread.start()
    reading.wait()
    source.close()
    assert scripted.open_now == 1, "closing a device under a read would crash the process"
    answer.set()
    thread.join()
    assert scripted.open_now == 0


def test_a_camera_that_nobody_opened_is_opened_by_who_reads_and_only_once():
    clock = FakeClock()
    scripted = Scripted(clock, 3)
    source = Reconnecting(scripted.open, ReconnectBlock(), clock, frozen_s=0.0, waits=True, jitter=NoChance())
    assert scripted.opened_s == []
    assert source.read() is not None
    source.open()
    assert len(scripted.opened_s) == 1


def test_a_camera_closed_while_it_is_being_opened_is_closed_by_who_opens_it():
    clock, opening, go_on = FakeClock(), threading.Event(), threading.Event()
    scripted = Scripted(clock, 3)

    def slow(again):
        opening.set()
        assert go_on.wait(10)
        return scripted.open(again)

    source = Reconnecting(slow, ReconnectBlock(), clock, frozen_s=0.0, waits=True, jitter=NoChance())
    opener = threading.Thread(target=source.open)
    opener.start()
    assert opening.wait(10)
    source.close()
    go_on.set()
    opener.join(10)
    assert scripted.open_now == 0
