"""Where the oddments stand: in front of shops, in gardens, at road works, along the motorway."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from .things import HOUSES_M, KERB_M, STREET_M, TILE_M, Colour, Thing

LOUD: tuple[Colour, ...] = (
    (40, 40, 210), (60, 170, 40), (30, 190, 250), (200, 90, 30), (30, 120, 240), (100, 50, 130), (230, 230, 235),
    (90, 200, 90), (35, 35, 160), (170, 130, 20),
)  # fmt: skip
_FIRST_IDENTITY = 900_000
_COMMON = ("light", "sign", "pole")  # wherever there is any clutter
_BEHIND = ("bush", "hedge", "billboard")  # where houses stand, they do not
_Place = tuple[str, tuple[float, float, float], int, float]  # model, where, its form, its size


def oddments_of(
    seed: int, x0_m: float, tiles: Sequence[str], houses: Sequence[Thing], clutter: float
) -> tuple[Thing, ...]:
    """`clutter` from 0 (none) to 1."""
    rng = np.random.default_rng((seed, 32))
    found: list[Thing] = []

    def put(places: Iterable[_Place]) -> None:
        for model, at, shape, scale in places:
            draw, colour = rng.random(), LOUD[int(rng.integers(len(LOUD)))]
            is_common = clutter > 0 and model.split()[0] in _COMMON
            if (draw < clutter or is_common) and not (model in _BEHIND and _is_built(houses, at)):
                size = (6.0, 0.8, scale) if model == "hedge" else (0.3, scale, scale)
                identity = _FIRST_IDENTITY + len(found)
                found.append(Thing(identity, model, at, size, at[0], colour, shape, scale=scale, lamps=True))

    works = int(rng.integers(3, 20))
    for index, tile in enumerate(tiles):
        x = x0_m + index * TILE_M
        if tile == "motorway":
            put(_beside_motorway(rng, x))
        elif tile == "crossing":
            put(_at_crossing(x))
        else:
            put(_beside_street(rng, x))
            works -= 1
            if works < 0:
                works = int(rng.integers(12, 40))
                put(_road_works(rng, x))
    for house in houses:
        put(_on_house(rng, house))
    return tuple(found)


def _is_built(houses: Sequence[Thing], at: tuple[float, float, float]) -> bool:
    x, y, _ = at
    return any(abs(one.xyz_m[0] - x) < one.size_m[0] / 2 + 4.0 and one.xyz_m[1] * y > 0 for one in houses)


# What stands beside a street: how many in a tile on each side, how far aside, and its size.
_STREET = {
    "planter": (0.35, (KERB_M + 2.4, HOUSES_M - 1), (0.8, 1.3)),
    "flag": (0.2, (KERB_M + 2.2, KERB_M + 3.0), (0.7, 1.1)),
    "bush": (0.7, (HOUSES_M + 3, HOUSES_M + 25), (0.8, 2.4)),
    "hedge": (0.5, (HOUSES_M + 1, HOUSES_M + 2), (0.8, 1.2)),
    "billboard": (0.2, (HOUSES_M + 3, HOUSES_M + 9), (0.7, 1.1)),
}
_MOTORWAY = {"bush": (0.7, (13.5, 34.0), (1.0, 3.0)), "billboard": (0.09, (22.0, 45.0), (1.2, 2.6))}


def _scattered(
    rng: np.random.Generator, x: float, kinds: Mapping[str, tuple[float, tuple[float, float], tuple[float, float]]]
) -> Iterator[_Place]:
    for side in (-1.0, 1.0):
        for model, (rate, aside, size) in kinds.items():
            for _ in range(int(rng.poisson(rate))):
                at = x + float(rng.uniform(0, TILE_M)), side * float(rng.uniform(*aside)), 0.0
                yield model, at, int(rng.integers(64)), float(rng.uniform(*size))


def _on_pole(model: str, at: tuple[float, float, float], shape: int, size: float) -> tuple[_Place, _Place]:
    x, y, z = at
    return (f"pole {z + 0.3 * size:.1f}", (x + 0.15, y, 0.0), 0, 1.0), (model, at, shape, size)


def _beside_street(rng: np.random.Generator, x: float) -> Iterator[_Place]:
    yield from _scattered(rng, x, _STREET)
    if rng.random() < 0.5:
        at = x + float(rng.uniform(2, TILE_M - 2)), KERB_M + 0.7, 2.5
        yield from _on_pole("sign back", at, int(rng.integers(3)), 1.0)


def _at_crossing(x: float) -> Iterator[_Place]:
    """The lights for those who come from the other side."""
    corner = x + STREET_M[1] + 1.2
    for side, height in ((1.0, 2.9), (-1.0, 2.8)):
        yield from _on_pole("light back", (corner, side * (KERB_M + 0.4), height), 0, 0.8)


def _beside_motorway(rng: np.random.Generator, x: float) -> Iterator[_Place]:
    yield "post", (x + 12.0, -10.6, 0.0), int(rng.integers(2)) * 2, 1.0
    yield from _scattered(rng, x, _MOTORWAY)
    if rng.random() < 0.25:
        yield from _on_pole("sign back", (x + 9.0, 11.3, 2.6), int(rng.integers(3)), 1.1)


def _on_house(rng: np.random.Generator, house: Thing) -> Iterator[_Place]:
    """Shop signs that stand out from its front."""
    length, depth, _ = house.size_m
    x, y, _ = house.xyz_m
    front = y - math.copysign(depth / 2 + 0.6, y)
    for _ in range(int(rng.poisson(length / 22))):
        model = "lightbox" if rng.random() < 0.3 else "board"
        at = x + float(rng.uniform(-0.45, 0.45)) * length, front, float(rng.uniform(2.9, 4.4))
        yield model, at, int(rng.integers(64)), float(rng.uniform(0.6, 1.2))


def _road_works(rng: np.random.Generator, x: float) -> Iterator[_Place]:
    """On the parking lane."""
    for number in range(6):
        model = "beacon" if number % 2 == 0 else "cone"
        yield model, (x + 2.0 + 3.4 * number, -7.9 - 0.1 * number, 0.0), number // 2, 1.0
    yield "beacon", (x + 23.0, -8.6, 0.0), int(rng.integers(64)), 1.0
