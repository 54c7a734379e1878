"""Which few rectangles of the frame hold the most value: greedy maximum coverage.

Greedy is within 1 - 1/e of the best choice (Nemhauser, Wolsey and Fisher 1978), and the same input gives the same
choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .proposals import NEVER_SHED, Flags, Floats, Picture, Proposals

_INWARD = np.array(((1,), (1,), (-1,), (-1,)), np.float64)  # the way that an edge is counted (see `_outward`)
_MOST_BOXES = 24
_LEAST, _MOST = 1e-2, 1e2  # a value is taken into these bounds,
_TIERS = np.array((1.0, 1e6, 1e12))  # so that one box outweighs all boxes of a lower tier
_ACROSS, _DOWN = (0, 1, 1, 2, 2), (0, 1, 2, 1, 2)  # where the windows of `_holds` have their box


class Choice(NamedTuple):
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
    if not len(proposals):
        return [], np.zeros(0, bool)
    weight = np.minimum(np.maximum(proposals.value, _LEAST), _MOST) * _TIERS.take(proposals.tier)
    weight *= proposals.value > 0
    heaviest = (-weight).argsort(kind="stable")[:_MOST_BOXES]
    edges = _outward(proposals.xyxy, picture.frame)
    candidates = edges.take(heaviest, axis=1)
    holds = _holds(candidates, picture)
    row = heaviest.tolist()
    value, tier, left = (column.take(heaviest).tolist() for column in (proposals.value, proposals.tier, weight))
    outside = [(place, box) for place, box in enumerate(candidates.T.tolist()) if left[place]]
    choices: list[Choice] = []
    while outside and len(choices) < limit:
        best = holds[:, (left @ holds).argmax()].tolist()
        window = x0, y0, x1, y1 = _around([box for place, box in outside if best[place]], picture)
        new = [place for place, (a, b, c, d) in outside if a >= x0 and b >= y0 and -c <= x1 and -d <= y1]
        for place in new:
            left[place] = 0.0  # nothing more to gain from it
        outside = [(place, box) for place, box in outside if left[place]]
        choices.append(Choice(window, row[new[0]], sum(value[place] for place in new), tier[new[0]] == NEVER_SHED))
    windows = np.array([choice.xyxy for choice in choices]).reshape(-1, 4, 1) * _INWARD
    return choices, np.asarray((edges >= windows).all(axis=1).any(axis=0))


def _outward(xyxy: Floats, frame: tuple[int, int]) -> Floats:
    """Edges (4, n) of boxes in whole pixels and inside the frame, at least one pixel apart.

    They are left, upper, minus right and minus lower: a box lies in another where each of its edges is as large.
    """
    least, most = _limits(frame)
    edges = np.minimum(np.maximum(xyxy.T * _INWARD, least), most)
    np.floor(edges, out=edges)
    np.minimum(edges[2:], -1 - edges[:2], out=edges[2:])
    return np.asarray(edges)


def _holds(edges: Floats, picture: Picture) -> Floats:
    """(n, 5 n), 1 where a box is held by a window.

    Windows are five a box: around its middle and with it in each corner, so that neighbours on either side fit in too.
    """
    low, high = edges[:2], -edges[2:]
    frame, region = _sides(picture.frame, picture.region)
    larger = np.maximum(*((high - low) / region))
    size = np.minimum(np.ceil(region * np.maximum(larger, 1.0)), frame)
    starts = np.array((np.floor((low + high - size) / 2), low, high - size))  # (3, axis, n)
    np.minimum(np.maximum(starts, 0.0, out=starts), frame - size, out=starts)
    inside = low[..., None, None] >= starts.swapaxes(0, 1)[:, None]  # (axis, box, 3, window)
    inside &= high[..., None, None] <= (starts + size).swapaxes(0, 1)[:, None]
    held = inside[0].take(_ACROSS, axis=1) & inside[1].take(_DOWN, axis=1)
    return np.asarray(held.reshape(len(larger), -1), np.float64)


@lru_cache(maxsize=8)
def _limits(frame: tuple[int, int]) -> Floats:
    """The least and the largest edges that boxes of a frame have, (2, 4, 1)."""
    width, height = frame
    return np.array(((0, 0, -width, -height), (width - 1, height - 1, 0, 0)), np.float64)[..., None]


@lru_cache(maxsize=8)
def _sides(frame: tuple[int, int], region: tuple[int, int]) -> Floats:
    """(2, 2, 1)"""
    return np.array((frame, region), np.float64)[..., None]


def _around(boxes: Sequence[Sequence[float]], picture: Picture) -> tuple[int, int, int, int]:
    """The window that has all boxes in its middle, in the shape of a region as far as the frame allows."""
    (width, height), (across, down) = picture.frame, picture.region
    x0, y0, x1, y1 = map(min, zip(*boxes, strict=True))
    larger = max(1.0, (-x1 - x0) / across, (-y1 - y0) / down)
    across, down = min(math.ceil(across * larger), width), min(math.ceil(down * larger), height)
    left = min(max(int(x0 - x1 - across) // 2, 0), width - across)
    top = min(max(int(y0 - y1 - down) // 2, 0), height - down)
    return left, top, left + across, top + down
