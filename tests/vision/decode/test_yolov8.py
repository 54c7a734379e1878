import numpy as np
import pytest

from edge_runtime.errors import OutputError

from ..reference import assert_same_boxes, on_frame, suppress
from .blocks import VIEW, complaints, decoder


def rows_of(output, confidence):
    """Columns of cx, cy, w, h, classes… by the plain loop."""
    rows = []
    for anchor in range(output.shape[1]):
        cx, cy, w, h, *scores = output[:, anchor].tolist()
        best = max(range(len(scores)), key=scores.__getitem__)
        if scores[best] >= confidence:
            rows.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, scores[best], best))
    return rows


def test_a_crowd_decodes_as_the_plain_loop_does():
    rng = np.random.default_rng(8)
    centre, size = rng.uniform(0, 32, (1, 2, 300)), rng.uniform(4, 20, (1, 2, 300))
    output = np.concatenate([centre, size, rng.uniform(0, 1, (1, 2, 300))], axis=1).astype(np.float32)
    expected = suppress(on_frame(rows_of(output[0], 0.8), VIEW.view, 0.5, 0.25), 0.4)
    assert 10 < len(expected) < 100
    found = decoder(family="yolov8", confidence=0.8, iou=0.4).decode({"output0": output}, 0, VIEW)
    assert_same_boxes(found, expected)


def test_a_hand_made_box_is_where_it_was_put():
    output = np.zeros((1, 6, 20), np.float32)
    output[0, :, 7] = [32, 16, 16, 8, 0.3, 0.6]
    assert_same_boxes(decoder(family="yolov8").decode({"o": output}, 0, VIEW), [(48, 48, 80, 80, 0.6, 1)])


def test_at_most_max_detections_come_out_and_the_best_of_them():
    output = np.zeros((1, 6, 20), np.float32)
    for place in range(8):
        output[0, :, place] = [4 + 8 * place, 16, 6, 8, 0.5 + place / 100, 0]
    found = decoder(family="yolov8", max_detections=3).decode({"o": output}, 0, VIEW)
    np.testing.assert_allclose(found.confidence, [0.57, 0.56, 0.55])


def test_infinity_fails_the_frame():
    output = np.zeros((1, 6, 20), np.float32)
    output[0, 2, 7] = np.inf
    with pytest.raises(OutputError, match="output 'o' has 1 of 120 values"):
        decoder(family="yolov8").decode({"o": output}, 0, VIEW)


def test_a_yolov5_output_is_recognised():
    [(key, _, fix)] = complaints(decoder(family="yolov8", classes="coco"), output0=(1, 25200, 85))
    assert (key, fix) == ("decode.family", "Write family: yolov5, as YOLOv5 puts it")


def test_extra_rows_as_of_a_mask_head_are_refused():
    assert complaints(decoder(family="yolov8", classes="coco"), output0=(1, 84, 8400)) == []
    [(key, what, _)] = complaints(decoder(family="yolov8", classes="coco"), output0=(1, 116, 8400))
    assert (key, what) == ("decode.classes", "decode.classes names 80 classes, output 'output0' has 112 class columns")
