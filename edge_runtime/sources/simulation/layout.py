"""The part of a drive's world that stands still: street and motorway, crossings, signs, houses, trees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .crossings import Crossing, Head
from .figures import SIGNS
from .mesh import Array
from .road import Road, lay_road
from .roadside import oddments_of
from .speed import SpeedProfile
from .things import (
    BACKDROP_M,
    HOUSES_M,
    KERB_M,
    STOP_LINE_M,
    STREET_M,
    TILE_M,
    Colour,
    Thing,
)

Tile = str  # street, crossing or motorway
_OPEN_BEND, _OPEN_M = 1 / 260, 45.0
MOTORWAY_MPS = 80 / 3.6
BEFORE_M = 96.0  # the world begins behind the start
HOUSE_COLOURS: tuple[Colour, ...] = (
    (150, 170, 190), (120, 140, 175), (165, 175, 180), (140, 160, 165), (170, 185, 200), (125, 135, 150),
    (110, 125, 165), (185, 195, 200),
)  # fmt: skip
CITY_SIGNS = ("speed_50", "priority", "crossing", "warning", "speed_30", "yield", "no_overtaking", "stop")
ROAD_SIGNS = ("speed_120", "exit", "speed_100", "no_overtaking", "direction", "warning")


@dataclass(frozen=True)
class Layout:
    """`tiles[i]` is the ground from `x0_m + i * TILE_M` on; `things` stand still, in rising order of x."""

    road: Road
    x0_m: float
    tiles: tuple[Tile, ...]
    crossings: tuple[Crossing, ...]
    things: tuple[Thing, ...]

    def tile(self, index: int) -> Tile:
        """Of any place: before the first and after the last tile the road goes on as it is."""
        return self.tiles[min(max(index, 0), len(self.tiles) - 1)]


def lay_out(seed: int, speed: SpeedProfile, seconds: float, bends: float, hills: float, clutter: float) -> Layout:
    rng = np.random.default_rng((seed, 1))
    count = int((speed.travelled_m(seconds) + BACKDROP_M + BEFORE_M) / TILE_M) + 2
    starts: Array = np.arange(count, dtype=np.float64) * TILE_M - BEFORE_M
    arrivals = speed.times_at_s(starts, seconds)
    fast = [speed.speed_mps(float(t)) > MOTORWAY_MPS for t in arrivals]
    last_m = float(starts[-1]) + TILE_M
    at = np.linspace(-BEFORE_M, last_m, 400)
    fastest = np.array([speed.speed_mps(float(t)) for t in speed.times_at_s(at, seconds)])
    road = lay_road(
        np.random.default_rng((seed, 30)), -BEFORE_M, last_m, bends, hills,
        lambda x: float(np.interp(x, at, fastest)), MOTORWAY_MPS,
    )  # fmt: skip
    tiles: list[Tile] = ["motorway" if is_fast else "street" for is_fast in fast]
    since = int(rng.integers(2, 5))
    for index, tile in enumerate(tiles):
        since += 1
        edge = "motorway" in tiles[max(index - 1, 0) : index + 2]
        if tile == "street" and not edge and since >= 3 + int(rng.integers(0, 2)):
            tiles[index], since = "crossing", 0
    builder = _Builder(rng, road)
    crossings = []
    for index, tile in enumerate(tiles):
        x = float(starts[index])
        if tile == "crossing":
            crossings.append(
                builder.crossing(index, x, float(speed.times_at_s(starts[index : index + 1] + 2, seconds)[0]))
            )
        if tile == "motorway":
            builder.motorway(index, x, tiles[index - 1] if index else tile)
        else:
            builder.street(index, x, tile)
    builder.houses(starts, tiles)
    houses = [thing for thing in builder.things if thing.model in ("house", "row house")]
    oddments = oddments_of(seed, -BEFORE_M, tiles, houses, clutter)
    things = tuple(sorted((*builder.things, *oddments), key=lambda thing: thing.xyz_m[0]))
    return Layout(road, -BEFORE_M, tuple(tiles), tuple(crossings), things)


class _Builder:
    """Puts things into the world; every one gets the next identity."""

    def __init__(self, rng: np.random.Generator, road: Road) -> None:
        self.things: list[Thing] = []
        self._rng, self._road = rng, road
        self._identity = 0
        self._since_gantry = 5

    def _next(self) -> int:
        self._identity += 1
        return self._identity

    def _put(
        self,
        model: str,
        x: float,
        y: float,
        z: float,
        size: tuple[float, float, float],
        order: float = 0.0,
        **more: Any,
    ) -> None:
        self.things.append(Thing(self._next(), model, (x, y, z), size, x + order, **more))

    def _uniform(self, low: float, high: float) -> float:
        return float(self._rng.uniform(low, high))

    def sign(self, model: str, x: float, y: float, z: float, pole: bool = True) -> None:
        _, half_width, half_height = SIGNS[model]
        middle = z + half_height
        if pole:
            for side in (-0.7, 0.7) if half_width > 1 else (0.0,):
                top = round(middle + (half_height * 0.6 if half_width > 1 else 0.0), 2)
                self._put(f"pole {top}", x + 0.05, y + side * half_width, 0.0, (0.1, 0.1, top), 0.05)
        self._put(model, x, y, middle, (0.02, 2 * half_width, 2 * half_height), category="traffic sign")

    def crossing(self, index: int, x: float, arrival_s: float) -> Crossing:
        stop = x + STOP_LINE_M[1] + 0.6
        height = 5.2
        arm = 9.2
        pole_y = -KERB_M - 0.5
        self._put(f"mast {height} {arm}", stop + 0.2, pole_y, 0.0, (0.3, arm, height), 0.2)
        green_for, red_for = self._uniform(9, 16), self._uniform(8, 13)
        heads = []
        turn = str(self._rng.choice(["none", "left", "straight"]))
        right, left, side = {
            "none": (None, None, None), "left": (None, "left", None), "straight": ("straight", "left", "right")
        }[turn]  # fmt: skip
        places = ((-5.35, height - 0.6, right), (-1.9, height - 0.4, left), (pole_y, 2.9, side))
        form, worn = int(self._rng.integers(20)), self._uniform(0.55, 1.0)
        for y, z, arrow in places:
            is_low = y == pole_y  # beside the road they are smaller and have no plate
            scale = self._uniform(0.76, 0.86) if is_low else self._uniform(0.86, 1.0)
            glow = worn * self._uniform(0.8, 1.0)
            behind = -(3.0 + red_for * 0.6) if arrow == "left" else 0.0
            heads.append(
                Head(self._next(), (stop, y, z), arrow, behind, form - form % 2 if is_low else form, scale, glow)
            )
        early = self._uniform(3.0, 11.0)
        return Crossing(index, x, arrival_s - early, green_for + 6, red_for, tuple(heads))

    def street(self, index: int, x: float, tile: Tile) -> None:
        rng = self._rng
        across = tile == "crossing"
        for side in (-1.0, 1.0):
            if index % 2 == (side > 0) and not across:
                self._put(
                    "lamp 8.0 " + ("2.2" if side < 0 else "-2.2"),
                    x + 12,
                    side * (KERB_M + 0.5),
                    0,
                    (0.2, 2.9, 8.4),
                    lamps=True,
                )
            for place in (4.0, 14.0):
                if not across and rng.random() < 0.75:
                    self._tree(x + place + self._uniform(-1, 1), side * (HOUSES_M - 1.6), self._uniform(6, 9))
        if not across and rng.random() < 0.75:
            self.sign(str(rng.choice(CITY_SIGNS)), x + self._uniform(15, 22), -KERB_M - 0.7, 2.2)
        if not across and rng.random() < 0.3:
            self.sign(str(rng.choice(CITY_SIGNS)), x + self._uniform(2, 10), -KERB_M - 0.7, 2.2)

    def motorway(self, index: int, x: float, before: Tile) -> None:
        rng = self._rng
        for at in (x, x + TILE_M / 2):
            self._put("rail 12.0", at + 6.0, -10.2, 0, (12.0, 0.2, 0.75), -6.0)
            self._put("barrier 12.0", at + 6.0, 0.0, 0, (12.0, 0.6, 0.85), -6.0)
        for side in (-1.0, 1.0):
            for _ in range(3):
                y = side * (19 + 30 * float(rng.random()) ** 1.5)
                self._tree(x + self._uniform(0, TILE_M), y, self._uniform(4, 12))
        self._since_gantry += 1
        if self._since_gantry > 13 and before == "motorway":
            self._since_gantry = 0
            self._put("gantry 5.6 11.4", x + 12, -11.2, 0, (0.4, 11.4, 6.8), 0.2)
            for y in (-7.4, -2.4):
                self.sign("direction", x + 11.8, y, 5.1, pole=False)
        elif index % 3 == 0:
            model = str(rng.choice(ROAD_SIGNS))
            large = SIGNS[model][1] > 1
            self.sign(model, x + self._uniform(4, 20), -14.0 if large else -11.3, 2.0 if large else 2.1)

    def houses(self, starts: Array, tiles: list[Tile]) -> None:
        """Rows of houses along every street, open where another street crosses."""
        free = [
            (float(x) + STREET_M[0] - 2.5, float(x) + STREET_M[1] + 2.5)
            for x, tile in zip(starts, tiles, strict=True)
            if tile == "crossing"
        ]
        for first, last in _runs(starts, tiles):
            for side in (-1.0, 1.0):
                x, joined = first, None
                while x < last - 8:
                    length = min(self._uniform(12, 26), last - x)
                    blocked = next(((a, b) for a, b in free if a < x + length and x < b), None)
                    if blocked is not None and blocked[0] - x < 7:
                        x, joined = blocked[1], None
                        continue
                    if blocked is not None:
                        length = blocked[0] - x
                    if self._is_inside(x, x + length, side):
                        self.park(x, length, side)
                        x, joined = x + length, None
                        continue
                    house = self._house(x, length, side, joined)
                    x, joined = x + length, house
                    if self._rng.random() < 0.3:
                        x, joined = x + self._uniform(1, 5), None

    def _is_inside(self, start: float, stop: float, side: float) -> bool:
        """Of a sharp bend, or before or after it."""
        around = np.arange(start - _OPEN_M, stop + _OPEN_M, 10.0)
        return bool((side * self._road.at(around)[:, -1] > _OPEN_BEND).any())

    def park(self, x: float, length: float, side: float) -> None:
        """Inside of a sharp bend, where houses would hide the road from who drives on it."""
        for _ in range(int(self._rng.poisson(length / 20))):
            self._tree(
                x + self._uniform(0, length), side * self._uniform(HOUSES_M + 6, HOUSES_M + 40), self._uniform(4, 9)
            )

    def _house(self, x: float, length: float, side: float, joined: Thing | None) -> Thing:
        """`joined` is the house before it that it is built on to."""
        storeys = int(self._rng.integers(2, 7))
        height = storeys * 3.2 + 1.2
        depth = 14.0
        colour = HOUSE_COLOURS[int(self._rng.integers(len(HOUSE_COLOURS)))]
        setback = abs(joined.xyz_m[1]) - depth / 2 if joined else HOUSES_M + self._uniform(0, 0.8)
        # Of a house behind one as tall no end is ever seen.
        model = "row house" if joined and joined.size_m[2] >= height else "house"
        self._put(
            model, x + length / 2, side * (setback + depth / 2), 0, (length, depth, height), length / 2,
            colour=colour, shape=int(self._rng.integers(0, 64)),
        )  # fmt: skip
        return self.things[-1]

    def _tree(self, x: float, y: float, height: float) -> None:
        self._put("tree", x, y, 0, (0.1, height * 0.75, height), shape=int(self._rng.integers(0, 64)), scale=height)


def _runs(starts: Array, tiles: list[Tile]) -> Iterator[tuple[float, float]]:
    """Where the road is a street: from, to."""
    begin: float | None = None
    for x, tile in zip(starts, tiles, strict=True):
        if tile == "motorway" and begin is not None:
            yield begin, float(x)
            begin = None
        elif tile != "motorway" and begin is None:
            begin = float(x)
    if begin is not None:
        yield begin, float(starts[-1]) + TILE_M
