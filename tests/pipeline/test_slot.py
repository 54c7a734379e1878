import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.pipeline.slot import NewestSlot, NewestSlots

MS = 1_000_000


def test_the_newest_item_replaces_the_one_nobody_took():
    slot = NewestSlot()
    for item in "abc":
        assert slot.put(item)
    assert slot.take() == "c"
    assert slot.overwritten == 2


def test_a_closed_slot_gives_what_it_holds_and_then_none():
    slot = NewestSlot()
    slot.put("last")
    slot.close()
    assert slot.put("late") is False
    assert slot.take() == "last"
    assert slot.take() is None


def test_a_waiting_writer_is_released_when_the_slot_closes():
    slot = NewestSlot()
    slot.put("first")
    taken = []
    writer = threading.Thread(target=lambda: taken.append(slot.put("second", wait=True)))
    writer.start()
    slot.close()
    writer.join(5)
    assert taken == [False]


@given(st.lists(st.sampled_from(["put", "take"]), max_size=60))
def test_every_item_put_is_taken_overwritten_or_still_inside(actions):
    slot: NewestSlot[int] = NewestSlot()
    put = taken = 0
    inside = False
    for action in actions:
        if action == "put":
            slot.put(put)
            put, inside = put + 1, True
        elif inside:
            assert slot.take() == put - 1
            taken, inside = taken + 1, False
    assert put == taken + slot.overwritten + inside


def test_a_fast_reader_and_a_waiting_writer_lose_nothing():
    slot: NewestSlot[int] = NewestSlot()

    def write():
        for item in range(2000):
            slot.put(item, wait=True)
        slot.close()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while (item := slot.take()) is not None:
        seen.append(item)
    writer.join(5)
    assert seen == list(range(2000))
    assert slot.overwritten == 0


class Ticking:
    """A clock that stands still until it is told to go on."""

    def __init__(self):
        self.now = 0

    def now_ns(self):
        return self.now


def slots(window_ms=0.0, in_step=False, clock=None):
    return NewestSlots(
        ["front", "left", "right"], window_ns=round(window_ms * MS), in_step=in_step, clock=clock or Ticking()
    )


def close_all(cameras):
    cameras.close()
    assert cameras.take_round() == []


def test_a_round_takes_the_newest_of_every_camera_that_has_something():
    cameras = slots()
    for n in range(5):
        cameras.of_camera["left"].put(f"left {n}")
    cameras.of_camera["front"].put("front 0")
    assert cameras.take_round() == ["front 0", "left 4"]
    assert {name: slot.overwritten for name, slot in cameras.of_camera.items()} == {"front": 0, "left": 4, "right": 0}
    assert cameras.overwritten == 4
    close_all(cameras)


def test_a_busy_camera_is_never_served_twice_before_another_is_served_once():
    cameras = slots()
    served = []
    for n in range(20):
        cameras.of_camera["left"].put("left")
        if n % 5 == 0:
            cameras.of_camera["right"].put("right")
        served.append(cameras.take_round())
    assert served[0] == ["left", "right"]
    assert sum("right" in one for one in served) == 4
    close_all(cameras)


def rhythm(cameras, clock, camera, times_ms):
    """Let a camera deliver at these times, each frame taken at once."""
    for t_ms in times_ms:
        clock.now = round(t_ms * MS)
        cameras.of_camera[camera].put(camera)
        cameras.take_round()


def test_a_frame_waits_only_for_cameras_whose_next_frame_is_due():
    clock = Ticking()
    cameras = slots(window_ms=5, clock=clock)
    rhythm(cameras, clock, "left", [0, 33, 66, 99])  # next at 132
    rhythm(cameras, clock, "right", [100, 110, 120])  # next at 130
    left, right = cameras.of_camera["left"], cameras.of_camera["right"]
    assert left.due_ns(round(128 * MS)) is None, "not within the window"
    assert left.due_ns(round(133 * MS)) == round(133 * MS), "due, and waited for until the window ends"
    assert right.due_ns(round(140 * MS)) == pytest.approx(132.5 * MS, abs=1e5), "a quarter of its interval late at most"
    assert cameras.of_camera["front"].due_ns(round(1e12)) is None, "never seen"
    left.put("left")
    assert left.due_ns(round(133 * MS)) is None, "there already"


def test_a_dead_camera_holds_nobody_up():
    clock = Ticking()
    cameras = slots(window_ms=5, clock=clock)
    rhythm(cameras, clock, "left", [0, 33, 66, 99])
    clock.now = 500 * MS  # left has been silent for twelve frames
    cameras.of_camera["front"].put("front")
    assert cameras.take_round() == ["front"]  # a clock that stands still would hang here if left were waited for


def test_a_frame_that_is_due_joins_the_round():
    cameras = NewestSlots(["front", "left"], window_ns=10_000 * MS, in_step=False, clock=(clock := Ticking()))
    rhythm(cameras, clock, "left", [0, 33, 66, 99])
    clock.now = 131 * MS
    cameras.of_camera["front"].put("front")
    taken = []
    reader = threading.Thread(target=lambda: taken.append(cameras.take_round()))
    reader.start()
    cameras.of_camera["left"].put("left")
    reader.join(10)
    assert taken == [["front", "left"]]


def test_files_go_in_step_until_they_end():
    cameras = slots(in_step=True)
    rounds = []

    def read():
        while one := cameras.take_round():
            rounds.append(one)

    reader = threading.Thread(target=read)
    reader.start()

    def write(camera, count):
        for n in range(count):
            cameras.of_camera[camera].put(n, wait=True)
        cameras.of_camera[camera].close()

    writers = [threading.Thread(target=write, args=each) for each in (("front", 9), ("left", 4), ("right", 2))]
    for writer in writers:
        writer.start()
    for thread in (*writers, reader):
        thread.join(10)
    assert rounds == [[0] * 3, [1] * 3, [2] * 2, [3] * 2, *([n] for n in range(4, 9))]
