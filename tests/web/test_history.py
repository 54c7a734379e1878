"""Five minutes in rows, and a page that gets each of them once."""

from __future__ import annotations

from edge_runtime.core.quantiles import Quantiles
from edge_runtime.pipeline.accounts import FrameCounts, Snapshot
from edge_runtime.pipeline.cameras import CameraVitals
from edge_runtime.pipeline.outages import CameraAccount
from edge_runtime.pipeline.steered import SteeringState
from edge_runtime.pipeline.vitals import Vitals
from edge_runtime.web.history import NS, SECONDS, History
from edge_runtime.web.readiness import readiness


def vitals(published=0, fps=None, p50=None, failed=0, ended=False, error=None, steering=None, no_picture=None):
    counts = FrameCounts(captured=published + failed, published=published, failed=failed)
    return Vitals(
        name="drive", models={}, points=(), steering=steering, latency=Quantiles(), stages={},
        snapshot=Snapshot(counts, 1.0, fps, p50, p50, {}), budgets={}, sinks={}, notices=(),
        cameras={"front": CameraVitals(counts, fps, Quantiles(), CameraAccount(0, 0.0, 0.0), no_picture)},
        recoveries=0,
        ended=ended, error=error,
    )  # fmt: skip


def test_only_the_last_five_minutes_are_kept():
    history = History()
    for second in range(SECONDS + 10):
        history.add(second * NS, None)
    assert history.count == SECONDS + 10
    assert [row.t_s for row in history.since(0)] == list(range(10, SECONDS + 10))


def test_a_page_is_given_only_what_it_does_not_have():
    history = History()
    for second in range(5):
        history.add(second * NS, None)
    assert [row.t_s for row in history.since(3)] == [3, 4]
    assert history.since(5) == []
    assert len(history.since(9)) == 5  # a number of another time


def test_a_second_without_a_run_or_a_sensor_is_unknown_and_not_zero():
    history = History()
    history.add(0, None)
    history.add(NS, vitals(steering=SteeringState(None, 40.0, None, None, None)))
    assert [(row.fps, row.power_w) for row in history.since(0)] == [(None, None), (None, None)]


def test_a_camera_that_falls_silent_is_a_rate_of_zero():
    history = History()
    history.add(0, vitals(published=30, fps=30.0, p50=20.0))
    history.add(NS, vitals(published=30))
    assert history.fps == 0.0


def test_two_frames_right_after_each_other_are_no_rate_of_600():
    history = History()
    history.add(0, vitals())
    history.add(NS, vitals(published=2, fps=600.0, p50=20.0))
    assert history.fps == 3.0
    history.add(2 * NS, vitals(published=32, fps=29.9, p50=20.0))
    assert history.fps == 29.9


def test_ready_takes_a_result_and_no_end():
    assert readiness(None)[0] is False
    assert readiness(vitals(failed=3)) == (False, "waiting for the first result; 3 frames failed")
    assert readiness(vitals(published=1)) == (True, "ready")
    assert readiness(vitals(published=9, ended=True)) == (False, "the source has ended")
    assert readiness(vitals(published=9, ended=True, error="no GPU")) == (False, "failed: no GPU")
