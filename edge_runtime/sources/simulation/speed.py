"""How far the vehicle has come at any time, from speeds with straight lines between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class SpeedProfile:
    """Points (second, km/h) in rising order; before the first and after the last the speed stays."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        if any(later[0] <= earlier[0] for earlier, later in pairwise(points)):
            raise ValueError(f"the seconds of a speed profile must rise, got {[point[0] for point in points]}")
        seconds = [point[0] for point in points]
        speeds = [point[1] / 3.6 for point in points]
        if seconds[0] > 0:
            seconds, speeds = [0.0, *seconds], [speeds[0], *speeds]
        self._t = np.array(seconds)
        self._v = np.array(speeds)
        self._x = np.concatenate([[0.0], np.cumsum(np.diff(self._t) * (self._v[1:] + self._v[:-1]) / 2)])

    def speed_mps(self, t_s: float) -> float:
        return float(np.interp(t_s, self._t, self._v))

    def travelled_m(self, t_s: float) -> float:
        piece = int(np.searchsorted(self._t, t_s, side="right")) - 1
        after_s = t_s - self._t[piece]
        return float(self._x[piece] + after_s * (self._v[piece] + self.speed_mps(t_s)) / 2)

    def times_at_s(self, x_m: Array, latest_s: float) -> Array:
        """When it has come that far, to a few hundredths of a second; `latest_s` where it has not by then."""
        t = np.linspace(0.0, latest_s, 2 + int(latest_s * 20))
        return np.interp(x_m, [self.travelled_m(float(at)) for at in t], t)
