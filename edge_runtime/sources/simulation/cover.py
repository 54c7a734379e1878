"""What houses hide: not worth painting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .view import View

_LEAST_PX = 12.0  # a narrower wall hides nothing that matters


def hidden(seen: Sequence[View]) -> npt.NDArray[np.bool_]:
    """Of things in the order they are painted: whether one wall of a house painted later covers all of each."""
    boxes = np.array([one.reach for one in seen]).reshape(-1, 4)
    found = np.zeros(len(seen), bool)
    for number, one in enumerate(seen):
        if one.thing.model not in ("house", "row house") or one.ground_px != np.inf:
            continue
        for side in (0, 1):  # of the mesh's faces, those along the road
            if one.shown[side] and one.nearest_m > 1.0:
                found[:number] |= _inside(boxes[:number], one.pixels[4 * side : 4 * side + 4])
    return found


def _inside(boxes: npt.NDArray[np.float64], wall: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Of boxes, those within a wall, which has its corners at the foot first."""
    (left, right) = sorted(((wall[0], wall[3]), (wall[1], wall[2])), key=lambda edge: float(edge[0][0]))
    (x0, low0), (_, high0) = left
    (x1, low1), (_, high1) = right
    if x1 - x0 < _LEAST_PX:
        return np.zeros(len(boxes), bool)
    share = (boxes[:, 0::2] - x0) / (x1 - x0)
    within = (share[:, 0] >= 0) & (share[:, 1] <= 1)
    top, bottom = high0 + share * (high1 - high0), low0 + share * (low1 - low0)
    return np.asarray(within & (boxes[:, 1] >= top.max(axis=1)) & (boxes[:, 3] <= bottom.min(axis=1)))
