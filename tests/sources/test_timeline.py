from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.sources.timeline import MAX_LEAP_NS, Timeline

MS = 1_000_000


def placed(reported_ms, timeline=None):
    timeline = timeline or Timeline(40 * MS)
    return [timeline.place(ms) // MS for ms in reported_ms], timeline.repaired


def test_good_times_pass_through_from_zero():
    assert placed([1400, 1440, 1500, 1540]) == ([0, 40, 100, 140], 0)


def test_a_first_time_taken_from_the_decoder_is_set_right_by_the_second():
    assert placed([-80, 40, 80]) == ([0, 40, 80], 0)
    assert placed([80, 40, 80]) == ([0, 40, 80], 0)


def test_no_times_at_all_fall_back_to_the_frame_rate():
    assert placed([0, 0, 0, 0]) == ([0, 40, 80, 120], 2)


def test_one_broken_time_does_not_move_the_others():
    assert placed([0, 40, 9_973_163, 120, 160]) == ([0, 40, 80, 120, 160], 1)


def test_a_second_pass_goes_on_where_the_first_ended():
    timeline = Timeline(40 * MS)
    assert placed([0, 40], timeline) == ([0, 40], 0)
    timeline.restart()
    assert placed([0, 40], timeline) == ([80, 120], 0)


@given(st.lists(st.one_of(st.floats(-1e7, 1e7), st.none()), max_size=80), st.integers(1, 10**9))
def test_stream_time_always_increases_and_never_leaps(reported_ms, period_ns):
    timeline = Timeline(period_ns)
    last_ns = -period_ns
    for ms in reported_ms:
        if ms is None:
            timeline.restart()
            continue
        t_ns = timeline.place(ms)
        assert last_ns < t_ns <= last_ns + max(period_ns, MAX_LEAP_NS)
        last_ns = t_ns
