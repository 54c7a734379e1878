"""A ladder nobody has measured: what a plant would make of a family of detectors with regions.

For simulations and as a starting point where no board is at hand. Times are those of a family of four detector sizes
on a board of `speed` 1 (AGX Orin at MAXN, FP16), usefulness follows the shape that streaming evaluations have (Li et
al., ECCV 2020): bigger networks, more regions and higher rates help, each step less than the one before.
"""

from __future__ import annotations

import itertools
import math

from edge_runtime.config.ladder import Busy, Knobs, Ladder, MeasuredLatency, Rung
from edge_runtime.config.plant import DYNAMIC_EXPONENT, Plant

# variant: GPU ms of the full frame and of each region, usefulness at full rate without regions.
_VARIANTS = {
    "nano": (2.2, 0.9, 0.47),
    "small": (4.0, 1.5, 0.58),
    "medium": (8.5, 2.8, 0.66),
    "large": (15.0, 4.2, 0.71),
}
_REGIONS = (0, 1, 2, 4, 6)
_CAPS = (None, 30.0, 20.0, 15.0)
_HOST_MS, _HOST_MS_PER_REGION = 2.0, 0.5
_CAMERA_FPS, _LEAST_FPS = 60.0, 8.0


def model_ladder(plant: Plant, *, board: str, speed: float, points: int = 22) -> Ladder:
    """The Pareto front (usefulness, watts, time a frame) of all settings, thinned to at most `points`."""
    modes = list(plant.power_modes)
    rungs = [
        rung
        for mode, variant, regions, period, cap in itertools.product(modes, _VARIANTS, _REGIONS, (1, 2), _CAPS)
        if (rung := _rung(plant, mode, variant, regions, period, cap, speed, named=len(modes) > 1)) is not None
    ]
    front = [rung for rung in rungs if not any(_dominates(other, rung) for other in rungs)]
    front.sort(key=lambda rung: rung.usefulness)
    return Ladder(board=board, power_mode=modes[0], idle_w=plant.idle_w, points=tuple(_thin(front, points)))


def _rung(
    plant: Plant, mode: str, variant: str, regions: int, period: int, cap: float | None, speed: float, *, named: bool
) -> Rung | None:
    clock = plant.power_modes[mode].clock
    full_ms, region_ms, useful = _VARIANTS[variant]
    slow = 1.0 / (speed * clock)
    gpu_ms = (full_ms / period + region_ms * regions) * slow
    host_ms = (_HOST_MS + _HOST_MS_PER_REGION * regions) * min(slow, 6.0)
    fps = min(1e3 / max(gpu_ms, host_ms), cap or math.inf)
    if fps < _LEAST_FPS or (cap is not None and fps < cap):
        return None
    power = clock**DYNAMIC_EXPONENT * fps / 1e3
    watts = power * (plant.gpu_w_per_busy * gpu_ms + plant.cpu_w_per_busy * host_ms)
    rate = 1.0 - 0.55 * math.exp(-min(fps, _CAMERA_FPS) / 13.0)
    gain = 1.0 + 0.32 * (1.0 - math.exp(-regions / 2.5))
    name = "-".join(
        [variant, f"r{regions}"]
        + ([f"d{period}"] if period > 1 else [])
        + ([f"{cap:.0f}fps"] if cap else [])
        + ([mode.lower()] if named else [])
    )
    latency_ms = gpu_ms + host_ms
    return Rung(
        name=name,
        knobs=Knobs(
            regions=regions, detector_period=period, variant=variant, fps_cap=cap, power_mode=mode if named else None
        ),
        fps=round(fps, 2),
        latency_ms=MeasuredLatency(p50=round(latency_ms, 2), p99=round(latency_ms * 1.2, 2)),
        busy_ms=Busy(gpu=round(gpu_ms, 2), host=round(host_ms, 2)),
        watts=round(watts, 2),
        usefulness=round(useful * gain * rate * (0.95 if period > 1 else 1.0), 4),
    )


def _at_camera(rung: Rung) -> tuple[float, float, float]:
    """What counts on the front: usefulness, watts behind a 30 fps camera, and time a frame."""
    return rung.usefulness, rung.joules_per_frame * min(rung.fps, 30.0), rung.service_ms


def _dominates(one: Rung, other: Rung) -> bool:
    (useful, watts, ms), (its_useful, its_watts, its_ms) = _at_camera(one), _at_camera(other)
    at_least = useful >= its_useful and watts <= its_watts and ms <= its_ms
    return at_least and (useful, watts, ms) != (its_useful, its_watts, its_ms)


def _thin(front: list[Rung], points: int) -> list[Rung]:
    """Both ends, and what lies most evenly between them."""
    if len(front) <= points:
        return front
    low, high = front[0].usefulness, front[-1].usefulness
    wanted = [low + (high - low) * index / (points - 1) for index in range(points)]
    nearest = (min(front, key=lambda rung: abs(rung.usefulness - value)) for value in wanted)
    return list(dict.fromkeys(nearest))
