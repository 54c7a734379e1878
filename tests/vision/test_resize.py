import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.vision.resize import ViewTransform, plan_view

RESIZES = ("stretch", "letterbox", "letterbox_top_left")
side = st.integers(8, 4000)


@st.composite
def views(draw):
    x, y = draw(st.integers(0, 4000)), draw(st.integers(0, 3000))
    view = (x, y, x + draw(side), y + draw(side))
    return plan_view(view, (draw(side), draw(side)), draw(st.sampled_from(RESIZES)))


@st.composite
def boxes_in(draw, rect):
    x0, y0, x1, y1 = rect
    unit = st.floats(0, 1)
    corners = [(draw(unit), draw(unit), draw(unit), draw(unit)) for _ in range(draw(st.integers(1, 5)))]
    scaled = np.array(corners) * [x1 - x0, y1 - y0, x1 - x0, y1 - y0] + [x0, y0, x0, y0]
    return np.concatenate([np.minimum(scaled[:, :2], scaled[:, 2:]), np.maximum(scaled[:, :2], scaled[:, 2:])], axis=1)


@given(st.data())
def test_boxes_come_back_from_the_network_within_half_a_pixel(data):
    transform = data.draw(views())
    boxes = data.draw(boxes_in(transform.view))
    assert np.abs(transform.to_frame(transform.to_network(boxes)) - boxes).max() <= 0.5


@given(views())
def test_the_edges_of_the_view_are_the_edges_of_the_picture(transform):
    view, picture = np.array([transform.view]), np.array([transform.picture])
    np.testing.assert_allclose(transform.to_network(view), picture, atol=0.05)
    np.testing.assert_allclose(transform.to_frame(picture), view, atol=0.05)


@given(views(), st.sampled_from(RESIZES))
def test_a_letterboxed_picture_keeps_its_shape_and_touches_two_edges(transform, resize):
    view, size = transform.view, transform.input_size
    planned = plan_view(view, size, resize)
    left, top, right, bottom = planned.picture
    assert (right - left == size[0]) or (bottom - top == size[1])
    if resize == "stretch":
        assert planned.picture == (0, 0, *size)
        return
    scale = min(size[0] / (view[2] - view[0]), size[1] / (view[3] - view[1]))
    assert right - left == pytest.approx(max((view[2] - view[0]) * scale, 1), abs=0.51)
    assert bottom - top == pytest.approx(max((view[3] - view[1]) * scale, 1), abs=0.51)
    if resize == "letterbox_top_left":
        assert (left, top) == (0, 0)
    else:
        assert 0 <= (size[0] - right) - left <= 1
        assert 0 <= (size[1] - bottom) - top <= 1


def test_a_wide_frame_is_padded_below_or_on_both_sides():
    assert plan_view((0, 0, 960, 540), (416, 416), "letterbox_top_left").picture == (0, 0, 416, 234)
    assert plan_view((0, 0, 960, 540), (416, 416), "letterbox").picture == (0, 91, 416, 325)
    assert plan_view((0, 0, 960, 540), (416, 416), "stretch").picture == (0, 0, 416, 416)


def test_a_region_far_from_the_origin_is_found_where_it_is():
    transform = plan_view((1000, 500, 1416, 916), (416, 416), "letterbox")
    np.testing.assert_allclose(transform.to_frame(np.array([[10, 20, 30, 40]])), [[1010, 520, 1030, 540]])


def test_the_scale_is_that_of_the_rounded_picture():
    transform = plan_view((0, 0, 1000, 333), (100, 100), "letterbox_top_left")
    assert transform.picture == (0, 0, 100, 33)
    np.testing.assert_allclose(transform.to_frame(np.array([[0, 0, 100, 33]])), [[0, 0, 1000, 333]], atol=1e-3)


@pytest.mark.parametrize(("resize", "view"), [("letterbox", (0, 0, 960, 540)), ("stretch", (64, 40, 704, 440))])
def test_a_painted_rectangle_is_where_to_network_says(resize, view):
    image = np.zeros((540, 960), np.uint8)
    image[200:300, 240:480] = 255
    transform = plan_view(view, (416, 416), resize)
    left, top, right, bottom = transform.picture
    seen = cv2.resize(image[view[1] : view[3], view[0] : view[2]], (right - left, bottom - top))
    y, x = np.nonzero(seen > 127)
    painted = [x.min() + left, y.min() + top, x.max() + 1 + left, y.max() + 1 + top]
    np.testing.assert_allclose(transform.to_network(np.array([[240, 200, 480, 300]]))[0], painted, atol=0.75)


def test_clipping_cuts_at_the_view_and_leaves_nothing_of_a_box_in_the_padding():
    transform = plan_view((100, 100, 300, 200), (200, 200), "letterbox_top_left")
    clipped = transform.clip(np.array([[0, 0, 500, 150], [150, 250, 200, 260]], np.float32))
    np.testing.assert_array_equal(clipped, [[100, 100, 300, 150], [150, 200, 200, 200]])
    assert clipped.dtype == np.float32


@pytest.mark.parametrize(("view", "picture"), [((5, 0, 5, 9), (0, 0, 8, 8)), ((0, 0, 9, 9), (0, 0, 9, 8))])
def test_an_empty_view_or_a_picture_beyond_the_input_is_refused(view, picture):
    with pytest.raises(ValueError, match=r"view|picture"):
        ViewTransform(view, picture, (8, 8))
