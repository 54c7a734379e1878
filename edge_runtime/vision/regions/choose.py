"""Which few rectangles of the frame hold the most value: greedy maximum coverage.

Greedy is within 1 - 1/e of the best choice (Nemhauser, Wolsey and Fisher 1978), and the same input gives the same
choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .proposals import NEVER_SHED, Flags, Floats, Picture, Proposals

_MOST_BOXES = 24
_LEAST, _MOST = 1e-2, 1e2  # a value is taken into these bounds,
_TIERS = (1.0, 1e6, 1e12)  # so that one box outweighs all boxes of a lower tier


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
    value: list[float] = proposals.value.tolist()
    if not value:
        return [], np.zeros(0, bool)
    tier: list[int] = proposals.tier.tolist()
    weight = [
        min(max(worth, _LEAST), _MOST) * _TIERS[of] if worth > 0 else 0.0 for worth, of in zip(value, tier, strict=True)
    ]
    order = sorted(range(len(value)), key=lambda row: -weight[row])[:_MOST_BOXES]
    edges = _outward(proposals.xyxy, picture.frame)
    holds = _holds(edges.take(order, axis=1), picture)
    boxes: list[list[float]] = edges.T.tolist()
    left = [weight[row] for row in order]
    inside: set[int] = set()
    choices: list[Choice] = []
    while len(choices) < limit and any(left):
        best = holds[(holds @ left).argmax()].tolist()
        seen = [boxes[row] for row, is_held, worth in zip(order, best, left, strict=True) if is_held and worth]
        window = x0, y0, x1, y1 = _around(seen, picture)
        held = {row for row, (a, b, c, d) in enumerate(boxes) if a >= x0 and b >= y0 and -c <= x1 and -d <= y1}
        new = [row for row, worth in zip(order, left, strict=True) if worth and row in held]
        left = [0.0 if row in held else worth for row, worth in zip(order, left, strict=True)]
        inside |= held
        never_shed = tier[new[0]] == NEVER_SHED
        choices.append(Choice(window, new[0], sum(value[row] for row in new), never_shed))
    return choices, np.array([row in inside for row in range(len(value))])


def _outward(xyxy: Floats, frame: tuple[int, int]) -> Floats:
    """Edges (4, n) of boxes in whole pixels and inside the frame, at least one pixel apart.

    They are left, upper, minus right and minus lower: a box lies in another where each of its edges is as large.
    """
    inward, least, most = _limits(frame)
    edges = np.minimum(np.maximum(xyxy.T * inward, least), most)
    np.floor(edges, out=edges)
    np.minimum(edges[2:], -1 - edges[:2], out=edges[2:])
    return np.asarray(edges)


def _holds(edges: Floats, picture: Picture) -> Floats:
    """(5 n, n), 1 where a window holds a box.

    Windows are five a box: around its middle and with it in each corner, so that neighbours on either side fit in too.
    """
    low, high = edges[:2], -edges[2:]
    frame, region = _sides(picture.frame, picture.region)
    larger = np.maximum(*((high - low) / region))
    size = np.minimum(np.ceil(region * np.maximum(larger, 1.0)), frame)
    starts = np.empty((4, 5, len(larger)))
    starts[:2, 0] = np.floor((low + high - size) / 2)
    starts[0, 1:3], starts[1, 1::2] = low
    starts[0, 3:], starts[1, 2::2] = high - size
    starts[:2] = np.minimum(np.maximum(starts[:2], 0.0), (frame - size)[:, None])
    starts[2:] = -starts[:2] - size[:, None]
    inside = (edges[:, None, None] >= starts[..., None]).all(axis=0)  # (5, windows, boxes)
    return np.asarray(inside.reshape(-1, len(larger)), np.float64)


@lru_cache(maxsize=8)
def _limits(frame: tuple[int, int]) -> Floats:
    """The direction of edges and the least and largest that boxes of a frame have, (3, 4, 1)."""
    width, height = frame
    return np.array(((1, 1, -1, -1), (0, 0, -width, -height), (width - 1, height - 1, 0, 0)), np.float64)[..., None]


@lru_cache(maxsize=8)
def _sides(frame: tuple[int, int], region: tuple[int, int]) -> Floats:
    """(2, 2, 1)"""
    return np.array((frame, region), np.float64)[..., None]


def _around(boxes: Sequence[Sequence[float]], picture: Picture) -> tuple[int, int, int, int]:
    """The window that has all boxes in its middle, in the shape of a region as far as the frame allows."""
    x0, y0, x1, y1 = map(min, zip(*boxes, strict=True))
    low, high = (x0, y0), (-x1, -y1)
    larger = max(1.0, *((b - a) / side for a, b, side in zip(low, high, picture.region, strict=True)))
    starts, ends = [], []
    for a, b, side, frame in zip(low, high, picture.region, picture.frame, strict=True):
        size = min(math.ceil(side * larger), frame)
        starts.append(min(max(int(a + b - size) // 2, 0), frame - size))
        ends.append(starts[-1] + size)
    return starts[0], starts[1], ends[0], ends[1]
