"""Which few rectangles of the frame hold the most value: greedy maximum coverage.

Greedy is within 1 - 1/e of the best choice (Nemhauser, Wolsey and Fisher 1978), and the same input gives the same
choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .proposals import NEVER_SHED, Flags, Floats, Picture, Proposals

_MOST_BOXES = 24
_LEAST, _MOST = 1e-2, 1e2  # a value is taken into these bounds,
_TIERS = np.array((1.0, 1e6, 1e12))  # so that one box outweighs all boxes of a lower tier


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A rectangle in whole frame pixels, the row of its best box, and the value of all boxes that it is the first to
    hold; `never_shed` when one of these is of the highest tier.
    """

    xyxy: tuple[int, int, int, int]
    best: int
    value: float
    never_shed: bool


def choose(proposals: Proposals, picture: Picture, limit: int) -> tuple[list[Choice], Flags]:
    """At most `limit` rectangles, best first, and which of the proposals they contain.

    Each is as large as a region of the picture, or, for a box that does not fit in, larger in the same shape; none
    leaves the frame.
    """
    value = proposals.value
    if not len(value):
        return [], np.zeros(0, bool)
    weight = np.minimum(np.maximum(value, _LEAST), _MOST) * _TIERS[proposals.tier] * (value > 0)
    order = (-weight).argsort(kind="stable")[:_MOST_BOXES]
    boxes = _outward(proposals.xyxy, picture.frame)
    (left_of, above), (right_of, below) = boxes
    ranked, left = boxes.take(order, axis=2), weight[order]
    holds = _holds(ranked, picture)
    inside = np.zeros(len(value), bool)
    choices: list[Choice] = []
    while len(choices) < limit and left.any():
        best = holds[(holds @ left).argmax()]
        window = x0, y0, x1, y1 = _around(ranked[..., best * left > 0], picture)
        held = (left_of >= x0) & (above >= y0) & (right_of <= x1) & (below <= y1)
        new = held[order] & (left > 0)
        rows = order[new]
        left[new] = 0.0
        inside |= held
        best_row = int(rows[0])
        never_shed = bool(proposals.tier[best_row] == NEVER_SHED)
        choices.append(Choice(window, best_row, float(value[rows].sum()), never_shed))
    return choices, inside


def _outward(xyxy: Floats, frame: tuple[int, int]) -> Floats:
    """To whole pixels and into the frame, at least one pixel large; as (low or high, axis, box)."""
    width, height = frame
    most = np.array((width - 1.0, height - 1.0, width, height))
    boxes = np.asarray(np.minimum(np.maximum(xyxy, 0.0), most).T.reshape(2, 2, -1))
    low, high = boxes
    np.floor(low, out=low)
    np.ceil(high, out=high)
    np.maximum(high, low + 1, out=high)
    return boxes


def _holds(boxes: Floats, picture: Picture) -> Floats:
    """(5 n, n), 1 where a window holds a box.

    Windows are five a box: around its middle and with it in each corner, so that neighbours on either side fit in too.
    """
    low, high = boxes
    frame = np.array(picture.frame, np.float64)[:, None]
    region = np.array(picture.region, np.float64)[:, None]
    larger = np.maximum(((high - low) / region).max(axis=0), 1.0)
    size = np.minimum(np.ceil(region * larger), frame)
    starts = np.empty((2, 5, len(larger)))  # left and upper edges
    starts[:, 0] = np.floor((low + high - size) / 2)
    starts[0, 1:3], starts[1, 1::2] = low
    starts[0, 3:], starts[1, 2::2] = high - size
    starts = np.minimum(np.maximum(starts, 0.0), (frame - size)[:, None])
    along = starts[..., None] <= low[:, None, None]  # (2, 5, windows, boxes)
    along &= (starts + size[:, None])[..., None] >= high[:, None, None]
    return np.asarray((along[0] & along[1]).reshape(-1, len(larger)), np.float64)


def _around(boxes: Floats, picture: Picture) -> tuple[int, int, int, int]:
    """The window that has all boxes in its middle, in the shape of a region as far as the frame allows."""
    low, high = boxes[0].min(axis=1).tolist(), boxes[1].max(axis=1).tolist()
    larger = max(1.0, *((b - a) / side for a, b, side in zip(low, high, picture.region, strict=True)))
    starts, ends = [], []
    for a, b, side, frame in zip(low, high, picture.region, picture.frame, strict=True):
        size = min(math.ceil(side * larger), frame)
        starts.append(min(max(int(a + b - size) // 2, 0), frame - size))
        ends.append(starts[-1] + size)
    return starts[0], starts[1], ends[0], ends[1]
