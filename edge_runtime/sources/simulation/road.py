"""The course of the road: its bends and hills, and where a place on the road is in the world.

Road frame in metres: x along the road, y to the left of its middle, z up from it. World frame: x ahead where the drive
begins, y to the left, z up. Everything is laid out and moves on the road's frame, as if the road were straight and
level, and is bent into the world point by point when it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .mesh import Array

STEP_M = 1.0
_X, _Y, _Z, _COS, _SIN, _BEND = range(6)
_SIDEWAYS_MPS2 = 2.4  # what people in a vehicle put up with in a bend of a street; half of it on a motorway


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """`places` (n, 6) every `STEP_M` from `x0_m` on: x, y, z of the middle, cosine and sine of its direction, and its
    bend in 1 / m, to the left. Before and after it is straight and level.
    """

    x0_m: float
    places: Array

    def at(self, along_m: Array) -> Array:
        """(n, 6), between the places."""
        last = len(self.places) - 1
        steps = (along_m - self.x0_m) / STEP_M
        inside = np.minimum(np.maximum(steps, 0.0), last)
        index = np.minimum(inside.astype(np.intp), last - 1)
        low = self.places.take(index, axis=0)
        found = low + (inside - index)[..., None] * (self.places.take(index + 1, axis=0) - low)
        found[..., :2] += ((steps - inside) * STEP_M)[..., None] * found[..., _COS : _SIN + 1]
        return np.asarray(found)

    def world(self, points: Array) -> Array:
        """Points (n, 3) on the road as points of the world."""
        place = self.at(points[:, 0])
        aside = points[:, 1]
        found = place[:, :3]
        found[:, 0] -= aside * place[:, _SIN]
        found[:, 1] += aside * place[:, _COS]
        found[:, 2] += points[:, 2]
        return found

    def nearest(self, x: Array, y: Array, guess_m: Array) -> tuple[Array, Array, Array]:
        """Of places in the world: how far along the road, how far to its left, and how high the road is there."""
        along = guess_m
        for _ in range(3):
            place = self.at(along)
            ahead, aside = _turned(x - place[..., _X], y - place[..., _Y], place)
            along = along + ahead / np.minimum(np.maximum(1.0 - place[..., _BEND] * aside, 0.5), 2.0)
        place = self.at(along)
        return along, _turned(x - place[..., _X], y - place[..., _Y], place)[1], place[..., _Z]

    def yaw_rad(self, along_m: float) -> float:
        place = self.at(np.array([along_m]))[0]
        return math.atan2(place[_SIN], place[_COS])

    def grade(self, along_m: float) -> float:
        """Metres up for each metre ahead, as the wheels of a car find it."""
        behind, before = self.at(np.array([along_m - 1.5, along_m + 1.5]))[:, _Z]
        return float(before - behind) / 3.0

    def bend(self, along_m: float) -> float:
        return float(self.at(np.array([along_m]))[0, _BEND])

    def part(self, first_m: float, last_m: float) -> Road:
        """From here to there as it is, straight and level before and after."""
        first = min(max(math.floor((first_m - self.x0_m) / STEP_M), 0), len(self.places) - 2)
        last = min(max(math.ceil((last_m - self.x0_m) / STEP_M), first + 1), len(self.places) - 1)
        return Road(self.x0_m + first * STEP_M, self.places[first : last + 1])


def _turned(x: Array, y: Array, place: Array) -> tuple[Array, Array]:
    """Along and to the left of the road's direction there."""
    cos, sin = place[..., _COS], place[..., _SIN]
    return x * cos + y * sin, y * cos - x * sin


STRAIGHT = Road(0.0, np.array([[0.0, 0, 0, 1, 0, 0], [STEP_M, 0, 0, 1, 0, 0]]))


def lay_road(
    rng: np.random.Generator, first_m: float, last_m: float, bends: float, hills: float,
    speed_mps: Callable[[float], float], motorway_mps: float,
) -> Road:  # fmt: skip
    """`bends` and `hills` from 0 (none) to 1; `speed_mps` is how fast the vehicle drives at a place."""
    along = np.arange(first_m, last_m + STEP_M, STEP_M)
    bend = _bends(rng, along, speed_mps, motorway_mps) * bends
    grade = _grades(rng, along, speed_mps, motorway_mps) * hills
    yaw = _summed(bend)
    yaw -= np.interp(0.0, along, yaw)
    places = np.stack(
        [_summed(np.cos(yaw)), _summed(np.sin(yaw)), _summed(grade), np.cos(yaw), np.sin(yaw), bend], axis=1
    )
    start = [np.interp(0.0, along, places[:, column]) for column in (_X, _Y, _Z)]
    places[:, :3] -= start
    return Road(float(first_m), places)


def _summed(slope: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2) * STEP_M])


def _bends(rng: np.random.Generator, along: Array, speed_mps: Callable[[float], float], motorway_mps: float) -> Array:
    """1 / m to the left: straights, and arcs with clothoids before and after them."""
    at, bend = [float(along[0])], [0.0]
    turned = 0.0
    while at[-1] < along[-1]:
        here = at[-1]
        speed = max(speed_mps(here + ahead) for ahead in (0.0, 120.0, 240.0))
        fast = speed > motorway_mps
        straight = float(rng.uniform(60, 400) if fast else rng.uniform(10, 100))
        least = max(600.0, speed**2 / (0.5 * _SIDEWAYS_MPS2)) if fast else max(80.0, speed**2 / _SIDEWAYS_MPS2)
        radius = least * 3.0 ** float(rng.random() ** 1.5)
        turn = math.radians(float(rng.uniform(8, 30) if fast else rng.uniform(25, 75)))
        side = float(rng.choice([-1.0, 1.0]))
        if abs(turned + side * turn) > 1.2:  # it goes somewhere after all, and does not come round to itself
            side = -math.copysign(1.0, turned)
        turned += side * turn
        spiral = min(90.0 if fast else 25.0, 0.8 * radius * turn)
        arc = radius * turn - spiral
        for length, value in ((straight, 0.0), (spiral, side / radius), (arc, side / radius), (spiral, 0.0)):
            at.append(at[-1] + length)
            bend.append(value)
    return np.interp(along, at, bend)


def _grades(rng: np.random.Generator, along: Array, speed_mps: Callable[[float], float], motorway_mps: float) -> Array:
    """Metres up for each metre ahead: slopes, rounded where they meet."""
    at, grade = [float(along[0])], [0.0]
    height = 0.0
    while at[-1] < along[-1]:
        fast = speed_mps(at[-1] + 100.0) > motorway_mps
        steepest, radius = (0.035, 9000.0) if fast else (0.06, 1800.0)
        slope = steepest * float(rng.uniform(0.15, 1.0)) * (-1.0 if rng.random() < 0.5 + 0.05 * height else 1.0)
        rounded, even = abs(slope - grade[-1]) * radius, float(rng.uniform(20, 250) if fast else rng.uniform(10, 70))
        height += rounded * (slope + grade[-1]) / 2 + even * slope
        at += [at[-1] + rounded, at[-1] + rounded + even]
        grade += [slope, slope]
    return np.interp(along, at, grade)
