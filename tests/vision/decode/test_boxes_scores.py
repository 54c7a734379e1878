import numpy as np
import pytest

from edge_runtime.config.schema import BoxesScoresDecode, InputBlock
from edge_runtime.core import ClassTable
from edge_runtime.errors import OutputError
from edge_runtime.vision.decode import make_decoder
from tests.material import ADAS, material

from ..reference import assert_same_boxes, on_frame, picture, run_network, suppress
from .blocks import VIEW, complaints, decoder

ROAD = {1: "vehicle", 2: "pedestrian"}
ADAS_INPUT = InputBlock(size=(672, 384), resize="stretch", color="bgr", scale=1.0)


@pytest.fixture(scope="module")
def adas():
    return run_network(material(ADAS), picture(material("images/bdd_0ace96c3-48481887.jpg")), ADAS_INPUT)


def test_the_real_network_decodes_as_the_plain_loop_does(adas):
    outputs, view = adas
    rows = []
    for (x0, y0, x1, y1), (_, vehicle, pedestrian) in zip(
        outputs["boxes"][0].tolist(), outputs["scores"][0].tolist(), strict=True
    ):
        if max(vehicle, pedestrian) >= 0.3:
            rows.append((x0, y0, x1, y1, max(vehicle, pedestrian), int(pedestrian > vehicle)))
    expected = suppress(on_frame(rows, (0, 0, 1280, 720), 1 / 1280, 1 / 720), 0.45)
    assert len(expected) >= 6
    block = BoxesScoresDecode(family="boxes_scores", classes=ROAD, confidence=0.3, iou=0.45)
    assert_same_boxes(make_decoder(block, ADAS_INPUT, ClassTable()).decode(outputs, 0, view), expected)


def test_the_real_network_finds_the_car_ahead(adas):
    outputs, view = adas
    block = BoxesScoresDecode(family="boxes_scores", classes=ROAD, confidence=0.99)
    found = make_decoder(block, ADAS_INPUT, ClassTable()).decode(outputs, 0, view)
    ahead = found.xyxy[np.abs(found.xyxy[:, [0, 2]].mean(axis=1) - 540).argmin()]
    np.testing.assert_allclose(ahead, [430, 238, 648, 406], atol=6)


def test_background_takes_no_part_when_the_others_are_named_by_index():
    outputs = {"boxes": np.array([[[0, 0, 0.5, 1]]], np.float32), "scores": np.array([[[0.55, 0.4, 0.05]]], np.float32)}
    found = decoder(family="boxes_scores", classes=ROAD).decode(outputs, 0, VIEW)
    assert_same_boxes(found, [(0, 0, 64, 128, 0.4, 0)])


@pytest.mark.parametrize(
    ("box_format", "normalized", "box"),
    [
        ("xyxy", True, [0.25, 0.5, 0.5, 0.75]),
        ("cxcywh", True, [0.375, 0.625, 0.25, 0.25]),
        ("xyxy", False, [16, 16, 32, 24]),
        ("cxcywh", False, [24, 20, 16, 8]),
    ],
)
def test_every_way_to_write_a_box_is_the_same_box(box_format, normalized, box):
    outputs = {"b": np.array([[box]], np.float32), "s": np.array([[[0.9, 0.1]]], np.float32)}
    keys = {"boxes": "b", "scores": "s", "box_format": box_format, "normalized": normalized}
    found = decoder(family="boxes_scores", **keys).decode(outputs, 0, VIEW)
    assert_same_boxes(found, [(32, 64, 64, 96, 0.9, 0)])


@pytest.mark.parametrize("name", ["boxes", "scores"])
def test_the_output_that_holds_no_numbers_is_named(name):
    outputs = {"boxes": np.zeros((1, 3, 4), np.float32), "scores": np.zeros((1, 3, 2), np.float32)}
    outputs[name][0, 1] = np.nan
    with pytest.raises(OutputError, match=f"output '{name}' has"):
        decoder(family="boxes_scores").decode(outputs, 0, VIEW)


def test_a_missing_output_and_a_box_of_five_numbers_are_both_told():
    told = complaints(decoder(family="boxes_scores"), boxes=(1, 9, 5), score=(1, 9, 2))
    assert [key for key, _, _ in told] == ["decode.boxes", "decode.scores"]
    assert told[0][1] == "output 'boxes' is (1, 9, 5), expected (batch, n, 4)"
    assert told[1][2].startswith("Did you mean 'score'?")


def test_boxes_and_scores_must_be_as_many():
    [(key, what, _)] = complaints(decoder(family="boxes_scores"), boxes=(1, 9, 4), scores=(1, 8, 2))
    assert (key, what) == ("decode.scores", "output 'scores' has 8 rows, output 'boxes' has 9 boxes")


def test_an_index_that_the_network_does_not_have_is_refused():
    [(key, what, fix)] = complaints(
        decoder(family="boxes_scores", classes={3: "bus"}), boxes=(1, 9, 4), scores=(1, 9, 3)
    )
    assert (key, fix) == ("decode.classes", "Indices go from 0 to 2")
    assert what == "decode.classes names class 3, output 'scores' has 3 class columns"
