"""A drive: everything in its world at any picture, without a clock and without a picture before it.

The same block, seed included, is the same drive, whatever was asked of it before.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from edge_runtime.config.schema import CalibrationBlock, SimulationSource

from .camera import Camera, calibration_of
from .crossings import lights_at
from .labels import Label, labels_of
from .layout import Layout, lay_out
from .order import painting_order
from .road import Road
from .speed import SpeedProfile
from .things import BACKDROP_M, OWN_LANE_M, REACH_M, SIGHT_M, TILE_M, Thing
from .traffic import Crowd, Lane, at_crossing, crowd_of, lane_at, lanes_of, walker

NEAREST_M = -4.0  # a vehicle beside the camera still reaches into the picture
WALK_M = 60.0  # how far from its place a person may have walked and still be looked for


class Drive:
    """The world of one `source: {kind: simulation}` block. Building it takes some milliseconds a kilometre."""

    def __init__(self, block: SimulationSource) -> None:
        self.block = block
        points = block.speed_kmh if isinstance(block.speed_kmh, tuple) else ((0.0, block.speed_kmh),)
        self._speed = SpeedProfile(points)
        self.pictures = max(1, round(block.seconds * block.fps))
        self.calibration: CalibrationBlock = calibration_of(block)
        rng = np.random.default_rng((block.seed, 0))
        self._nods = rng.uniform([0.6, 1.3, 2.6], [1.0, 2.1, 4.0]), rng.uniform(0, math.tau, 3)

    @cached_property
    def layout(self) -> Layout:
        block = self.block
        return lay_out(block.seed, self._speed, block.seconds, block.bends, block.hills, block.clutter)

    @property
    def road(self) -> Road:
        return self.layout.road

    def t_s(self, index: int) -> float:
        return index / self.block.fps

    def speed_mps(self, index: int) -> float:
        return self._speed.speed_mps(self.t_s(index))

    def night(self, index: int) -> float:
        """0 at noon, 1 at dusk, 2 at night."""
        words = {"noon": 0.0, "dusk": 1.0, "night": 2.0}
        return words.get(self.block.lighting, 2.0 * min(1.0, self.t_s(index) / self.block.seconds))

    def nod_deg(self, t_s: float) -> float:
        """How far the springs tip the vehicle forward; stronger on the motorway, nothing at rest."""
        hertz, phases = self._nods
        wave = math.fsum(
            share * math.sin(math.tau * h * t_s + p) for share, h, p in zip((0.5, 0.3, 0.2), hertz, phases, strict=True)
        )
        return self.block.bounce_deg * wave * min(1.0, self._speed.speed_mps(t_s) / 8.0)

    def exposure_s(self, index: int) -> float:
        """As long as a camera would need for the light, unless the block says."""
        if self.block.exposure_ms is not None:
            return self.block.exposure_ms / 1000
        return 0.0007 * math.pow(24.0, self.night(index) / 2)

    def camera(self, index: int) -> Camera:
        t_s = self.t_s(index)
        along, road = self._speed.travelled_m(t_s), self.road
        foot = np.array([[along, OWN_LANE_M + 0.18 * math.sin(along / 61.0), 0.0]])
        x, y, z = road.world(foot)[0].tolist()
        return Camera(
            self.block.size,
            self.calibration.focal_px[0],
            self.calibration.centre_px,
            math.radians(self.block.camera_pitch_deg + self.nod_deg(t_s)) - math.atan(road.grade(along)),
            (x, y, z + self.block.camera_height_m),
            road.yaw_rad(along),
            along,
        )

    def things(self, index: int) -> list[Thing]:
        """What stands or moves ahead, in the order it is painted: the farthest first."""
        here = self._speed.travelled_m(self.t_s(index))
        found = [
            thing
            for thing in self._around(index, here)
            if thing.order_m - here > NEAREST_M and thing.xyz_m[0] - here < REACH_M.get(thing.model, SIGHT_M)
        ]
        return painting_order(found, self.road, self.camera(index).xyz_m[:2])

    def labels(self, index: int) -> tuple[Label, ...]:
        """Of one picture, without painting it."""
        return labels_of(self.things(index), self.camera(index), self.road)

    def landmarks(self) -> list[Thing]:
        """The lights and signs of the whole world, which stand still."""
        signs = [thing for thing in self.layout.things if thing.category is not None]
        lights = [light for crossing in self.layout.crossings for light in lights_at(crossing, 0.0)]
        return sorted([*signs, *lights], key=lambda thing: thing.xyz_m[0])

    def _around(self, index: int, here: float) -> Iterator[Thing]:
        t_s, seed, traffic = self.t_s(index), self.block.seed, self.block.traffic
        first, last = (
            edge(self._standing_x, at) for edge, at in ((bisect_left, here - 20), (bisect_right, here + BACKDROP_M))
        )
        yield from self.layout.things[first:last]
        for crossing in self.layout.crossings:
            if -30 < crossing.x_m - here < SIGHT_M:
                yield from lights_at(crossing, t_s)
                yield from at_crossing(crossing, seed, traffic, t_s)
        for lane in self._lanes:
            yield from lane_at(lane, seed, here, self.speed_mps(index), t_s)
        crowd = self._crowd
        first = bisect_left(self._parked_x, here - 10)
        yield from crowd.parked[first : bisect_right(self._parked_x, here + SIGHT_M)]
        first = bisect_left(crowd.walkers_x_m, here - WALK_M)
        for number in range(first, bisect_right(crowd.walkers_x_m, here + SIGHT_M + WALK_M)):
            x, (y, pace, height, look) = crowd.walkers_x_m[number], crowd.walkers[number]
            met_s = self._met_s[number]
            yield walker(700_000 + number, x + pace * (t_s - met_s), y, height, look, t_s, False)

    @cached_property
    def _standing_x(self) -> list[float]:
        return [thing.xyz_m[0] for thing in self.layout.things]

    @cached_property
    def _lanes(self) -> tuple[Lane, ...]:
        return lanes_of(self.block.seed, self.block.traffic)

    @cached_property
    def _crowd(self) -> Crowd:
        layout = self.layout
        stretches = [
            (layout.x0_m + index * TILE_M, layout.x0_m + (index + 1) * TILE_M)
            for index, tile in enumerate(layout.tiles)
            if tile == "street"
        ]
        return crowd_of(self.block.seed, self.block.traffic, stretches)

    @cached_property
    def _parked_x(self) -> list[float]:
        return [thing.xyz_m[0] for thing in self._crowd.parked]

    @cached_property
    def _met_s(self) -> list[float]:
        """When the driver passes the place of each person."""
        return [float(t) for t in self._speed.times_at_s(np.array(self._crowd.walkers_x_m), self.block.seconds)]
