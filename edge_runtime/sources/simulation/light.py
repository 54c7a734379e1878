"""Daylight, haze, and the vehicle's own headlights: how the colour of a thing becomes the colour of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .mesh import Array

LAMPS_ON = 0.3  # from here on people have their lamps on
STEPS = 12  # of the light between noon and night: what is painted in advance is kept for each


@dataclass(frozen=True, slots=True)
class Light:
    """`ambient` and `sun` are gains for blue, green and red; `haze` the colour that far things fade to.

    `headlights` and `lamps` (all others) are 0 when off and 1 at full. Equal lights are one object's worth of cache.
    """

    night: float
    rain: float
    ambient: tuple[float, float, float]
    sun: tuple[float, float, float]
    haze: tuple[float, float, float]
    haze_per_m: float
    headlights: float
    lamps: float

    def haze_at(self, distance_m: Array | float) -> Array:
        """The share of haze in the colour of a thing, 0..1."""
        return np.asarray(1.0 - np.exp(-np.asarray(distance_m, float) * self.haze_per_m))

    def beam(self, ahead_m: npt.ArrayLike, aside_m: npt.ArrayLike) -> Array:
        """What the headlights give a surface that faces them; `aside_m` to the left."""
        ahead = np.maximum(np.asarray(ahead_m, float), 1.0)
        angle = (np.asarray(aside_m, float) - 0.03 * ahead) / ahead
        reach = 0.85 * np.exp(-ahead / 38.0) + 0.20 * np.exp(-ahead / 130.0)
        return np.asarray(self.headlights * reach * np.exp(-((angle / 0.28) ** 2)))


# Noon, dusk, night: ambient, sun, haze, lamps.
_KEYS = (
    ((0.60, 0.57, 0.54), (0.46, 0.50, 0.52), (226, 214, 202), 0.0),
    ((0.44, 0.36, 0.36), (0.06, 0.12, 0.22), (150, 140, 160), 0.75),
    ((0.13, 0.11, 0.10), (0.0, 0.0, 0.0), (36, 26, 22), 1.0),
)


@lru_cache(maxsize=64)
def light_at(night_step: int, rain: float) -> Light:
    """`night_step` / STEPS is 0 at noon, 1 at dusk and 2 at night."""
    night = night_step / STEPS
    first = min(int(night), 1)
    share = night - first
    early, late = np.array(_KEYS[first][:3]), np.array(_KEYS[first + 1][:3])
    ambient, sun, haze = early * (1 - share) + late * share
    lamps = _KEYS[first][3] * (1 - share) + _KEYS[first + 1][3] * share
    grey = 0.35 * rain
    sun = sun * (1 - 0.9 * min(1.0, 2 * rain))
    haze = haze * (1 - grey) + haze.mean() * 0.85 * grey
    return Light(
        night, rain, _three(ambient), _three(sun), _three(haze), (1 + 3.0 * rain) / 1100,
        headlights=max(0.0, min(1.0, 1.6 * (night - 0.6))), lamps=max(lamps, 0.6 * (rain > 0.3)),
    )  # fmt: skip


def _three(values: Array) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
