import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.core import Detections
from edge_runtime.vision.merge import merge
from edge_runtime.vision.nms import iou_matrix

number = st.floats(-50, 50, width=32)
confidences = st.sampled_from([0.3, 0.5, 0.5, 0.9])


@st.composite
def detections(draw):
    count = draw(st.integers(0, 6))
    corners = np.array([[draw(number) for _ in range(4)] for _ in range(count)], np.float32).reshape(-1, 2, 2)
    xyxy = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    columns = [
        [draw(pick) for _ in range(count)] for pick in (confidences, st.integers(0, 1), st.sampled_from([-1, 1, 2]))
    ]
    return Detections.of(xyxy, *columns)


parts = st.lists(detections(), max_size=4)
thresholds = st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])


def rows(boxes):
    columns = (boxes.xyxy.tolist(), boxes.confidence.tolist(), boxes.class_id.tolist(), boxes.track_id.tolist())
    return [(*xyxy, *rest) for xyxy, *rest in zip(*columns, strict=True)]


@given(parts, thresholds)
def test_every_merged_box_is_one_that_went_in(parts, iou):
    given_rows = [row for part in parts for row in rows(part)]
    for row in rows(merge(parts, iou)):
        given_rows.remove(row)


@given(parts, thresholds, st.randoms())
def test_neither_the_order_of_stages_nor_that_of_rows_matters(parts, iou, random):
    shuffled = [part.take(np.array(random.sample(range(len(part)), len(part)), np.intp)) for part in parts]
    random.shuffle(shuffled)
    assert rows(merge(shuffled, iou)) == rows(merge(parts, iou))


@given(parts, thresholds)
def test_merging_again_changes_nothing(parts, iou):
    once = merge(parts, iou)
    assert rows(merge([once], iou)) == rows(once)


@given(parts, thresholds)
def test_no_two_merged_boxes_of_a_class_are_one_object_and_no_object_is_lost(parts, iou):
    merged, everything = merge(parts, iou), Detections.concatenate(parts)
    rival = (iou_matrix(merged.xyxy, merged.xyxy) > iou) & (merged.class_id[:, None] == merged.class_id)
    assert not np.triu(rival, 1).any()
    same = (iou_matrix(everything.xyxy, merged.xyxy) > iou) & (everything.class_id[:, None] == merged.class_id)
    kept = set(rows(merged))
    for row, covered in zip(rows(everything), same.any(axis=1), strict=True):
        assert covered or row in kept


def test_a_car_seen_by_two_networks_is_reported_once_by_the_surer_one():
    whole = Detections.of([[100, 100, 200, 200], [500, 100, 600, 200]], [0.6, 0.9], [2, 2])
    region = Detections.of([[102, 101, 201, 199], [100, 100, 200, 200]], [0.8, 0.7], [2, 7])
    merged = merge([whole, region], 0.5)
    np.testing.assert_allclose(merged.confidence, [0.9, 0.8, 0.7])
    np.testing.assert_array_equal(merged.class_id, [2, 2, 7])


def test_of_equally_sure_boxes_the_larger_then_the_leftmost_stays():
    small, large, right = [0, 0, 8, 10], [0, 0, 10, 10], [1, 0, 11, 10]
    merged = merge([Detections.of([small, right, large], [0.5] * 3, [0] * 3)], 0.5)
    np.testing.assert_array_equal(merged.xyxy, [large])


def test_of_identical_boxes_one_stays_whichever_came_first():
    named, other = (Detections.of([[0, 0, 8, 8]], [0.5], [0], [track]) for track in (1, 2))
    assert rows(merge([named, other], 0.5)) == rows(merge([other, named], 0.5))


def test_boxes_that_overlap_exactly_by_the_threshold_stay_apart():
    assert len(merge([Detections.of([[0, 0, 4, 2], [0, 0, 2, 2]], [0.9, 0.8], [0, 0])], 0.5)) == 2


def test_merging_nothing_gives_nothing():
    assert len(merge([], 0.5)) == 0
    assert len(merge([Detections.empty(), Detections.empty()], 0.5)) == 0
