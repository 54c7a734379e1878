import numpy as np
import pytest

from edge_runtime.errors import OutputError

from ..reference import assert_same_boxes, on_frame, suppress
from .blocks import VIEW, complaints, decoder


def rows_of(output, confidence):
    """cx, cy, w, h, objectness, classes… by the plain loop."""
    rows = []
    for cx, cy, w, h, objectness, *scores in output.tolist():
        best = max(range(len(scores)), key=scores.__getitem__)
        if objectness * scores[best] >= confidence:
            rows.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, objectness * scores[best], best))
    return rows


def test_a_crowd_decodes_as_the_plain_loop_does():
    rng = np.random.default_rng(5)
    centre, size = rng.uniform([0, 0], [64, 32], (2, 200, 2)), rng.uniform(4, 20, (2, 200, 2))
    output = np.concatenate([centre, size, rng.uniform(0, 1, (2, 200, 3))], axis=2).astype(np.float32)
    expected = suppress(on_frame(rows_of(output[1], 0.3), VIEW.view, 0.5, 0.25), 0.5)
    assert 10 < len(expected) < 100
    found = decoder(family="yolov5", confidence=0.3).decode({"output0": output}, 1, VIEW)
    assert_same_boxes(found, expected)


def test_a_hand_made_box_is_where_it_was_put():
    output = np.array([[[32, 16, 16, 8, 0.9, 0.1, 0.8], [32, 16, 16, 8, 0.1, 0.9, 0.9]]], np.float32)
    found = decoder(family="yolov5").decode({"output0": output}, 0, VIEW)
    assert_same_boxes(found, [(48, 48, 80, 80, 0.72, 1)])


def test_a_class_column_that_is_no_number_fails_the_frame():
    output = np.zeros((1, 20, 7), np.float32)
    output[0, 9, 6] = np.nan
    with pytest.raises(OutputError, match="output 'output0' has 1 of 140 values"):
        decoder(family="yolov5").decode({"output0": output}, 0, VIEW)


def test_a_yolov8_output_is_recognised():
    [(key, what, fix)] = complaints(decoder(family="yolov5", classes="coco"), output0=(1, 84, 8400))
    assert (key, fix) == ("decode.family", "Write family: yolov8, as YOLOv8 and YOLO11 put it")
    assert "the other way round" in what


def test_the_wrong_number_of_names_is_refused():
    assert complaints(decoder(family="yolov5"), output0=(1, 25200, 7)) == []
    [(key, what, _)] = complaints(decoder(family="yolov5"), output0=(1, 25200, 85))
    assert (key, what) == ("decode.classes", "decode.classes names 2 classes, output 'output0' has 80 class columns")


def test_several_outputs_need_a_name():
    shapes = {"output0": (1, 25200, 7), "p3": (1, 3, 80, 80, 7)}
    [(key, what, fix)] = complaints(decoder(family="yolov5"), **shapes)
    assert (key, what) == ("decode.output", "the network has 2 outputs, and none is named")
    assert fix == "It has 'output0' (1, 25200, 7), 'p3' (1, 3, 80, 80, 7)"
    named = decoder(family="yolov5", output="output0")
    assert complaints(named, **shapes) == []
    output = np.array([[[32, 16, 16, 8, 0.9, 0.1, 0.8]] * 8], np.float32)
    assert len(named.decode({"p3": np.empty((1, 3, 80, 80, 7)), "output0": output}, 0, VIEW)) == 1


def test_a_misspelt_output_gets_a_suggestion():
    [(key, what, fix)] = complaints(decoder(family="yolov5", output="outputO"), output0=(1, 25200, None))
    assert (key, what) == ("decode.output", "the network has no output 'outputO'")
    assert fix == "Did you mean 'output0'? It has 'output0' (1, 25200, ?)"


def test_an_output_of_another_rank_is_refused():
    [(key, what, _)] = complaints(decoder(family="yolov5"), output0=(1, 3, 80, 80, 7))
    assert (key, what) == (
        "decode.output",
        "output 'output0' is (1, 3, 80, 80, 7), expected (batch, boxes, 5 + classes)",
    )
