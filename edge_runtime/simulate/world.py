"""Everything of a scenario that does not depend on the policy: when frames come and how long they would take.

All policies meet the same world, drawn from one seed, so that what differs between them is their doing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.ladder import Ladder
from edge_runtime.config.plant import Plant
from edge_runtime.config.schema import Budgets

from .files import Scenario, Segment

# Power, heat and sensors move in steps of this length.
STEP_S = 0.05
STEPS_PER_S = 20
# How long the load of a board keeps its direction.
_POWER_NOISE_S = 0.2
_NOISY_SENSOR, _TEMP_NOISE_C = 0.15, 0.2
_CAMERA_DRIFT = 1e-3


@dataclass(frozen=True)
class World:
    """Frames by index (capture time in s, factors on their GPU and host time), steps by index."""

    plant: Plant
    ladder: Ladder
    budgets: Budgets
    segments: tuple[Segment, ...]
    floors_fps: tuple[float | None, ...]
    steps: int
    capture_s: list[float]
    gpu_factor: list[float]
    host_factor: list[float]
    step_segment: list[int]
    power_noise_w: list[float]
    sensor_noise: list[float]
    temp_noise_c: list[float]

    @property
    def seconds(self) -> int:
        return self.steps // STEPS_PER_S

    def segment_at(self, second: int) -> int:
        return self.step_segment[second * STEPS_PER_S]


def make_world(plant: Plant, scenario: Scenario, ladder: Ladder, budgets: Budgets, seed: int) -> World:
    """Draw a world; budgets of the scenario go before those of the pipeline."""
    stated = scenario.budgets.model_dump(exclude_none=True)
    budgets = Budgets.model_validate({**budgets.model_dump(exclude_none=True), **stated})
    random = np.random.default_rng(seed)
    capture: list[np.ndarray] = []
    loads: list[np.ndarray] = []
    step_segment: list[int] = []
    start_s = 0.0
    for index, segment in enumerate(scenario.segments):
        seconds = round(segment.seconds)
        # No camera keeps to its rate exactly, nor do sensors and cameras share a clock.
        fps = segment.camera_fps * (1.0 + _CAMERA_DRIFT * random.standard_normal())
        count = int(seconds * fps)
        capture.append(start_s + np.arange(count) / fps)
        loads.append(np.full(count, segment.scene_load))
        step_segment += [index] * (seconds * STEPS_PER_S)
        start_s += seconds
    capture_s = np.concatenate(capture)
    frames, steps = len(capture_s), len(step_segment)
    load = np.concatenate(loads)
    return World(
        plant=plant,
        ladder=ladder,
        budgets=budgets,
        segments=scenario.segments,
        floors_fps=tuple(demanded_fps(budgets, _mps(segment)) for segment in scenario.segments),
        steps=steps,
        capture_s=[*capture_s.tolist(), float("inf"), float("inf")],
        gpu_factor=(load * _spread(random, plant, frames, tails=True)).tolist(),
        host_factor=(load * _spread(random, plant, frames, tails=False)).tolist(),
        step_segment=step_segment,
        power_noise_w=_wandering(random, steps, plant.power_noise_w).tolist(),
        sensor_noise=(1.0 + _NOISY_SENSOR * random.standard_normal(steps)).clip(0.3, 1.7).tolist(),
        temp_noise_c=(_TEMP_NOISE_C * random.standard_normal(steps)).tolist(),
    )


def _mps(segment: Segment) -> float | None:
    return None if segment.speed_kmh is None else segment.speed_kmh / 3.6


def _spread(random: np.random.Generator, plant: Plant, frames: int, *, tails: bool) -> np.ndarray:
    """Log-normal around 1, and now and then a frame that takes much longer."""
    spread = plant.latency
    sigma = float(np.sqrt(np.log1p(spread.noise_frac**2)))
    factor = np.exp(sigma * random.standard_normal(frames) - sigma * sigma / 2)
    if tails:
        factor = np.where(random.random(frames) < spread.tail_prob, factor * spread.tail_factor, factor)
    return factor


def _wandering(random: np.random.Generator, steps: int, deviation: float) -> np.ndarray:
    """Noise that keeps its direction for a while (first-order autoregressive), of this deviation."""
    keep = float(np.exp(-STEP_S / _POWER_NOISE_S))
    push = (deviation * np.sqrt(1 - keep * keep) * random.standard_normal(steps)).tolist()
    noise, value = [], 0.0
    for step in push:
        value = keep * value + step
        noise.append(value)
    return np.asarray(noise)
