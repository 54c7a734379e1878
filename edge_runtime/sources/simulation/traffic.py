"""Who moves on the road and beside it, as a pure function of the time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .crossings import Crossing
from .figures import STEPS
from .things import (
    CROSSWALK_M,
    FAST_LANE_M,
    KERB_M,
    OWN_LANE_M,
    SIGHT_M,
    STREET_M,
    Colour,
    Thing,
)
from .vehicles import CARS, TRUCKS

CAR_COLOURS: tuple[Colour, ...] = (
    (225, 225, 225), (60, 58, 55), (150, 150, 148), (200, 198, 195), (40, 40, 45), (130, 70, 40), (45, 40, 150),
    (95, 85, 75), (170, 120, 60), (60, 90, 50), (235, 235, 238), (110, 105, 100), (50, 130, 190),
)  # fmt: skip
TRUCK_COLOURS: tuple[Colour, ...] = (
    (235, 235, 235),
    (200, 205, 210),
    (160, 110, 50),
    (60, 60, 160),
    (90, 160, 210),
    (120, 150, 90),
)
CLOTHES: tuple[Colour, ...] = (
    (60, 60, 160), (150, 90, 50), (60, 110, 60), (50, 50, 55), (200, 200, 205), (40, 120, 200), (130, 60, 120),
    (150, 150, 60), (90, 90, 90),
)  # fmt: skip
BEHIND_M = 40.0
ROUND_M = BEHIND_M + SIGHT_M + 30.0  # a vehicle that leaves the picture comes in again as another one


@dataclass(frozen=True, slots=True)
class Lane:
    """Vehicles that keep their order. `drift` is how far they get ahead of the driver for each metre he drives."""

    y_m: float
    drift: float
    forward: bool
    start_m: tuple[float, ...]
    identity: int


def lanes_of(seed: int, traffic: float) -> tuple[Lane, ...]:
    rng = np.random.default_rng((seed, 2))
    lanes = []
    # Where, drift, which way, and vehicles in a full lane.
    plan = (
        (OWN_LANE_M, 0.0, True, 8),
        (FAST_LANE_M, 0.11, True, 11),
        (1.85, -1.9, False, 10),
        (5.35, -2.05, False, 10),
    )
    for number, (y, drift, forward, full) in enumerate(plan):
        count = round(traffic * full)
        own = drift == 0.0
        room = (SIGHT_M - 28.0 if own else ROUND_M) / max(count, 1)
        spread = rng.uniform(0.0, max(room - 16.0, 0.0), count)
        start = tuple(float(28.0 * own + room * index + spread[index]) for index in range(count))
        lanes.append(Lane(y, drift, forward, start, 1_000_000 * (number + 1)))
    return tuple(lanes)


def lane_at(lane: Lane, seed: int, travelled_m: float, speed_mps: float, t_s: float) -> Iterator[Thing]:
    for index, start in enumerate(lane.start_m):
        way = start + lane.drift * travelled_m
        rounds, ahead = divmod(way, ROUND_M)
        if lane.drift:
            ahead -= BEHIND_M
        sway = (2.0 if lane.drift else 5.0) * math.sin(0.21 * t_s + 2.4 * index)
        draw = np.random.default_rng((seed, 3, lane.identity + index, int(rounds) % 100_003)).random(4)
        identity = lane.identity + index * 10_000 + int(rounds) % 10_000
        y = lane.y_m + 0.35 * (float(draw[0]) - 0.5)
        is_truck = draw[1] < (0.10 if abs(lane.y_m) < 3 else 0.22)
        heading = (1.0 if lane.forward else -1.0, 0.0)
        thing = vehicle(identity, is_truck, travelled_m + ahead + sway, y, float(draw[2]), float(draw[3]), heading)
        slows = math.cos(0.21 * t_s + 2.4 * index) < -0.55
        blinks = float(draw[0]) < 0.12 and int(3 * t_s + index) % 2 == 0
        yield replace(thing, along_mps=speed_mps * (1 + lane.drift), lamps=True, brakes=slows, blinks=blinks)


def vehicle(
    identity: int, is_truck: bool, x: float, y: float, look: float, tint: float, heading: tuple[float, float]
) -> Thing:
    """`look` and `tint` (0..1) choose the model and its colour."""
    sizes = TRUCKS if is_truck else tuple(shape.size for shape in CARS)
    colours = TRUCK_COLOURS if is_truck else CAR_COLOURS
    shape = min(int(look * len(sizes)), len(sizes) - 1)
    size, colour = sizes[shape], colours[min(int(tint * len(colours)), len(colours) - 1)]
    kind = "truck" if is_truck else "car"
    faces_us = is_truck and heading[0] < 0
    return Thing(
        identity, kind, (x, y, 0.0), size, x - size[0] / 2 * abs(heading[0]), colour, shape + len(TRUCKS) * faces_us,
        heading, category=kind,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Crowd:
    """Parked cars and people beside the road: columns of what each of them is, by rising x."""

    parked: tuple[Thing, ...]
    walkers_x_m: tuple[float, ...]
    walkers: tuple[tuple[float, float, float, int], ...]  # y, speed along x, height, colour


def crowd_of(seed: int, traffic: float, stretches: Sequence[tuple[float, float]]) -> Crowd:
    """`stretches`: where there is a street without a crossing, from x to x."""
    rng = np.random.default_rng((seed, 4))
    parked: list[Thing] = []
    walkers: list[tuple[float, tuple[float, float, float, int]]] = []
    for first, last in stretches:
        for side in (-1.0, 1.0):
            for middle in np.arange(first + 3.5, last - 3.0, 7.0).tolist():
                if rng.random() < 0.75 * traffic:
                    look, tint = rng.random(2)
                    heading = (1.0, 0.0) if side < 0 else (-1.0, 0.0)
                    place = middle + float(rng.uniform(-0.5, 0.5))
                    parked.append(
                        vehicle(500_000 + len(parked), False, place, side * 8.35, float(look), float(tint), heading)
                    )
            for _ in range(int(rng.poisson(1.6 * traffic))):
                y = side * float(rng.uniform(KERB_M + 0.9, KERB_M + 3.0))
                pace = float(rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 1.6))
                walkers.append(
                    (float(rng.uniform(first, last)), (y, pace, float(rng.uniform(1.55, 1.9)), int(rng.integers(64))))
                )
    walkers.sort()
    return Crowd(
        tuple(sorted(parked, key=lambda thing: thing.xyz_m[0])),
        tuple(x for x, _ in walkers),
        tuple(w for _, w in walkers),
    )


def walker(
    identity: int, x: float, y: float, height: float, look: int, t_s: float, sideways: bool, moves: bool = True
) -> Thing:
    step = int((t_s * 1.1 + look * 0.13) * STEPS) % STEPS if moves else 0
    return Thing(
        identity, "person", (x, y, 0.0), (0.35, 0.55, height), x, CLOTHES[look % len(CLOTHES)],
        step + STEPS * sideways, category="person", scale=height / 1.75,
    )  # fmt: skip


def at_crossing(crossing: Crossing, seed: int, traffic: float, t_s: float) -> Iterator[Thing]:
    """People and cars that cross the road while it has red."""
    rng = np.random.default_rng((seed, 5, crossing.index))
    cycle = math.floor((t_s - crossing.green_s) / crossing.cycle_s)
    since_red = crossing.phase_s(t_s) - crossing.green_for_s - crossing.YELLOW_FOR_S
    base = 600_000 + crossing.index * 200
    far = KERB_M + 1.2
    for index in range(int(rng.poisson(5 * traffic))):
        late, pace, height = float(rng.uniform(0, 2.5)), float(rng.uniform(1.5, 2.2)), float(rng.uniform(1.55, 1.9))
        x = crossing.x_m + float(rng.uniform(CROSSWALK_M[0] + 0.3, CROSSWALK_M[1] - 0.3))
        look = int(rng.integers(64))
        walked = min(max((since_red - late) * pace, 0.0), 2 * far)
        direction = 1.0 if (cycle + index) % 2 else -1.0
        yield walker(base + index, x, direction * (walked - far), height, look, t_s, True, 0 < walked < 2 * far)
    for lane, side in ((STREET_M[0] + 2.6, -1.0), (STREET_M[1] - 2.6, 1.0)):
        # On the right of the street across come cars from the left of the road, and the other way round.
        heading = -side
        for index in range(int(rng.poisson(2.2 * traffic))):
            driven = 4.5 * max(since_red - 1.0 - 1.7 * index, 0.0) ** 1.35
            place = 14.5 + 7.5 * index - driven
            draw = np.random.default_rng((seed, 6, crossing.index, cycle % 100_003, index, int(side > 0))).random(2)
            if place > -90:
                number = base + 100 + 10 * index + int(side > 0)
                model, tint = float(draw[0]), float(draw[1])
                thing = vehicle(number, False, crossing.x_m + lane, -heading * place, model, tint, (0.0, heading))
                yield replace(thing, lamps=True)
