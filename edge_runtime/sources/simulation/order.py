"""In which order things are painted, so that what is nearer covers what is behind it.

A line of sight from the right half of the road to a thing on that half never leaves it: nothing on the left half can
cover anything on the right. So the left is painted first, then what stands on the middle, then the right; each half
from far to near. Vehicles are long: one beside another covers it when it is nearer to the driver's own line, whichever
of the two begins first.
"""

from __future__ import annotations

from collections.abc import Sequence

from .things import Thing

VEHICLES = ("car", "truck")
MIDDLE_M = 0.3


def painting_order(things: Sequence[Thing], eye_y_m: float) -> list[Thing]:
    """The farthest first, for a camera on the right half of the road."""
    halves: tuple[list[Thing], list[Thing], list[Thing]] = ([], [], [])
    for thing in things:
        halves[_half(thing)].append(thing)
    return [thing for half in halves for thing in _far_to_near(half, eye_y_m)]


def _half(thing: Thing) -> int:
    _, right_m, _, _ = footprint(thing)
    if thing.category is None and abs(thing.xyz_m[1]) < MIDDLE_M:
        return 1
    return 0 if right_m > 0 else 2


def footprint(thing: Thing) -> tuple[float, float, float, float]:
    """From x, from y, to x, to y on the ground."""
    x, y, _ = thing.xyz_m
    along, across, _ = thing.size_m
    if thing.heading[0] == 0:
        along, across = across, along
    return x - along / 2, y - across / 2, x + along / 2, y + across / 2


def _far_to_near(things: list[Thing], eye_y_m: float) -> list[Thing]:
    ordered = sorted(things, key=lambda thing: (-thing.order_m, thing.identity))
    places = [(number, thing) for number, thing in enumerate(ordered) if thing.model in VEHICLES]
    prints = {thing.identity: footprint(thing) for _, thing in places}
    for later, (_, near) in enumerate(places):
        near_x0, near_y0, near_x1, near_y1 = prints[near.identity]
        for _, far in places[:later]:
            x0, y0, x1, y1 = prints[far.identity]
            beside = near_x1 > x0 and near_x0 < x1
            further_out = near_y0 >= y1 >= eye_y_m or near_y1 <= y0 <= eye_y_m
            if beside and further_out:
                ordered.remove(near)
                ordered.insert(ordered.index(far), near)
                break
    return ordered
