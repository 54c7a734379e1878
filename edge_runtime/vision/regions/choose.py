"""Which few rectangles of the frame hold the most value: greedy maximum coverage.

Greedy is within 1 - 1/e of the best choice (Nemhauser, Wolsey and Fisher 1978), and the same input gives the same
choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .proposals import Flags, Floats, Picture, Proposals

_MOST_BOXES = 24
_LEAST, _MOST = 1e-2, 1e2  # a value is taken into these bounds,
_TIER = 1e6  # so that one box outweighs all boxes of a lower tier


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A rectangle in whole frame pixels, the row of its best box, and the value of all boxes that it is the first to
    hold.
    """

    xyxy: tuple[int, int, int, int]
    best: int
    value: float


def choose(proposals: Proposals, picture: Picture, limit: int) -> tuple[list[Choice], Flags]:
    """At most `limit` rectangles, best first, and which of the proposals they contain.

    Each is as large as a region of the picture, or, for a box that does not fit in, larger in the same shape; none
    leaves the frame.
    """
    weight = np.clip(proposals.value, _LEAST, _MOST) * _TIER**proposals.tier * (proposals.value > 0)
    order = np.argsort(-weight, kind="stable")[:_MOST_BOXES]
    boxes = _outward(proposals.xyxy, picture.frame)
    ranked, left = boxes[order], weight[order]
    holds = _holds(ranked, picture)
    inside = np.zeros(len(boxes), bool)
    choices: list[Choice] = []
    while len(choices) < limit and left.any():
        window = _around(ranked[(holds[np.argmax(holds @ left)] * left) > 0], picture)
        held = np.asarray(((boxes >= window[:2] * 2) & (boxes <= window[2:] * 2)).all(axis=1))
        new = held[order] & (left > 0)
        rows = order[new]
        left[new] = 0.0
        inside |= held
        choices.append(Choice(window, int(rows[0]), float(proposals.value[rows].sum())))
    return choices, inside


def _outward(xyxy: Floats, frame: tuple[int, int]) -> Floats:
    """To whole pixels and into the frame, at least one pixel large."""
    size = np.array(frame * 2, np.float64)
    boxes = np.minimum(np.maximum(xyxy, 0.0), size)
    np.floor(boxes[:, :2], out=boxes[:, :2])
    np.minimum(boxes[:, :2], size[:2] - 1, out=boxes[:, :2])
    np.ceil(boxes[:, 2:], out=boxes[:, 2:])
    np.maximum(boxes[:, 2:], boxes[:, :2] + 1, out=boxes[:, 2:])
    return boxes


def _holds(boxes: Floats, picture: Picture) -> Floats:
    """(5 n, n), 1 where a window holds a box.

    Windows are five a box: around its middle and with it in each corner, so that neighbours on either side fit in too.
    """
    count, low, high = len(boxes), boxes[:, :2].T, boxes[:, 2:].T
    frame = np.array(picture.frame, np.float64)[:, None]
    region = np.array(picture.region, np.float64)[:, None]
    larger = np.maximum(((high - low) / region).max(axis=0), 1.0)
    size = np.minimum(np.ceil(region * larger), frame)
    starts = np.stack([(low + high - size) / 2, low, high - size], axis=1)  # (2, 3, n)
    np.floor(starts, out=starts)
    starts = np.minimum(np.maximum(starts, 0.0), (frame - size)[:, None])
    along = starts[..., None] <= low[:, None, None]  # (2, 3, windows, boxes)
    along &= (starts + size[:, None])[..., None] >= high[:, None, None]
    both = along[0, [0, 1, 1, 2, 2]] & along[1, [0, 1, 2, 1, 2]]
    return np.asarray(both.reshape(5 * count, count), np.float64)


def _around(boxes: Floats, picture: Picture) -> tuple[int, int, int, int]:
    """The window that has all boxes in its middle, in the shape of a region as far as the frame allows."""
    low, high = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    larger = max(1.0, *((b - a) / side for a, b, side in zip(low, high, picture.region, strict=True)))
    starts, ends = [], []
    for a, b, side, frame in zip(low, high, picture.region, picture.frame, strict=True):
        size = min(math.ceil(side * larger), frame)
        starts.append(min(max(int(a + b - size) // 2, 0), frame - size))
        ends.append(starts[-1] + size)
    return starts[0], starts[1], ends[0], ends[1]
