import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.core import COCO
from edge_runtime.sinks.draw import (
    DARK,
    PALETTE,
    SKY,
    WHITE,
    Style,
    class_color,
    draw_banner,
    draw_box,
    draw_label,
    draw_mask,
    label_size,
    place_labels,
    text_color,
)

from .results import triangle

STYLE = Style(540)


def black(width=320, height=240):
    return np.zeros((height, width, 3), np.uint8)


def test_a_class_has_one_colour_for_ever_and_the_road_classes_differ():
    assert class_color("car") == class_color("vehicle") == SKY
    assert class_color("something new") in PALETTE
    assert len({class_color(name) for name in ("car", "truck", "bus", "person", "bicycle", "stop sign")}) == 6
    assert {class_color(name) for name in COCO} <= set(PALETTE)


def test_text_is_readable_on_every_colour():
    assert (text_color(WHITE), text_color(DARK)) == (DARK, WHITE)


@pytest.mark.parametrize("box", [(100, 80, 160, 120), (50, 50, 54, 53)])
def test_a_box_is_drawn_around_the_object_and_not_on_it(box):
    image = black()
    draw_box(image, box, SKY, STYLE)
    x0, y0, x1, y1 = box
    assert not image[y0:y1, x0:x1].any()
    assert tuple(image[y0 - 1, x0].tolist()) == tuple(image[y1, x1].tolist()) == SKY


def test_a_label_fills_its_rectangle_with_the_class_colour():
    image = black()
    size = label_size("car 0.87 #12", STYLE)
    draw_label(image, "car 0.87 #12", (10, 10, 10 + size[0], 10 + size[1]), SKY, STYLE)
    inside = image[10 : 10 + size[1], 10 : 10 + size[0]]
    assert tuple(inside[0, 0].tolist()) == tuple(inside[-1, -1].tolist()) == SKY
    assert (inside != SKY).any(axis=2).mean() > 0.05  # there is text in it
    image[10 : 10 + size[1], 10 : 10 + size[0]] = 0
    assert not image.any()


def overlap(a, b):
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def test_a_label_hides_neither_its_object_nor_its_neighbour():
    boxes = np.array([[100, 100, 110, 106], [100, 84, 112, 92], [0, 0, 30, 20], [300, 230, 320, 240]], np.int32)
    sizes = [(60, 12)] * 4
    places = place_labels(boxes, sizes, (320, 240), gap=3)
    for rect, size in zip(places, sizes, strict=True):
        assert (rect[2] - rect[0], rect[3] - rect[1]) == size
        assert min(rect) >= 0
        assert rect[2] <= 320
        assert rect[3] <= 240
        assert sum(overlap(rect, box) for box in boxes.tolist()) == 0
    assert sum(overlap(a, b) for index, a in enumerate(places) for b in places[:index]) == 0


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 220), st.integers(0, 100), st.integers(0, 100)), max_size=12)
)
def test_labels_always_lie_inside_the_picture(raw):
    boxes = np.array([(x, y, min(320, x + w), min(240, y + h)) for x, y, w, h in raw], np.int32).reshape(-1, 4)
    for x0, y0, x1, y1 in place_labels(boxes, [(70, 14)] * len(boxes), (320, 240), gap=3):
        assert 0 <= x0 < x1 <= 320
        assert 0 <= y0 < y1 <= 240


def test_a_mask_tints_its_inside_outlines_it_and_leaves_the_rest():
    image = np.full((240, 320, 3), 100, np.uint8)
    masks = triangle()
    draw_mask(image, masks.planes[0], masks.xyxy, SKY, STYLE)
    assert (image[:110] == 100).all()
    assert (image[130, 200:] == 100).all()
    assert image[220, 60].tolist() == [round(100 * 0.7 + channel * 0.3) for channel in SKY]
    assert (np.abs(image.astype(int) - SKY).sum(axis=2) < 30).sum() > 150  # the contour


def test_an_empty_mask_and_one_that_reaches_out_of_the_picture_are_harmless():
    image = black()
    draw_mask(image, np.zeros((8, 8), np.uint8), (0, 0, 320, 240), SKY, STYLE)
    assert not image.any()
    draw_mask(image, np.ones((8, 8), np.uint8), (-100, -50, 420, 300), SKY, STYLE)
    assert image.all(axis=2).mean() > 0.9
    draw_mask(image, np.ones((8, 8), np.uint8), (400, 300, 500, 400), SKY, STYLE)


def test_a_hole_in_a_mask_stays_clear():
    image, plane = black(), np.ones((24, 32), np.uint8)
    plane[8:16, 8:24] = 0
    draw_mask(image, plane, (0, 0, 320, 240), SKY, STYLE)
    assert not image[110:130, 110:210].any()
    assert image[40, 40].any()


def test_a_banner_fits_the_picture_however_long_its_text():
    image = np.full((240, 320, 3), 200, np.uint8)
    below = draw_banner(image, "short", 0, None, STYLE)
    assert 10 < below < 40
    assert image[below // 2, 1].tolist() == [70, 70, 70]
    assert (image[below:] == 200).all()
    draw_banner(image, "x" * 500, below, SKY, STYLE)
    bar = (image[below + 1] == SKY).all(axis=1)
    assert bar[:250].all()
    assert (image[2 * below + 1 :] == 200).all()
    draw_banner(np.zeros((16, 16, 3), np.uint8), "too wide for it", 12, None, STYLE)
