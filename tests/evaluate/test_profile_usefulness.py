"""What a point is worth when its results come late, seldom, or are all the truth there is."""

import numpy as np
import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import Detections
from edge_runtime.errors import LabelError
from edge_runtime.evaluate.labels import parse_labels
from edge_runtime.evaluate.observe import Observation, Seen
from edge_runtime.evaluate.profile_usefulness import Judge, frames_within
from edge_runtime.evaluate.rules import Rules
from edge_runtime.evaluate.streaming import FrameCost
from tests.evaluate.coco import document

FPS, FRAMES = 25.0, 40


def moving(n):
    """A box that crosses the picture: an old result of it is a wrong one."""
    return [float(20 * n), 100.0, float(20 * n + 40), 140.0]


def run(cost=FrameCost(1.0, 5.0, 1.0), boxes=lambda n: [moving(n)]):  # noqa: B008
    seen = []
    for n in range(FRAMES):
        xyxy = np.array(boxes(n), np.float32).reshape(-1, 4)
        count = len(xyxy)
        found = Detections(
            xyxy, np.full(count, 0.9, np.float32), np.zeros(count, np.int32), np.full(count, -1, np.int32)
        )
        seen.append(Seen(n, n * 40_000_000, n * 40_000_000, 7.0, cost, found, None, False))
    return Observation(tuple(seen), FRAMES, FPS, ("car", "lane"), ())


@pytest.fixture
def judge(folder):
    """Judges by labels that are exactly what `run` finds."""
    loaded = load_pipeline(folder / "video.yaml")
    boxes = [
        (n, "car", [x0, y0, x1 - x0, y1 - y0], {"distance_m": 30.0})
        for n in range(FRAMES)
        for x0, y0, x1, y1 in [moving(n)]
    ]
    labels = parse_labels(document(boxes, images=FRAMES), "labels.json")
    return Judge.by_labels(loaded, labels, Rules(), "objects")


def test_results_that_come_a_frame_late_are_worth_little(judge):
    assert judge.usefulness(run(), "streaming-ap") < 0.2
    still = run(boxes=lambda n: [moving(FRAMES // 2)])
    assert judge.usefulness(still, "streaming-ap") < 0.2


def slow_scene(n):
    return [float(n), 100.0, float(n + 40), 140.0]


@pytest.fixture
def calm(folder):
    loaded = load_pipeline(folder / "video.yaml")
    best = run(boxes=lambda n: [slow_scene(n)])
    return Judge.by_best(loaded, best, "r2", Rules(), "objects"), best


def test_without_labels_the_truth_is_what_the_hardest_working_point_finds(calm):
    judge, best = calm
    assert judge.origin == "what r2 finds"
    full = judge.usefulness(best, "streaming-ap")
    half = judge.usefulness(run(boxes=lambda n: [slow_scene(n)] if n % 2 else []), "streaming-ap")
    assert 0 < half < full


def test_a_slower_board_and_a_cap_cost_usefulness(calm):
    judge, best = calm
    full = judge.usefulness(best, "streaming-ap")
    assert judge.usefulness(best, "streaming-ap", busy_ms=6.0) == full
    assert judge.usefulness(best, "streaming-ap", busy_ms=240.0) < full
    assert judge.usefulness(best, "streaming-ap", cap=5.0) < full


def test_recall_by_distance_takes_labels_that_know_distances(calm, judge):
    assert 0 <= judge.usefulness(run(), "recall-by-distance") <= 1
    with pytest.raises(LabelError, match="knows no distance_m"):
        calm[0].usefulness(calm[1], "recall-by-distance")


def test_a_cap_lets_through_as_many_frames_as_it_says():
    arrived = (np.arange(300) * 1e9 / 30).astype(np.int64)
    assert len(frames_within(arrived, 15.0)) == 150
    assert abs(len(frames_within(arrived, 20.0)) - 200) <= 1
    assert len(frames_within(arrived, None)) == 300
