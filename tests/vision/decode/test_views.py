"""All views of a call decoded in one go are each decoded as by itself, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.core.reduction import SelectedRows
from edge_runtime.vision.decode.select import select_rows
from edge_runtime.vision.resize import plan_view

from .blocks import INPUT, decoder

WIDTH, HEIGHT = INPUT.size
CELLS = WIDTH * HEIGHT // 64 + WIDTH * HEIGHT // 256 + WIDTH * HEIGHT // 1024
NAMES = ("car", "bus", "person")
FRAME = (640, 360)


def outputs_of(family, boxes, scores):
    """Boxes (batch, n, 4) as corners and scores (batch, n, 3) as the family writes them."""
    sides = np.concatenate([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], axis=2)
    sure = np.ones((*scores.shape[:2], 1), np.float32)
    if family == "boxes_scores":
        return {"boxes": boxes, "scores": scores}
    if family == "yolov8":
        return {"o": np.ascontiguousarray(np.concatenate([sides, scores], axis=2).transpose(0, 2, 1))}
    if family == "yolox":
        sides = sides / 16  # of a stride, and the logarithm of sizes
    return {"o": np.concatenate([sides, sure, scores], axis=2)}


def joined(outputs, selection, batch):
    rows = [select_rows(outputs, row, selection) for row in range(batch)]
    columns = tuple(np.concatenate(parts) for parts in zip(*(row.columns for row in rows), strict=True))
    return SelectedRows(np.concatenate([row.index for row in rows]), columns, tuple(len(row.index) for row in rows))


@st.composite
def regions(draw):
    x0, y0 = draw(st.integers(0, FRAME[0] - 1)), draw(st.integers(0, FRAME[1] - 1))
    return x0, y0, draw(st.integers(x0 + 1, FRAME[0])), draw(st.integers(y0 + 1, FRAME[1]))


@pytest.mark.parametrize("family", ["yolox", "yolov5", "yolov8", "boxes_scores"])
@given(
    views=st.lists(st.one_of(st.just((0, 0, *FRAME)), regions()), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    likely=st.sampled_from([0.0, 0.02, 0.5]),
    keys=st.sampled_from([{}, {"keep": ("car", "person")}, {"max_detections": 2}, {"iou": 1.0}, {"iou": 0.0}]),
    resize=st.sampled_from(["stretch", "letterbox"]),
)
@settings(max_examples=60, deadline=None)
def test_views_decoded_together_are_as_each_alone(family, views, seed, likely, keys, resize):
    rng, batch = np.random.default_rng(seed), len(views)
    # Few places and few confidences: boxes coincide, tie, touch, are empty, lie in the padding and beyond the edges.
    corner = rng.integers(-4, 8, (batch, CELLS, 2)) * 8
    boxes = np.concatenate([corner, corner + rng.integers(0, 4, (batch, CELLS, 2)) * 7.3], axis=2).astype(np.float32)
    scores = rng.integers(0, 16, (batch, CELLS, 3)).astype(np.float32) / 16
    scores *= rng.random((batch, CELLS, 1)) < likely
    outputs = outputs_of(family, boxes, scores)
    normalized = {"normalized": False} if family == "boxes_scores" else {}
    decoding = decoder(family=family, classes=NAMES, **keys, **normalized)
    assert decoding.check({name: value.shape for name, value in outputs.items()}) == []
    placed = [plan_view(view, INPUT.size, resize) for view in views]
    selection = decoding.selection({name: value.shape for name, value in outputs.items()})
    together = decoding.decode_selected(joined(outputs, selection, batch), placed)
    assert len(together) == batch
    for row, (view, found) in enumerate(zip(placed, together, strict=True)):
        alone = decoding.decode(outputs, row, view)
        for column in ("xyxy", "confidence", "class_id", "track_id"):
            np.testing.assert_array_equal(getattr(found, column), getattr(alone, column), strict=True)
