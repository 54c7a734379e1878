"""What would a point draw right now? The ladder's watts, corrected by an offset and a gain learned online.

`power = offset + gain * work`, where `work` is the ladder's energy a frame times the rate. The offset is the idle
board and everything else that draws on it, the gain how far this board is from the one that was measured; a Kalman
filter with two states follows both (ALERT, Wan et al. 2020, has the ratio alone).
"""

from __future__ import annotations

import math
from collections import deque

NS = 1_000_000_000
# How fast the offset wanders by itself, W per square root of a second, and the gain.
_OFFSET_WALK, _GAIN_WALK = 0.3, 0.005
# Sensors average and lag: the change after a new point is expected to arrive about so late.
_LAG_S = 0.25
_HISTORY = 32
_WINDOW_S, _MEMORY_S = 1.0, 60.0


class PowerModel:
    """Follows offset and gain, and how far a second's mean strays from the prediction."""

    def __init__(self, idle_w: float) -> None:
        self.offset_w, self.gain = idle_w, 1.0
        self._offset_var, self._cross_var, self._gain_var = max(2.0, 0.3 * idle_w) ** 2, 0.0, 0.15**2
        self._noise_var = (0.5 + 0.02 * idle_w) ** 2
        # (time, work as a sensor with its lag sees it), newest last; readings may be older than the work of now.
        self._works: deque[tuple[int, float]] = deque(maxlen=_HISTORY)
        self._sample_ns: int | None = None
        self._window_w = 0.0
        self._innovation_w = 0.0
        self._window_var = (0.1 + 0.02 * idle_w) ** 2
        self._seen_s = 2.0
        self._surprises = 0

    def run(self, work_w: float, now_ns: int) -> None:
        """The work since the last call; the sensor sees it late."""
        seen_w = work_w
        if self._works:
            t_ns, before_w = self._works[-1]
            seen_w = before_w + (1.0 - math.exp(-(now_ns - t_ns) / NS / _LAG_S)) * (work_w - before_w)
        self._works.append((now_ns, seen_w))

    def _work_at(self, t_ns: int) -> float | None:
        """What a sensor saw of the work when it was read, None where nothing is known of any work."""
        past = (work_w for then_ns, work_w in reversed(self._works) if then_ns <= t_ns)
        return next(past, self._works[0][1] if self._works else None)

    def see(self, power_w: float, t_ns: int, work_w: float) -> None:
        """Take in a reading of that time; `work_w` is what is being done now."""
        known_w = self._work_at(t_ns)
        seen_w = work_w if known_w is None else known_w
        span_s = 0.2 if self._sample_ns is None else min(2.0, max(0.0, (t_ns - self._sample_ns) / NS))
        self._sample_ns = t_ns
        self._offset_var += _OFFSET_WALK**2 * span_s
        self._gain_var += _GAIN_WALK**2 * span_s
        # While the sensor still catches up with a change, its readings say little.
        noise = self._noise_var + (0.5 * (work_w - seen_w)) ** 2
        innovation = power_w - self.offset_w - self.gain * seen_w
        to_offset = self._offset_var + seen_w * self._cross_var
        to_gain = self._cross_var + seen_w * self._gain_var
        total = to_offset + seen_w * to_gain + noise
        surprise = innovation * innovation / total
        self._surprises = self._surprises + 1 if surprise > 9.0 else 0
        # A change of the load is taken over at once: a rise when it is plain or seen twice, a fall the third time.
        if self._surprises >= (2 if innovation > 0 else 3) or (innovation > 0 and surprise > 50.0):
            self._offset_var += innovation * innovation
            to_offset, total = to_offset + innovation * innovation, total + innovation * innovation
        elif noise < 2.0 * self._noise_var:
            self._learn_noise(innovation, total, span_s)
        self._innovation_w = innovation
        offset_gain, gain_gain = to_offset / total, to_gain / total
        self.offset_w += offset_gain * innovation
        self.gain = min(3.0, max(0.3, self.gain + gain_gain * innovation))
        self._gain_var = max(1e-6, self._gain_var - gain_gain * to_gain)
        self._offset_var = max(1e-6, self._offset_var - offset_gain * to_offset)
        self._cross_var -= offset_gain * to_gain

    def _learn_noise(self, innovation: float, total: float, span_s: float) -> None:
        # From one reading to the next, since a prediction that is off by a constant is no noise.
        step = innovation - self._innovation_w
        squared = min(0.5 * step * step, 9.0 * total)
        self._noise_var += min(0.1, span_s / min(15.0, self._seen_s)) * (squared - self._noise_var)
        self._noise_var = max(self._noise_var, 0.01)
        self._window_w += min(1.0, span_s / _WINDOW_S) * (innovation - self._window_w)
        self._seen_s = min(_MEMORY_S, self._seen_s + span_s)
        self._window_var += min(0.2, span_s / self._seen_s) * (self._window_w**2 - self._window_var)

    def forget(self) -> None:
        """After a gap in the readings anything may have been switched on."""
        self._offset_var += 9.0

    def predict(self, work_w: float) -> float:
        return self.offset_w + self.gain * work_w

    def deviation_w(self, work_w: float) -> float:
        """Of a second's mean around its prediction: what it was seen to be, and what is not known of this work yet."""
        known = self._offset_var + work_w * (2.0 * self._cross_var + work_w * self._gain_var)
        return math.sqrt(self._window_var + max(0.0, known))
