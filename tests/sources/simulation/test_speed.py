import numpy as np
import pytest

from edge_runtime.sources.simulation.speed import SpeedProfile


def test_one_speed_is_kept():
    profile = SpeedProfile([(0.0, 36.0)])
    assert (profile.speed_mps(5), profile.travelled_m(5)) == (10, 50)


def test_between_two_points_the_speed_rises_in_a_straight_line():
    profile = SpeedProfile([(2.0, 36.0), (6.0, 72.0)])
    assert profile.speed_mps(4) == 15
    # 2 s at 10 m/s, then 4 s at 15 m/s on average, then 20 m/s.
    assert [profile.travelled_m(t) for t in (2, 6, 10)] == [20, 80, 160]


def test_the_time_of_a_place_is_when_it_is_reached():
    profile = SpeedProfile([(0.0, 36.0), (10.0, 72.0)])
    times = profile.times_at_s(np.array([100.0, profile.travelled_m(7.3), 1e9]), 20.0)
    assert times == pytest.approx([profile.times_at_s(np.array([100.0]), 20.0)[0], 7.3, 20.0], abs=0.01)


def test_seconds_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match=r"must rise, got \[5.0, 5.0\]"):
        SpeedProfile([(5.0, 36.0), (5.0, 72.0)])
