import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.vision.nms import areas, iou_matrix, nms

from .reference import overlap, suppress


@st.composite
def rows(draw, most=12):
    """Boxes on a coarse grid, so that they overlap, touch, coincide and are empty often enough."""
    grid = st.integers(-8, 8)
    count = draw(st.integers(0, most))
    boxes = []
    for place in range(count):
        x, y, w, h = draw(grid), draw(grid), draw(st.integers(0, 6)), draw(st.integers(0, 6))
        boxes.append((x, y, x + w, y + h, 1 - place / 16, draw(st.integers(0, 2))))
    return draw(st.permutations(boxes))


def columns(rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    return table[:, :4], table[:, 4], table[:, 5].astype(np.int32)


thresholds = st.sampled_from([0.0, 0.11, 0.33, 0.52, 0.77, 1.0])


@given(rows(), thresholds)
def test_suppression_agrees_with_the_plain_loop(rows, iou):
    kept = nms(*columns(rows), iou)
    with_area = [row for row in rows if row[2] > row[0] and row[3] > row[1]]
    assert [rows[index] for index in kept] == suppress(with_area, iou)


@given(rows(), thresholds)
def test_survivors_do_not_overlap_and_the_suppressed_had_a_better_one(rows, iou):
    xyxy, confidence, class_id = columns(rows)
    kept = nms(xyxy, confidence, class_id, iou)
    rival = (iou_matrix(xyxy, xyxy) > iou + 1e-6) & (class_id[:, None] == class_id[None, :])
    assert not np.triu(rival[np.ix_(kept, kept)], 1).any()
    for lost in set(np.flatnonzero(areas(xyxy) > 0)) - set(kept):
        assert any(rival[lost, better] and confidence[better] > confidence[lost] for better in kept)


@given(rows(), thresholds)
def test_suppressing_twice_changes_nothing(rows, iou):
    table = columns(rows)
    once = nms(*table, iou)
    again = nms(*(column[once] for column in table), iou)
    np.testing.assert_array_equal(again, np.arange(len(once)))


def test_nothing_in_is_nothing_out():
    assert nms(np.empty((0, 4), np.float32), np.empty(0), np.empty(0, np.int32), 0.5).shape == (0,)


def test_boxes_without_area_neither_stay_nor_suppress():
    boxes = np.array([[5, 5, 5, 9], [50, 50, 60, 60], [9, 9, 9, 9], [50, 50, 40, 40]], np.float32)
    np.testing.assert_array_equal(nms(boxes, np.array([0.9, 0.8, 0.7, 0.6]), np.zeros(4, np.int32), 0.5), [1])


def test_classes_stay_apart_also_left_of_and_above_the_origin():
    boxes = np.array([[400, 400, 500, 500], [-101, -101, -1, -1]], np.float32)
    np.testing.assert_array_equal(nms(boxes, np.array([0.9, 0.8]), np.array([0, 1]), 0.5), [0, 1])


def test_a_confidence_of_zero_is_still_a_box():
    boxes = np.array([[0, 0, 1, 1], [5, 5, 9, 9]], np.float32)
    np.testing.assert_array_equal(nms(boxes, np.zeros(2, np.float32), np.zeros(2, np.int32), 0.5), [0, 1])


@given(rows())
def test_iou_is_symmetric_and_agrees_with_the_plain_formula(rows):
    xyxy, _, _ = columns(rows)
    matrix = iou_matrix(xyxy, xyxy)
    np.testing.assert_array_equal(matrix, matrix.T)
    expected = [[overlap(a, b) for b in rows] for a in rows]
    np.testing.assert_allclose(matrix, np.array(expected).reshape(matrix.shape), atol=1e-12)


def test_iou_of_half_a_box_is_a_half():
    whole, half, far = [0, 0, 4, 2], [0, 0, 2, 2], [9, 9, 10, 10]
    np.testing.assert_array_equal(iou_matrix(np.array([whole]), np.array([whole, half, far])), [[1.0, 0.5, 0.0]])
