"""Streaming AP with latencies made by hand: what is late is judged by the world as it is then."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.core import Detections
from edge_runtime.evaluate.accuracy import Case, capture_times, found_in, judge_streaming, stream_times
from edge_runtime.evaluate.labels import parse_labels
from edge_runtime.evaluate.observe import Observation, Seen
from edge_runtime.evaluate.rules import Rules
from edge_runtime.evaluate.streaming import NOTHING_YET, FrameCost, Schedule, virtual_schedule
from tests.evaluate.coco import CLASSES, boxes, document

PERIOD_MS = 40.0
FRAMES = 10


def times(frames=FRAMES):
    return np.arange(frames, dtype=np.int64) * round(PERIOD_MS * 1e6)


def cost(total_ms):
    return FrameCost(0.0, total_ms, 0.0)


def schedule(total_ms, in_flight=1, frames=FRAMES):
    return virtual_schedule(times(frames), [cost(total_ms)] * frames, in_flight)


def moving_car(frame):
    """A car that is nowhere near the place it had a frame before."""
    return [30 * frame, 0, 20, 20]


def case():
    labels = parse_labels(document([(n, "car", moving_car(n)) for n in range(FRAMES)], images=FRAMES), "test")
    return Case(labels, np.arange(FRAMES), CLASSES, CLASSES, {}, Rules())


def perfect_run(total_ms, *, lost=()):
    """A run that finds every car exactly; each frame cost `total_ms`."""
    period_ns = round(PERIOD_MS * 1e6)
    seen = [
        Seen(n, n * period_ns, n * period_ns, total_ms, cost(total_ms), boxes(("car", 0.9, moving_car(n))), None, False)
        for n in range(FRAMES)
        if n not in lost
    ]
    return Observation(tuple(seen), FRAMES, 1000 / PERIOD_MS, CLASSES, ())


def recall(streaming):
    return float(streaming.matches.found[0].mean())


def test_no_latency_is_the_offline_ap():
    offline = case().match(found_in([one.found for one in perfect_run(0.0).seen]), case().kinds)
    streaming = judge_streaming(case(), perfect_run(0.0), np.arange(FRAMES), "virtual", 1)
    assert streaming.matches.ap()[0] == offline.ap()[0] == pytest.approx(1.0)
    assert streaming.behind.tolist() == [0.0] * FRAMES


@pytest.mark.parametrize(("latency_ms", "late_by"), [(1.0, 1), (PERIOD_MS, 1)])
def test_within_one_period_every_frame_shows_the_frame_before(latency_ms, late_by):
    newest = schedule(latency_ms).newest_at(times())
    assert newest.tolist() == [NOTHING_YET, *range(FRAMES - late_by)]


def test_two_periods_overlapped_in_time_show_every_other_frame_two_late():
    newest = schedule(2 * PERIOD_MS).newest_at(times())
    assert newest.tolist() == [NOTHING_YET, NOTHING_YET, 0, 0, 2, 2, 4, 4, 6, 6]


def test_a_frame_of_latency_costs_every_car_that_moved_on():
    streaming = judge_streaming(case(), perfect_run(PERIOD_MS), np.arange(FRAMES), "virtual", 1)
    assert recall(streaming) == 0.0
    assert streaming.behind[1:].tolist() == [1.0] * (FRAMES - 1)
    assert np.isnan(streaming.behind[0])
    assert streaming.latency_ms == pytest.approx(PERIOD_MS)


def test_labels_shifted_by_the_latency_are_found_again():
    shifted = document([(n + 1, "car", moving_car(n)) for n in range(FRAMES - 1)], images=FRAMES)
    late = Case(parse_labels(shifted, "test"), np.arange(FRAMES), CLASSES, CLASSES, {}, Rules())
    streaming = judge_streaming(late, perfect_run(PERIOD_MS), np.arange(FRAMES), "virtual", 1)
    assert recall(streaming) == 1.0


def test_the_newest_frame_wins_and_those_between_are_never_worked_on():
    assert schedule(2.5 * PERIOD_MS).frame.tolist() == [0, 2, 5, 7, 9]


def test_networks_work_on_one_frame_at_a_time_however_many_are_in_flight():
    done = schedule(2 * PERIOD_MS, in_flight=3)
    assert np.diff(done.published_ns).min() >= 2 * PERIOD_MS * 1e6


def test_overlap_hides_the_preparation_of_the_next_frame():
    costs = [FrameCost(10.0, 40.0, 10.0)] * FRAMES
    alone, overlapped = (virtual_schedule(times(), costs, in_flight) for in_flight in (1, 2))
    assert np.diff(alone.published_ns).min() == 60e6
    assert np.diff(overlapped.published_ns).max() == 40e6
    assert len(overlapped.frame) == FRAMES


def test_the_same_costs_give_the_same_schedule():
    costs = [cost(float(ms)) for ms in np.random.default_rng(1).uniform(5, 90, 200)]
    first, second = (virtual_schedule(times(200), costs, 2) for _ in range(2))
    assert first.frame.tolist() == second.frame.tolist()
    assert first.published_ns.tolist() == second.published_ns.tolist()
    assert (np.diff(first.published_ns) > 0).all()


def test_live_results_are_judged_by_their_measured_times():
    streaming = judge_streaming(case(), perfect_run(PERIOD_MS, lost=(3, 4)), np.arange(FRAMES), "live", 2)
    behind = streaming.behind[1:].tolist()
    assert behind == [1.0, 1.0, 1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 1.0]
    assert streaming.published == FRAMES - 2
    assert streaming.captured == FRAMES


def test_the_capture_of_a_lost_frame_lies_between_its_neighbours():
    run = perfect_run(1.0, lost=(0, 4, 5, 9))
    assert capture_times(run).tolist() == times().tolist()


def test_a_stream_without_times_goes_at_its_rate():
    seen = [Seen(n, 0, None, 1.0, cost(1.0), Detections.empty(), None, False) for n in range(3)]
    assert stream_times(Observation(tuple(seen), 3, 25.0, CLASSES, ())).tolist() == [0, 40_000_000, 80_000_000]


def test_before_the_first_result_nothing_is_known():
    nothing = Schedule(np.empty(0, np.intp), np.empty(0, np.int64))
    assert nothing.newest_at(times(2)).tolist() == [NOTHING_YET, NOTHING_YET]
