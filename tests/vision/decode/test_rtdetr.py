import numpy as np
import pytest

from edge_runtime.errors import OutputError

from ..reference import assert_same_boxes, on_frame
from .blocks import VIEW, complaints, decoder


def queries(seed=0, count=50):
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.uniform(0, 1, (1, count, 2)), rng.uniform(0.05, 0.5, (1, count, 2))], axis=2)
    return boxes.astype(np.float32), rng.uniform(0, 1, (1, count, 2)).astype(np.float32)


def rows_of(boxes, scores, confidence):
    rows = []
    for (cx, cy, w, h), pair in zip(boxes.tolist(), scores.tolist(), strict=True):
        if max(pair) >= confidence:
            rows.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, max(pair), pair.index(max(pair))))
    return sorted(on_frame(rows, VIEW.view, 1 / 128, 1 / 128), key=lambda row: -row[4])


def test_one_output_decodes_as_the_plain_loop_does_and_nothing_is_suppressed():
    boxes, scores = queries()
    expected = rows_of(boxes[0], scores[0], 0.5)
    assert len(expected) > 20
    found = decoder(family="rtdetr", confidence=0.5)
    assert_same_boxes(found.decode({"output0": np.concatenate([boxes, scores], axis=2)}, 0, VIEW), expected)


def test_two_outputs_are_the_same_as_one():
    boxes, scores = queries()
    found = decoder(family="rtdetr", confidence=0.5, boxes="pred_boxes", scores="pred_logits")
    outputs = {"pred_logits": scores, "pred_boxes": boxes}
    assert_same_boxes(found.decode(outputs, 0, VIEW), rows_of(boxes[0], scores[0], 0.5))


def test_logits_go_through_a_sigmoid_when_the_block_says_so():
    output = np.array([[[0.5, 0.5, 0.5, 0.5, 0.0, -200.0], [0.5, 0.5, 0.5, 0.5, -9.0, 2.0]]], np.float32)
    found = decoder(family="rtdetr", activation="sigmoid", confidence=0.5).decode({"o": output}, 0, VIEW)
    assert_same_boxes(found, [(32, 32, 96, 96, 0.880797, 1), (32, 32, 96, 96, 0.5, 0)])


def test_nan_fails_the_frame_and_its_output_is_named():
    boxes, scores = queries()
    scores[0, 4, 1] = np.nan
    with pytest.raises(OutputError, match="output 's' has 1 of 100 values"):
        decoder(family="rtdetr", boxes="b", scores="s").decode({"b": boxes, "s": scores}, 0, VIEW)


def test_one_name_of_the_two_is_not_enough():
    [(key, what, _)] = complaints(decoder(family="rtdetr", boxes="b"), b=(1, 300, 4), s=(1, 300, 2))
    assert (key, what) == ("decode.scores", "decode.boxes is named and decode.scores is not")


def test_the_wrong_number_of_names_is_refused():
    assert complaints(decoder(family="rtdetr"), output0=(1, 300, 6)) == []
    [(key, what, _)] = complaints(decoder(family="rtdetr"), output0=(1, 300, 84))
    assert (key, what) == ("decode.classes", "decode.classes names 2 classes, output 'output0' has 80 class columns")
