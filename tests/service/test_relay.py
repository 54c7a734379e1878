"""A source that is handed from run to run: every picture once, in order, and closed once."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edge_runtime.service.relay import Leg
from edge_runtime.sources.base import CameraAway, Picture, SourceInfo
from tests.service.machine import until

GREY = np.zeros((2, 2, 3), np.uint8)


class Endless:
    """Numbered pictures; `gate` holds the next one back."""

    paced = True
    warnings = ("dusty",)
    info = SourceInfo(30.0, None, 2, 2)

    def __init__(self):
        self.read_so_far, self.closed = 0, 0
        self.gate, self.reading = threading.Event(), threading.Event()
        self.gate.set()

    def read(self):
        self.reading.set()
        self.gate.wait()
        self.read_so_far += 1
        return Picture(GREY, self.read_so_far)

    def close(self):
        self.closed += 1


def numbers(leg, into):
    while (picture := leg.read()) is not None:
        into.append(picture.t_stream_ns)


def test_every_picture_goes_to_one_leg_and_none_is_lost():
    legs = [Leg(Endless())]
    for _ in range(4):
        legs.append(legs[-1].successor())
    read = [[] for _ in legs]
    threads = [threading.Thread(target=numbers, args=pair, daemon=True) for pair in zip(legs, read, strict=True)]
    for thread in threads:
        thread.start()
    for before, after, got in zip(legs[:-1], legs[1:], read[:-1], strict=True):
        assert until(lambda got=got: len(got) > 100)
        before.hand_on(after)
    assert until(lambda: len(read[-1]) > 100)
    legs[-1].close()
    for thread in threads:
        thread.join(20)
    pictures = [number for got in read for number in got]
    assert pictures == list(range(1, len(pictures) + 1))


def test_the_picture_being_read_while_the_source_changes_hands_is_the_next_legs():
    source = Endless()
    first = Leg(source)
    second = first.successor()
    source.gate.clear()
    got = []
    thread = threading.Thread(target=numbers, args=(first, got))
    thread.start()
    source.reading.wait(10)
    first.hand_on(second)
    source.gate.set()
    thread.join(10)
    assert got == []
    assert second.read().t_stream_ns == 1
    assert second.read().t_stream_ns == 2


def test_a_leg_that_ended_by_itself_is_followed_when_its_turn_is_given():
    first = Leg(Endless())
    second = first.successor()
    first.hand_on(second)
    second.take()
    assert second.read().t_stream_ns == 1


def test_only_the_leg_whose_turn_it_is_closes_the_source():
    source = Endless()
    first = Leg(source)
    second = first.successor()
    second.close()
    assert (source.closed, second.read()) == (0, None)
    third = first.successor()
    first.hand_on(third)
    first.close()
    assert source.closed == 0
    third.take()
    third.close()
    third.close()
    assert source.closed == 1


def test_what_is_known_of_the_source_is_known_of_every_leg():
    source = Endless()
    leg = Leg(source).successor()
    assert (leg.info, leg.warnings, leg.paced) == (source.info, source.warnings, True)


class Away:
    """A camera that is away, and then there."""

    paced, warnings, info = True, (), SourceInfo(None, None, None, None)
    there = False

    def read(self):
        if not self.there:
            raise CameraAway("front: no stream there")
        return Picture(GREY, 1)

    def close(self):
        pass


def test_a_camera_changes_hands_while_it_is_away():
    camera = Away()
    first = Leg(camera)
    second = first.successor()
    with pytest.raises(CameraAway):
        first.read()
    first.hand_on(second)
    assert first.read() is None
    camera.there = True
    assert second.read().t_stream_ns == 1


def test_a_leg_that_was_ended_gives_no_more_and_closes_its_source():
    source = Endless()
    leg = Leg(source)
    assert leg.read() is not None
    leg.end()
    assert leg.read() is None
    assert source.read_so_far == 1
    leg.close()
    assert source.closed == 1
