"""How much boxes overlap, and non-maximum suppression within each class."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_LEAST_SCORE = np.finfo(np.float32).tiny
_LEAST_AREA = np.finfo(np.float64).tiny


def nms(xyxy: Array, confidence: Array, class_id: Array, iou: float) -> npt.NDArray[np.intp]:
    """The rows that remain, best first: of two boxes of one class that overlap by more than `iou`, the weaker goes.

    `xyxy` (n, 4), `confidence` (n,) in 0..1, `class_id` (n,) of 0 or more. Equal confidences keep their order. A box
    without area marks nothing and is dropped (OpenCV would let it suppress any other one).
    """
    corner, size = xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]
    if len(xyxy) and not size.min() > 0:
        rows: npt.NDArray[np.intp] = (size > 0).all(axis=1).nonzero()[0]
        return rows[nms(xyxy.take(rows, axis=0), confidence[rows], class_id[rows], iou)]
    if len(xyxy) < 2:
        return np.arange(len(xyxy))
    # OpenCV keeps classes apart by moving each beyond the largest coordinate, which holds for coordinates from 0 on;
    # and it drops a score that is not above the threshold it is given.
    if corner.min() < 0:
        corner = corner - corner.min(axis=0)
    boxes, scores = np.concatenate([corner, size], axis=1), np.maximum(confidence, _LEAST_SCORE)
    kept = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), class_id.tolist(), 0.0, iou)
    return np.asarray(kept, np.intp)


def iou_matrix(a: Array, b: Array) -> npt.NDArray[np.float64]:
    """Intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4), as (n, m).

    Two boxes give the same value in either order and wherever else the other rows lie; without any area it is 0.
    """
    a, b = (np.ascontiguousarray(boxes.T, np.float64) for boxes in (a, b))
    (low, high), (b_low, b_high) = a.reshape(2, 2, -1, 1), b.reshape(2, 2, 1, -1)
    size = np.minimum(high, b_high) - np.maximum(low, b_low)  # (axis, n, m)
    np.maximum(size, 0.0, out=size)
    both = size[0] * size[1]
    either = areas(a.T)[:, None] + areas(b.T) - both
    return np.asarray(both / np.maximum(either, _LEAST_AREA))


def areas(xyxy: Array) -> npt.NDArray[np.float64]:
    """Areas (n,) of boxes (n, 4), in square pixels."""
    size = np.maximum(np.asarray(xyxy[:, 2:], np.float64) - xyxy[:, :2], 0.0)
    return np.asarray(size[:, 0] * size[:, 1])
