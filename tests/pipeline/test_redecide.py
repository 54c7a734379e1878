"""The governor is asked again exactly what it was asked, and what follows from its answers."""

import pytest

from edge_runtime.core import Decision, FrameStats, OperatingPoint
from edge_runtime.pipeline.redecide import Redecided
from edge_runtime.recording.documents import GovernorInputs
from edge_runtime.recording.reader import RecordedFrame

MS = 1_000_000


class Governor:
    """Answers with the points it was given, one after another."""

    def __init__(self, *points):
        self.points, self.asked = list(points), []

    def decide(self, sample, stats, ego_speed_mps):
        self.asked.append((sample, stats, ego_speed_mps))
        return decision(stats.t_ns, self.points.pop(0))


def decision(t_ns, point):
    return Decision(t_ns, OperatingPoint(point, regions=len(point)), None, f"{point}: because")


def inputs(n):
    return GovernorInputs(n, None, FrameStats(n * 200 * MS, 0.2), 20.0)


def frame(taken_ms, point):
    return RecordedFrame(0, "front", (taken_ms - 10) * MS, None, 20.0, "published", 30.0, point, {"queue": 10.0})


def replayed(*pairs, first=0):
    """Decisions of now and then, 200 ms apart."""
    again = Redecided(Governor(*(now for now, _ in pairs)))
    for n, (_, then) in enumerate(pairs, start=first):
        again.told(inputs(n))
        if then is not None:
            again.recorded(decision(inputs(n).t_ns, then))
    return again


def test_the_same_answers_are_identical():
    account = replayed(("a", "a"), ("b", "b")).account
    assert (account.made, account.compared, account.differing, account.identical) == (2, 2, 0, True)


def test_the_first_difference_comes_with_what_led_to_it():
    account = replayed(("a", "a"), ("b", "c"), ("b", "d")).account
    assert (account.differing, account.identical) == (2, False)
    first = account.first_difference
    assert (first.inputs, first.recorded.point.name, first.recomputed.point.name) == (inputs(1), "c", "b")
    assert account.document()["first_difference"]["n"] == 1


def test_from_the_middle_of_a_drive_nothing_follows():
    account = replayed(("a", "b"), first=7).account
    assert (account.differing, account.identical, account.from_beginning) == (1, None, False)


def test_without_recorded_decisions_there_is_nothing_to_compare():
    account = replayed(("a", None), ("b", None)).account
    assert (account.made, account.compared, account.identical) == (2, 0, None)


@pytest.mark.parametrize(
    ("taken_ms", "point", "runs"),
    [
        (100, "a", "a"),
        (300, "b", "b"),
        (200, "b", "b"),  # taken in the very moment, after the decision
        (201, "a", "a"),  # a moment later, but before it was in force
        (399, None, "b"),
    ],
)
def test_a_frame_runs_at_the_point_that_was_in_force_when_it_was_taken(taken_ms, point, runs):
    assert replayed(("a", "a"), ("b", "b")).point_of(frame(taken_ms, point)).name == runs


def test_a_frame_from_before_the_first_decision_runs_as_the_file_says():
    again = Redecided(Governor("a"))
    assert again.point_of(frame(100, "default")) == OperatingPoint()
    again.told(inputs(0))
    again.recorded(decision(0, "a"))
    assert again.point_of(frame(1, "default")) == OperatingPoint()


def test_where_the_governor_decides_otherwise_frames_run_at_its_new_point():
    again = replayed(("x", "a"), ("y", "b"))
    assert [again.point_of(frame(ms, then)).name for ms, then in ((100, "a"), (201, "a"), (300, "b"))] == [
        "x",
        "x",
        "y",
    ]


def test_without_a_governor_nothing_is_decided():
    again = Redecided(None)
    assert again.told(inputs(0)) is None
    again.recorded(decision(0, "a"))
    assert again.account.made == 0
    assert again.point_of(frame(100, "a")) == OperatingPoint()
