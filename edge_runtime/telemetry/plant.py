"""A board that is simulated while the pipeline really runs: its load is real, its watts and degrees are not.

For seeing a governor at work on a machine that measures no power. What the networks and the host thread do in a second
is what the pipeline says (`Work`); from that a plant file tells what such a board would draw and how warm it would get.
It never slows down by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from edge_runtime.config.plant import Plant
from edge_runtime.core import TelemetrySample

# Milliseconds that networks and host were busy since the run began.
Work = Callable[[], tuple[float, float]]
AMBIENT_C = 25.0


class PlantReader:
    """Reads the simulated board; the same seed gives the same noise."""

    name = "plant"

    def __init__(self, plant: Plant, work: Work, seed: int = 0) -> None:
        self._plant, self._work, self._noise = plant, work, random.Random(seed)
        self._mode = next(iter(plant.power_modes))
        self._temp_c = AMBIENT_C + plant.thermal.r_c_per_w * plant.idle_w
        self._last_ns: int | None = None
        self._done_ms = work()

    def read(self, now_ns: int) -> TelemetrySample:
        done_ms, (before_gpu_ms, before_host_ms) = self._work(), self._done_ms
        span_ms = 0.0 if self._last_ns is None else (now_ns - self._last_ns) / 1e6
        self._done_ms, self._last_ns = done_ms, now_ns
        gpu_busy = min(1.0, (done_ms[0] - before_gpu_ms) / span_ms) if span_ms else 0.0
        host_busy = min(1.0, (done_ms[1] - before_host_ms) / span_ms) if span_ms else 0.0
        plant = self._plant
        power_w = plant.drawn_w(gpu_busy, host_busy, plant.power_modes[self._mode].clock)
        power_w = max(0.5 * plant.idle_w, power_w + self._noise.gauss(0.0, plant.power_noise_w))
        self._temp_c = plant.thermal.warmed_c(self._temp_c, power_w, AMBIENT_C, span_ms / 1e3)
        return TelemetrySample(
            t_ns=now_ns,
            source=self.name,
            power_w=round(power_w, 2),
            temp_c={"tj": round(self._temp_c, 2)},
            gpu_load=round(gpu_busy, 3),
            power_mode=self._mode,
        )

    def close(self) -> None:
        """Nothing is open."""
