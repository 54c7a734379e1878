import numpy as np
import pytest

from edge_runtime.errors import OutputError

from ..reference import assert_same_boxes
from .blocks import VIEW, complaints, decoder

ROWS = np.array(
    [[[16, 8, 32, 16, 0.6, 1], [0, 0, 8, 8, 0.9, 0], [0, 0, 8, 8, 0.8, 0], [0, 0, 8, 8, 0.2, 1], [0, 0, 0, 0, 0.5, 0]]],
    np.float32,
)
EXPECTED = [(0, 0, 16, 32, 0.9, 0), (0, 0, 16, 32, 0.8, 0), (32, 32, 64, 64, 0.6, 1)]


def quartet(count, *, names=("num_dets", "det_boxes", "det_scores", "det_classes"), flat=False):
    columns = (ROWS[..., :4], ROWS[..., 4], ROWS[..., 5].astype(np.int32))
    counts = np.full((1,) if flat else (1, 1), count, np.int32)
    return dict(zip(names, (counts, *(column.copy() for column in columns)), strict=True))


def test_rows_of_six_come_out_best_first_without_further_suppression():
    assert_same_boxes(decoder(family="end2end").decode({"output0": ROWS}, 0, VIEW), EXPECTED)


@pytest.mark.parametrize(
    "names",
    [
        ("num_dets", "det_boxes", "det_scores", "det_classes"),
        ("num_detections", "boxes", "scores", "classes"),
        ("num", "bboxes", "scores", "labels"),
        ("num_detections", "nmsed_boxes", "nmsed_scores", "nmsed_classes"),
    ],
)
@pytest.mark.parametrize("flat", [False, True])
def test_four_outputs_are_recognised_by_their_usual_names(names, flat):
    outputs = quartet(5, names=names, flat=flat)
    found = decoder(family="end2end")
    assert complaints(found, **{name: value.shape for name, value in outputs.items()}) == []
    assert_same_boxes(found.decode(outputs, 0, VIEW), EXPECTED)


def test_four_outputs_of_other_names_are_named_in_the_block():
    names = ("n", "b", "s", "c")
    assert_same_boxes(decoder(family="end2end", outputs=names).decode(quartet(5, names=names), 0, VIEW), EXPECTED)
    [(key, what, _)] = complaints(decoder(family="end2end"), n=(1, 1), b=(1, 5, 4), s=(1, 5), c=(1, 5))
    assert (key, what) == ("decode.output", "the network has 4 outputs, and none is named")


def test_what_lies_beyond_the_count_is_not_read():
    outputs = quartet(2)
    outputs["det_boxes"][0, 2:] = np.nan
    outputs["det_classes"][0, 2:] = -7
    assert_same_boxes(decoder(family="end2end").decode(outputs, 0, VIEW), [EXPECTED[0], EXPECTED[2]])


@pytest.mark.parametrize("count", [-1, 6])
def test_a_count_that_cannot_be_fails_the_frame(count):
    with pytest.raises(OutputError, match=f"'num_dets' counts {count} boxes, output 'det_boxes' has room for 5"):
        decoder(family="end2end").decode(quartet(count), 0, VIEW)


def test_boxes_may_be_parts_of_the_input():
    rows = ROWS / np.array([64, 32, 64, 32, 1, 1], np.float32)
    assert_same_boxes(decoder(family="end2end", normalized=True).decode({"o": rows}, 0, VIEW), EXPECTED)


def test_only_named_classes_are_reported_when_they_are_named_by_index():
    found = decoder(family="end2end", classes={1: "truck"}).decode({"o": ROWS}, 0, VIEW)
    assert_same_boxes(found, [(32, 32, 64, 64, 0.6, 0)])


def test_a_class_beyond_a_complete_list_fails_the_frame():
    with pytest.raises(OutputError, match=r"output 'o' holds class 1, decode\.classes names 1"):
        decoder(family="end2end", classes=("car",)).decode({"o": ROWS}, 0, VIEW)


def test_nan_fails_the_frame():
    rows = ROWS.copy()
    rows[0, 3, 1] = np.nan
    with pytest.raises(OutputError, match="output 'o' has 1 of 30 values"):
        decoder(family="end2end").decode({"o": rows}, 0, VIEW)


def test_seven_columns_are_refused():
    [(key, what, _)] = complaints(decoder(family="end2end"), output=(1, 300, 7))
    assert (key, what) == ("decode.output", "output 'output' is (1, 300, 7), expected (batch, n, 6)")


def test_every_contradiction_of_the_four_is_told():
    shapes = {"num_dets": (1, 2), "boxes": (1, 100, 5), "scores": (1, 100), "labels": (1, 100, 1)}
    told = complaints(decoder(family="end2end"), **shapes)
    assert [key for key, _, _ in told] == ["decode.outputs"] * 3
    [(_, what, _)] = complaints(
        decoder(family="end2end"), num_dets=(1, 1), boxes=(1, 100, 4), scores=(1, 100), labels=(1, 99)
    )
    assert "differ in their number of boxes" in what
