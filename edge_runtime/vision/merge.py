"""Cross-stage non-maximum merging: boxes of several stages become one set in which every object is marked once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.core import Detections

from .nms import areas, iou_matrix


def merge(parts: Sequence[Detections], iou: float) -> Detections:
    """The boxes of all parts, without those that overlap a better one of their class by more than `iou`; best first.

    Better is the higher confidence, then the larger area, then the smaller coordinates, so the outcome depends neither
    on the order of the parts nor on that of their rows. Every row that comes out is one that went in, with all its
    columns, and merging the outcome again changes nothing.
    """
    ranked = _best_first(Detections.concatenate(parts))
    rival = iou_matrix(ranked.xyxy, ranked.xyxy) > iou
    rival &= ranked.class_id[:, None] == ranked.class_id[None, :]
    rival = np.triu(rival, k=1)
    alive = np.ones(len(ranked), bool)
    for row in np.flatnonzero(rival.any(axis=1)):
        if alive[row]:
            alive &= ~rival[row]
    return ranked.take(alive)


def _best_first(boxes: Detections) -> Detections:
    columns = (boxes.track_id, boxes.class_id, *boxes.xyxy.T[::-1], -areas(boxes.xyxy), -boxes.confidence)
    return boxes.take(np.lexsort(columns))  # the last column weighs most
