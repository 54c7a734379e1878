"""In which order things are painted, so that what is nearer covers what is behind it.

From far to near along the road. Where two things stand side by side, the one that is further out from the line of
sight comes first, whichever of the two begins nearer: vehicles and barriers are long. On a bend that line comes in at a
slant, as if the eye stood at another place across the road.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .mesh import Array
from .road import Road
from .things import Thing

_LONG = ("car", "truck", "rail", "barrier", "traffic sign")


def painting_order(things: Sequence[Thing], road: Road, eye_xy_m: tuple[float, float]) -> list[Thing]:
    """The farthest first; the eye's place is the world's."""
    ordered = sorted(things, key=lambda thing: (-thing.order_m, thing.identity))
    places = [at for at, thing in enumerate(ordered) if (thing.category or thing.model.split()[0]) in _LONG]
    if not places:
        return ordered
    beside = [ordered[at] for at in places]
    x0, y0, x1, y1 = np.array([footprint(thing) for thing in beside]).T
    eye = _aside(road, np.array([thing.xyz_m[0] for thing in beside]), eye_xy_m)
    # Rows are painted before columns.
    overlap = (x1[None] > x0[:, None]) & (x0[None] < x1[:, None])
    further = (y0[None] >= y1[:, None]) & (y1 >= eye)[:, None] | (y1[None] <= y0[:, None]) & (y0 <= eye)[:, None]
    wrong = np.triu(overlap & further, 1)
    turns: list[float] = list(range(len(ordered)))
    for later in np.flatnonzero(wrong.any(axis=0)).tolist():
        first = min(turns[places[earlier]] for earlier in np.flatnonzero(wrong[:, later]).tolist())
        turns[places[later]] = min(turns[places[later]], first - 0.5)
    return [ordered[at] for at in sorted(range(len(ordered)), key=turns.__getitem__)]


def footprint(thing: Thing) -> tuple[float, float, float, float]:
    """From x, from y, to x, to y on the road."""
    x, y, _ = thing.xyz_m
    along, across, _ = thing.size_m
    if thing.heading[0] == 0:
        along, across = across, along
    return x - along / 2, y - across / 2, x + along / 2, y + across / 2


def _aside(road: Road, along_m: Array, xy_m: tuple[float, float]) -> Array:
    """How far to the left a place of the world lies, for one who looks along the road there."""
    x, y, _, cos, sin, _ = road.at(along_m).T
    return np.asarray((xy_m[1] - y) * cos - (xy_m[0] - x) * sin)
