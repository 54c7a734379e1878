"""Where is the temperature going? A first-order model, with the slope it has now and what a change of power adds.

With one thermal mass dT/dt = (P - (T - ambient) / R) / C, so a change of P changes the slope by dP / C at once,
whatever ambient and R are: neither needs to be known. A point is cool enough while the slope it leads to would not
reach the limit within the horizon; near the limit only a falling temperature is (a control barrier function).
"""

from __future__ import annotations

import math

NS = 1_000_000_000
_FILTER_S = 6.0
_HORIZON_S, _TOO_HOT_S = 15.0, 5.0
_MARGIN_C = 0.8
# A slope that nothing feeds dies out with the time constant of a heatsink.
_FADE_S = 120.0


class HeatModel:
    """Follows temperature and slope with a critically damped g-h filter; the change of power is its known input."""

    def __init__(self, limit_c: float, heat_j_per_c: float) -> None:
        self._limit_c, self._heat_j_per_c = limit_c, heat_j_per_c
        self.temp_c: float | None = None
        self.slope_c_per_s = 0.0
        self._t_ns = 0
        self._power_w = 0.0
        self._noise_c = 0.3

    def see(self, temp_c: float, power_w: float, t_ns: int) -> None:
        """Take in a reading, and the power that is now drawn."""
        if self.temp_c is None:
            self.temp_c, self._t_ns, self._power_w = temp_c, t_ns, power_w
            return
        span_s = min(5.0, (t_ns - self._t_ns) / NS)
        if span_s <= 0:
            return
        self.slope_c_per_s = self.slope_c_per_s * math.exp(-span_s / _FADE_S)
        self.slope_c_per_s += (power_w - self._power_w) / self._heat_j_per_c
        expected_c = self.temp_c + self.slope_c_per_s * span_s
        error_c = temp_c - expected_c
        keep = math.exp(-span_s / _FILTER_S)
        self.temp_c = expected_c + (1.0 - keep * keep) * error_c
        self.slope_c_per_s += (1.0 - keep) ** 2 / span_s * error_c
        self._noise_c += 0.02 * (1.25 * abs(error_c) - self._noise_c)
        self._t_ns, self._power_w = t_ns, power_w

    def excess_w(self, power_w: float, margin_share: float) -> float:
        """Watts by which this power is too much for the temperature; 0 or less is cool enough."""
        if self.temp_c is None:
            return 0.0
        headroom_c = self._limit_c - margin_share * (_MARGIN_C + 2.0 * self._noise_c) - self.temp_c
        horizon_s = _HORIZON_S if headroom_c > 0 else _TOO_HOT_S
        slope = self.slope_c_per_s + (power_w - self._power_w) / self._heat_j_per_c
        return (slope - headroom_c / horizon_s) * self._heat_j_per_c
