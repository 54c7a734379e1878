"""Which operating points the knobs of a pipeline file span, before anything is measured. Pure.

Regions from none to `regions.max`, in every frame or in every second one; the detector in every frame, or in every
second or third with tracks in between; every variant of the models; on a board that may be turned, its power modes and
caps on the GPU's clock. A cap on the frame rate is no point of its own: what it does follows from what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from edge_runtime.config.schema import Budgets, DetectStage, FpsFloor, NetworkStage, PipelineConfig, TrackStage
from edge_runtime.core import OperatingPoint

_REGIONS = (0, 1, 2, 4, 8, 16)
_DETECTOR_PERIODS = (1, 2, 3)
# Of the fastest clock: caps worth trying. Below half of it a GPU takes longer than it saves.
_CAPPED = (0.75, 0.5)
# The name of the point at which a pipeline without regions and variants does all it can.
FULL = "full"
# Of the camera's rate: every second frame, every third.
_CAPS = (2, 3)


@dataclass(frozen=True, slots=True)
class Turn:
    """A setting of the board; None leaves it as it is."""

    power_mode: str | None = None
    gpu_cap_mhz: float | None = None

    def __str__(self) -> str:
        parts = [
            *([f"power mode {self.power_mode}"] if self.power_mode else []),
            *([f"a GPU of at most {self.gpu_cap_mhz:.0f} MHz"] if self.gpu_cap_mhz else []),
        ]
        return " with ".join(parts) or "the board as it was"


AS_IT_IS = Turn()


def turns(modes: Sequence[str], clocks_mhz: Sequence[float]) -> tuple[Turn, ...]:
    """Every mode with every cap; one mode alone is not worth naming."""
    named: tuple[str | None, ...] = tuple(modes) if len(modes) > 1 else (None,)
    caps: list[float | None] = [None]
    for share in _CAPPED:
        below = [clock for clock in clocks_mhz if clock <= share * max(clocks_mhz)]
        if below and max(below) not in caps:
            caps.append(max(below))
    return tuple(Turn(mode, cap) for mode, cap in product(named, caps))


def span(config: PipelineConfig, settings: Sequence[Turn] = (AS_IT_IS,)) -> tuple[OperatingPoint, ...]:
    """Every point, by what it demands of the networks, least first."""
    knobs = sorted(_knobs(config), key=lambda point: effort(config, point))
    return tuple(named(turned(point, turn)) for turn in settings for point in knobs)


def _knobs(config: PipelineConfig) -> Iterator[OperatingPoint]:
    variants = [None, *dict.fromkeys(name for model in config.models.values() for name in model.variants)]
    most = max((stage.regions.max for stage in _with_regions(config) if stage.regions), default=None)
    regions: Sequence[int | None] = [None]
    if most is not None:
        regions = sorted({count for count in _REGIONS if count <= most} | {most})
    for variant, count, detector_period in product(variants, regions, _detector_periods(config)):
        # A resting detector looks at no regions either.
        sometimes = (1, 2) if count and detector_period == 1 else (1,)
        for region_period in sometimes:
            yield OperatingPoint("", count, region_period, detector_period, variant)


def _with_regions(config: PipelineConfig) -> list[DetectStage]:
    return [stage for stage in config.stages if isinstance(stage, DetectStage) and stage.regions is not None]


def resting(config: PipelineConfig) -> frozenset[str]:
    """The models that may leave frames out: somebody follows their boxes, and they do nothing but detect."""
    if not any(isinstance(stage, TrackStage) for stage in config.stages):
        return frozenset()
    used = [stage for stage in config.stages if isinstance(stage, NetworkStage)]
    return frozenset(stage.model for stage in used) - {
        stage.model for stage in used if not isinstance(stage, DetectStage)
    }


def _detector_periods(config: PipelineConfig) -> tuple[int, ...]:
    return _DETECTOR_PERIODS if resting(config) else (1,)


def turned(point: OperatingPoint, turn: Turn) -> OperatingPoint:
    return replace(point, power_mode=turn.power_mode, gpu_cap_mhz=turn.gpu_cap_mhz)


def named(point: OperatingPoint) -> OperatingPoint:
    """The point by a name that says its knobs: small-r2-d2-15fps-30w."""
    knobs = [
        *([point.variant] if point.variant else []),
        *([f"r{point.regions}"] if point.regions is not None else []),
        *([f"p{point.region_period}"] if point.region_period > 1 else []),
        *([f"d{point.detector_period}"] if point.detector_period > 1 else []),
    ]
    limits = [
        *([f"{point.fps_cap:g}fps"] if point.fps_cap else []),
        *([point.power_mode.lower()] if point.power_mode else []),
        *([f"{point.gpu_cap_mhz:.0f}mhz"] if point.gpu_cap_mhz else []),
    ]
    return replace(point, name="-".join([*(knobs or [FULL]), *limits]))


def effort(config: PipelineConfig, point: OperatingPoint) -> float:
    """Megapixels that networks see a frame, on average: enough to put points in order before they are measured."""
    total, rests = 0.0, resting(config)
    for stage in config.stages:
        if not isinstance(stage, NetworkStage):
            continue
        model = config.models[stage.model]
        block = model.variant(point.variant) if point.variant in model.variants else model
        views = 1.0
        if isinstance(stage, DetectStage) and stage.regions is not None:
            most = stage.regions.max if point.regions is None else min(stage.regions.max, point.regions)
            views = most / (stage.regions.period * point.region_period)
        if stage.model in rests:
            views /= point.detector_period
        total += views * block.input.size[0] * block.input.size[1] / 1e6
    return total


def caps(budgets: Budgets, camera_fps: float, swing_s: float = 0.0) -> tuple[float, ...]:
    """Rates to which frames may be held, fastest first: the floors, and every second or third frame of the camera.

    The floors are raised so that a second in which results come late by `swing_s` still has its share. Nothing below
    the lowest of them, nothing that the camera does not exceed.
    """
    floor = budgets.fps_floor
    floors: list[float] = (
        [] if floor is None else [floor.city, floor.highway] if isinstance(floor, FpsFloor) else [floor]
    )
    floors = [math.ceil(round(10 * each * (1 + swing_s), 6)) / 10 for each in floors]
    rates = {*floors, *(round(camera_fps / every, 3) for every in _CAPS)}
    return tuple(sorted((rate for rate in rates if min(floors, default=0.0) <= rate <= 0.9 * camera_fps), reverse=True))
