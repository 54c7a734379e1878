"""The decoders' arithmetic once more, one number at a time, from the papers and exporters and not from the package."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from edge_runtime.core import Detections, Region
from edge_runtime.vision.preprocess import Preprocessor


def run_network(path: Path, image, input_block):
    """Outputs by name and the view, for one picture through the real network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    preprocessor = Preprocessor(input_block)
    batch = np.empty((1, *preprocessor.row_shape), input_block.dtype)
    view = preprocessor.write(image, Region((0, 0, image.shape[1], image.shape[0])), batch[0])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: batch}), strict=True)), view


def picture(path: Path, frame: int = 0):
    """A still, or one frame of a video."""
    if path.suffix == ".jpg":
        return cv2.imread(str(path))
    video = cv2.VideoCapture(str(path))
    for _ in range(frame + 1):
        _, image = video.read()
    return image


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def suppress(rows, iou):
    """Greedy class-aware suppression of (x0, y0, x1, y1, confidence, class) rows."""
    kept = []
    for row in sorted(rows, key=lambda row: -row[4]):
        if all(other[5] != row[5] or overlap(other, row) <= iou for other in kept):
            kept.append(row)
    return kept


def on_frame(rows, view, scale_x, scale_y, left=0.0, top=0.0):
    """Rows in input pixels to rows in frame pixels, cut at the view; without those that lie outside it."""
    x_low, y_low, x_high, y_high = view
    placed = []
    for x0, y0, x1, y1, confidence, class_id in rows:
        x0, x1 = ((x - left) / scale_x + x_low for x in (x0, x1))
        y0, y1 = ((y - top) / scale_y + y_low for y in (y0, y1))
        x0, x1 = (min(max(x, x_low), x_high) for x in (x0, x1))
        y0, y1 = (min(max(y, y_low), y_high) for y in (y0, y1))
        if x1 > x0 and y1 > y0:
            placed.append((x0, y0, x1, y1, confidence, class_id))
    return placed


def yolox_rows(output, width, height, strides, confidence):
    cells = [(x, y, s) for s in strides for y in range(height // s) for x in range(width // s)]
    rows = []
    for (cell_x, cell_y, stride), values in zip(cells, output.tolist(), strict=True):
        scores = [values[4] * score for score in values[5:]]
        best = max(range(len(scores)), key=scores.__getitem__)
        if scores[best] >= confidence:
            x, y = (values[0] + cell_x) * stride, (values[1] + cell_y) * stride
            w, h = math.exp(values[2]) * stride, math.exp(values[3]) * stride
            rows.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, scores[best], best))
    return rows


def assert_same_boxes(detections: Detections, rows, *, px=0.05):
    """The detections are the reference's rows, best first."""
    assert len(detections) == len(rows)
    if not rows:
        return
    expected = np.array(rows)
    np.testing.assert_allclose(detections.confidence, expected[:, 4], atol=1e-5)
    np.testing.assert_array_equal(detections.class_id, expected[:, 5])
    np.testing.assert_allclose(detections.xyxy, expected[:, :4], atol=px)
