"""Pictures and time stamps that stand still, go back, or come too late: judged by values, no camera needed."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.sources.liveness import FrozenPicture, StreamTime

NS, MS = 1_000_000_000, 1_000_000
PERIOD_MS = 40


def picture(value, at=(5, 7)):
    image = np.zeros((64, 48, 3), np.uint8)
    image[at] = value
    return image


def test_a_picture_is_frozen_when_it_was_the_same_for_so_long():
    frozen = FrozenPicture(2.0)
    assert [frozen.see(picture(1), round(t_s * NS)) for t_s in (0, 1, 1.9, 2, 5)] == [False, False, False, True, True]
    assert not frozen.see(picture(2), 6 * NS)


def test_one_pixel_anywhere_shows_that_a_camera_lives():
    """Also in a row that the quick look leaves out."""
    frozen = FrozenPicture(1.0)
    seen = [frozen.see(picture(n % 2 + 1, at=(n % 64, 3)), n * NS) for n in range(20)]
    assert not any(seen)


def test_a_picture_of_another_size_is_another_picture():
    frozen = FrozenPicture(1.0)
    frozen.see(np.zeros((8, 8, 3), np.uint8), 0)
    assert not frozen.see(np.zeros((8, 16, 3), np.uint8), 5 * NS)


def test_a_camera_may_show_one_picture_for_ever_where_nobody_asks():
    frozen = FrozenPicture(0.0)
    assert not any(frozen.see(picture(1), n * NS) for n in range(100))


def times(stream, pairs):
    """The first problem of a stream whose times are given as (reported, arrived) in ms; None when there is none."""
    for reported_ms, arrived_ms in pairs:
        stream.see(reported_ms, round(arrived_ms * MS))
        if stream.problem is not None:
            return stream.problem
    return None


def steady(n, start_ms=0.0):
    return [(start_ms + k * PERIOD_MS, start_ms + k * PERIOD_MS) for k in range(n)]


def test_times_that_stand_still_are_a_problem_once_they_have_moved():
    still = [(360.0, 360 + k * PERIOD_MS) for k in range(1, 60)]
    assert times(StreamTime(2.0), [*steady(10), *still]) == "its time stamps stand still for 2 s"
    assert times(StreamTime(0.0), [*steady(10), *still]) is None


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_camera_that_states_no_times_has_none_that_stand_still(value):
    stream = StreamTime(1.0)
    assert times(stream, [(value, k * PERIOD_MS) for k in range(200)]) is None
    assert stream.behind_ms == 0.0


def test_times_that_go_back_are_a_problem_and_a_small_step_back_is_not():
    assert times(StreamTime(2.0), [*steady(10), (300.0, 400), (400.0, 440)]) is None
    back = [*steady(500), (0.0, 20_000)]
    assert times(StreamTime(2.0), back) == "its time stamps went back by 20.0 s"


def test_a_picture_that_waited_in_a_buffer_is_behind_by_the_time_that_it_waited():
    stream = StreamTime(2.0)
    assert times(stream, steady(20)) is None
    assert stream.behind_ms == 0.0
    stream.see(20 * PERIOD_MS, round((20 * PERIOD_MS + 900) * MS))
    assert stream.behind_ms == pytest.approx(900, abs=2)
    stream.see(21 * PERIOD_MS, round((20 * PERIOD_MS + 902) * MS))
    assert stream.behind_ms == pytest.approx(862, abs=2)


def test_clocks_that_drift_apart_are_no_backlog():
    """200 parts in a million over ten hours: the camera's clock runs 7 s late."""
    stream = StreamTime(2.0)
    for second in range(36_000):
        stream.see(second * 1000 * (1 - 200e-6), second * NS)
        assert stream.behind_ms < 10


def test_a_way_that_has_become_longer_is_the_usual_one_from_then_on():
    stream = StreamTime(2.0)
    times(stream, steady(20))
    stream.see(800, round(1100 * MS))
    assert stream.behind_ms == pytest.approx(300, abs=2)
    stream.newest()
    assert (stream.behind_ms, stream.problem) == (0.0, None)
    stream.see(840, round(1140 * MS))
    assert stream.behind_ms == pytest.approx(0, abs=1)


def test_pictures_that_come_later_and_later_are_given_up_for_a_new_connection():
    """A decoder that takes 50 ms for a picture every 40 ms falls behind by a fifth."""
    stream, taken = StreamTime(2.0), 0
    while stream.problem is None:
        stream.see(taken * PERIOD_MS, taken * 50 * MS)
        if stream.behind_ms > 150:
            stream.newest()
        taken += 1
    assert stream.problem.startswith("its pictures come 2.")
    assert taken * 10 < 3000
