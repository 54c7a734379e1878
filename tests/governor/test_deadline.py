import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.governor import DeadlineLimit


def seasoned(deadline_ms: float = 50.0, frame_ms: float = 20.0, region_ms: float = 5.0) -> DeadlineLimit:
    limit = DeadlineLimit(deadline_ms)
    for _ in range(100):
        limit.finished(frame_ms + 4 * region_ms, 4, 4 * region_ms)
    return limit


def test_before_the_first_frame_nothing_is_shed():
    assert DeadlineLimit(10.0).limit(age_ms=9.0, planned=6) == 6


def test_a_fresh_frame_keeps_its_regions_and_an_old_one_sheds_those_that_no_longer_fit():
    limit = seasoned()
    assert limit.limit(age_ms=0.0, planned=4) == 4
    assert limit.limit(age_ms=19.0, planned=4) == 2
    assert limit.limit(age_ms=45.0, planned=4) == 0


def test_slower_regions_are_learned():
    limit = seasoned()
    for _ in range(100):
        limit.finished(20.0 + 2 * 14.0, 2, 28.0)
    assert limit.limit(age_ms=0.0, planned=4) == 2


def test_what_is_shed_is_counted_and_protected_regions_go_last():
    limit = seasoned()
    limit.limit(age_ms=19.0, planned=4, protected=1)  # two are left, the protected one among them
    assert (limit.counts.planned, limit.counts.shed, limit.counts.protected_shed, limit.counts.frames) == (4, 2, 0, 1)
    limit.limit(age_ms=49.0, planned=3, protected=2)
    assert (limit.counts.planned, limit.counts.shed, limit.counts.protected_shed, limit.counts.frames) == (7, 5, 2, 2)


def test_a_deadline_must_lie_ahead():
    with pytest.raises(ValueError, match="deadline_ms must be above 0, got 0"):
        DeadlineLimit(0)


@given(st.floats(0, 200), st.integers(0, 20))
def test_never_more_than_planned_and_never_below_none(age_ms, planned):
    assert 0 <= seasoned().limit(age_ms, planned) <= planned
