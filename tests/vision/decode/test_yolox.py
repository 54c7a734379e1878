import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock, YoloxDecode
from edge_runtime.core import COCO, ClassTable
from edge_runtime.errors import OutputError
from edge_runtime.vision.decode import make_decoder
from tests.material import HIGHWAY, YOLOX, material

from ..reference import assert_same_boxes, on_frame, picture, run_network, suppress, yolox_rows
from .blocks import VIEW, complaints, decoder

NANO_INPUT = InputBlock(size=(416, 416), resize="letterbox_top_left", color="bgr", scale=1.0)
ANCHORS = 8 * 4 + 4 * 2 + 2 * 1


def output(**by_anchor):
    values = np.zeros((1, ANCHORS, 7), np.float32)
    for anchor, row in by_anchor.items():
        values[0, int(anchor[1:])] = row
    return {"output": values}


@pytest.fixture(scope="module")
def nano():
    return run_network(material(YOLOX), picture(material(HIGHWAY), 100), NANO_INPUT)


@pytest.mark.parametrize("confidence", [0.05, 0.35])
def test_the_real_network_decodes_as_the_plain_loop_does(nano, confidence):
    outputs, view = nano
    block = YoloxDecode(family="yolox", classes="coco", confidence=confidence)
    rows = yolox_rows(outputs["output"][0], 416, 416, (8, 16, 32), confidence)
    expected = suppress(on_frame(rows, (0, 0, 960, 540), 416 / 960, 234 / 540), 0.5)
    assert len(expected) >= 3
    assert_same_boxes(make_decoder(block, NANO_INPUT, ClassTable()).decode(outputs, 0, view), expected)


def test_the_real_network_finds_the_two_near_cars(nano):
    outputs, view = nano
    found = make_decoder(YoloxDecode(family="yolox", classes="coco", keep=("car",)), NANO_INPUT, ClassTable())
    cars = found.decode(outputs, 0, view)
    np.testing.assert_allclose(cars.xyxy, [[0, 292, 97, 394], [154, 294, 229, 341]], atol=3)


def test_the_real_network_fits_its_block(nano):
    shape = nano[0]["output"].shape
    block = YoloxDecode(family="yolox", classes="coco")
    assert make_decoder(block, NANO_INPUT, ClassTable()).check({"output": shape}) == []


def test_a_hand_made_cell_becomes_the_box_of_its_stride():
    # anchor 37 is cell (1, 1) of stride 16: centre (24, 24), size 16 x 8, in a frame twice as wide and 4 times as high
    found = decoder(family="yolox").decode(output(a37=[0.5, 0.5, 0, np.log(0.5), 0.9, 0.2, 0.8]), 0, VIEW)
    np.testing.assert_allclose(found.xyxy, [[32, 80, 64, 112]], atol=1e-3)
    np.testing.assert_allclose(found.confidence, [0.72], rtol=1e-6)
    assert found.class_id.tolist() == [1]
    assert found.track_id.tolist() == [-1]


@pytest.mark.parametrize(("objectness", "score"), [(1.0, 0.5), (0.5, 1.0)])
def test_the_threshold_itself_is_confident_enough(objectness, score):
    row = [0.5, 0.5, 0, 0, objectness, score, 0]
    assert len(decoder(family="yolox", confidence=0.5).decode(output(a0=row), 0, VIEW)) == 1
    assert len(decoder(family="yolox", confidence=0.501).decode(output(a0=row), 0, VIEW)) == 0


def test_each_row_of_a_batch_is_read_by_itself():
    first, second = output(a0=[0.5, 0.5, 0, 0, 0.9, 0.9, 0])["output"], output()["output"]
    batch = {"output": np.concatenate([second, first])}
    assert [len(decoder(family="yolox").decode(batch, row, VIEW)) for row in (0, 1)] == [0, 1]


def test_a_size_beyond_all_bounds_is_cut_at_the_view():
    with np.errstate(all="raise"):
        found = decoder(family="yolox").decode(output(a37=[0.5, 0.5, 99, 99, 0.9, 0.9, 0]), 0, VIEW)
    np.testing.assert_array_equal(found.xyxy, [[0, 0, 128, 128]])


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_fails_the_frame(poison):
    outputs = output()
    outputs["output"][0, 3, 2:4] = poison
    with pytest.raises(OutputError, match=r"output 'output' has 2 of 294 values that are NaN or infinite"):
        decoder(family="yolox").decode(outputs, 0, VIEW)


def test_half_precision_outputs_are_read_too():
    outputs = {"output": output(a37=[0.5, 0.5, 0, 0, 0.9, 0.2, 0.8])["output"].astype(np.float16)}
    np.testing.assert_allclose(decoder(family="yolox").decode(outputs, 0, VIEW).xyxy, [[32, 64, 64, 128]], atol=0.1)


def test_three_names_for_eighty_columns_are_refused():
    block = decoder(family="yolox", classes=("car", "truck", "bus"))
    assert complaints(block, output=(1, ANCHORS, 85)) == [
        (
            "decode.classes",
            "decode.classes names 3 classes, output 'output' has 80 class columns",
            "List 80 names, or {index: name} to use only some; the 80 of COCO are classes: coco",
        )
    ]


def test_another_number_of_boxes_than_the_strides_make_is_refused():
    [(key, what, _)] = complaints(decoder(family="yolox"), output=(1, 43, 7))
    assert key == "decode.strides"
    assert what == "output 'output' has 43 boxes, size [64, 32] with strides [8, 16, 32] makes 42"


def test_lengths_that_are_unknown_are_checked_when_they_are_known():
    found = decoder(family="yolox", classes="coco")
    assert complaints(found, output=(None, None, None)) == []
    with pytest.raises(OutputError, match=f"names {len(COCO)} classes, output 'output' has 2 class columns"):
        found.decode(output(), 0, VIEW)
