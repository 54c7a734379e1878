"""Scenario-plant pairs by seed: boards unlike the one the ladder was measured on, and drives nobody tuned for.

A pair is drawn from its seed alone. The board is one of the given ones with every figure moved by a random amount, so
the ladder is wrong about it in power, time and noise; the drive is one of seven kinds with random lengths, loads,
speeds and budgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.config.ladder import Ladder
from edge_runtime.config.plant import Plant, Spread
from edge_runtime.config.schema import Budgets, FpsFloor

from .files import Scenario, Segment

Random = np.random.Generator
KINDS = ("city", "motorway", "tunnel heat", "summer standstill", "sensor loss", "camera at 60 fps", "load spike")


@dataclass(frozen=True)
class Pair:
    """One scenario on one board, with the ladder of the board that it resembles."""

    seed: int
    kind: str
    plant: Plant
    ladder: Ladder
    scenario: Scenario


def make_pair(seed: int, boards: Sequence[tuple[Plant, Ladder]]) -> Pair:
    random = np.random.default_rng((seed, 77))
    plant, ladder = boards[int(random.integers(len(boards)))]
    kind = KINDS[int(random.integers(len(KINDS)))]
    segments = _drive(kind, random, 0.03 * (plant.gpu_w_per_busy + plant.idle_w))
    # The camera shows more or less than the ladder's pictures did.
    scene = random.uniform(0.9, 1.15)
    segments = [part.model_copy(update={"scene_load": round(part.scene_load * scene, 3)}) for part in segments]
    other = _another(plant, random)
    budgets = _budgets(other, ladder, segments, random)
    other = _boxed(other, budgets, max(segment.ambient_c for segment in segments), random)
    return Pair(seed, kind, other, ladder, Scenario(name=f"{kind} {seed}", budgets=budgets, segments=tuple(segments)))


def _another(plant: Plant, random: Random) -> Plant:
    """Another specimen of this board."""
    noise = plant.power_noise_w
    return plant.model_copy(
        update={
            "idle_w": plant.idle_w * random.uniform(0.85, 1.15),
            "gpu_w_per_busy": plant.gpu_w_per_busy * random.uniform(0.8, 1.25),
            "cpu_w_per_busy": plant.cpu_w_per_busy * random.uniform(0.7, 1.3),
            "power_noise_w": noise * random.uniform(0.5, 2.0),
            "sensor_period_ms": int(random.choice([50, 100, 200, 500])),
            "sensor_lag_ms": int(random.choice([0, 50, 100, 200, 400])),
            "latency": Spread(
                noise_frac=random.uniform(0.02, 0.1),
                tail_prob=random.uniform(0.0, 0.004),
                tail_factor=random.uniform(1.5, 4.0),
            ),
        }
    )


def _boxed(plant: Plant, budgets: Budgets, hottest_c: float, random: Random) -> Plant:
    """The board in a box in which its power budget, drawn on the hottest stretch, ends below or above the limit."""
    assert budgets.thermal_c is not None
    assert budgets.power_w is not None
    rise_c = max(5.0, budgets.thermal_c * random.uniform(0.75, 1.15) - hottest_c)
    # From a module on its transfer plate (70 g of aluminium hold 60 J/°C) to one on a large heatsink.
    thermal = {"r_c_per_w": rise_c / budgets.power_w, "c_j_per_c": random.uniform(60.0, 300.0)}
    return plant.model_copy(update={"thermal": plant.thermal.model_copy(update=thermal)})


def _budgets(plant: Plant, ladder: Ladder, segments: Sequence[Segment], random: Random) -> Budgets:
    """From tight to generous; the power budget lies between what the cheapest and the most useful point draw."""
    drawn_w = [rung.joules_per_frame * min(rung.fps, 30.0) for rung in ladder.points]
    extra_w = max(segment.extra_power_w for segment in segments)
    power_w = plant.idle_w + extra_w + min(drawn_w) + random.uniform(0.2, 0.9) * (max(drawn_w) - min(drawn_w))
    thermal_c = random.uniform(60.0, 90.0)
    floor: float | FpsFloor = FpsFloor(city=15.0, highway=30.0)
    metres = None
    match int(random.integers(3)):
        case 0:
            floor = float(random.choice([10.0, 15.0, 20.0, 25.0]))
        case 1:
            floor, metres = 10.0, round(random.uniform(1.3, 2.0), 2)
    return Budgets(
        power_w=round(power_w, 1),
        thermal_c=round(thermal_c, 1),
        fps_floor=floor,
        latency_ms=float(random.choice([50.0, 80.0, 100.0, 150.0])),
        max_metres_per_frame=metres,
    )


def _drive(kind: str, random: Random, some_w: float) -> list[Segment]:
    def segment(speed_kmh: float, **changes: float | str) -> Segment:
        ambient_c = random.uniform(10, 32)
        values = {"ambient_c": ambient_c, "speed_kmh": speed_kmh, "seconds": float(random.integers(30, 90)), **changes}
        return Segment.model_validate(values)

    def town() -> float:
        return random.uniform(20, 60)

    def road() -> float:
        return random.uniform(90, 130)

    def load() -> float:
        return random.uniform(0.7, 1.5)

    def extra_w() -> float:
        return random.uniform(0.0, 2.0) * some_w

    if kind == "city":
        return [segment(town(), scene_load=load(), extra_power_w=extra_w()) for _ in range(4)]
    if kind == "motorway":
        return [segment(speed(), scene_load=load(), extra_power_w=extra_w()) for speed in (town, road, road, town)]
    if kind == "tunnel heat":
        return [segment(road(), ambient_c=ambient_c) for ambient_c in (20.0, random.uniform(38, 52), 20.0)]
    if kind == "summer standstill":
        hot_c = random.uniform(38, 50)
        return [segment(town(), ambient_c=30.0), segment(0.0, ambient_c=hot_c, seconds=150.0), segment(town())]
    if kind == "sensor loss":
        fault = str(random.choice(["dead", "stale", "frozen", "noisy"]))
        lost = segment(town(), sensor=fault, scene_load=load(), extra_power_w=extra_w(), seconds=20.0)
        return [segment(town()), lost, segment(town(), extra_power_w=extra_w())]
    if kind == "camera at 60 fps":
        return [segment(town()), segment(road(), camera_fps=60.0), segment(road(), scene_load=load())]
    calm, spike = random.uniform(0.7, 1.0), random.uniform(1.4, 2.2)
    return [segment(town(), scene_load=level) for level in (calm, spike, calm, spike)]
