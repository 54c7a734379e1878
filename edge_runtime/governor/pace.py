"""How fast would a point be right now? The ladder's times, corrected by what frames took since.

One slowdown for the GPU and one for the host multiply the measured times of all points, each followed by a scalar
Kalman filter (ALERT, Wan et al., USENIX ATC 2020). The spread of single frames around them is learned as quantiles,
since long tails, not the variance, are what loses frames.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from edge_runtime.config.ladder import Rung
from edge_runtime.core import FrameStats

# A second's rate may lie this much below the floor: a fraction of one frame of jitter.
FPS_TOLERANCE = 0.02
# Seconds of history from which quantiles are taken, and how much of it may be worse.
_WINDOWS, _WORSE_WINDOWS, _LATE_SHARE = 64, 1, 0.01
_SPREAD_GAIN = 0.05
_OUTLIER = 1.4
# After one long frame no more than so many may come late.
_LATE_IN_A_ROW = 4


class Slowdown:
    """A factor on measured times: a random walk seen through noise. A jump is followed at once."""

    def __init__(self) -> None:
        self.value = 1.0
        self._variance = 0.25
        self.spread = 0.05

    def see(self, factor: float, frames: int, span_s: float) -> bool:
        """Take in the mean of some frames; True when it jumped."""
        noise = (self.spread * self.value) ** 2 / frames + 1e-6
        self._variance += 4e-4 * span_s
        innovation = factor - self.value
        jumped = innovation * innovation > 9.0 * (noise + self._variance)
        if jumped:
            self._variance += innovation * innovation
        else:
            relative = abs(innovation) / self.value * math.sqrt(frames)
            self.spread += _SPREAD_GAIN * (1.25 * relative - self.spread)
            self.spread = max(self.spread, 0.005)
        gain = self._variance / (self._variance + noise)
        self.value = max(0.05, self.value + gain * innovation)
        self._variance *= 1.0 - gain
        return jumped


def _typical(mean_ms: float, stats: FrameStats) -> float:
    """The mean without the longest frame where that is an outlier: one long frame is no slowdown."""
    if stats.gpu_max_ms is None or stats.published < 3:
        return mean_ms
    others_ms = (mean_ms * stats.published - stats.gpu_max_ms) / (stats.published - 1)
    return others_ms if stats.gpu_max_ms > _OUTLIER * others_ms else mean_ms


class Pace(NamedTuple):
    """What a point would do now: mean rate, the rate it holds in nearly every second, and the latency of nearly every
    frame (ms); `per_frame` is the work of a frame against that of the ladder."""

    fps: float
    sure_fps: float
    latency_ms: float
    per_frame: float


class PaceModel:
    """Follows camera rate, slowdowns and spread from frame statistics and predicts every point's pace."""

    def __init__(self) -> None:
        self.camera_fps: float | None = None
        self._gpu, self._host = Slowdown(), Slowdown()
        self._latency_factor = 1.0
        self._window_worst = 1.0
        self._window_s = 0.0
        self._worst_seconds: deque[float] = deque([1.2, 1.2], _WINDOWS)
        self._worst_spans: deque[tuple[float, int]] = deque(maxlen=5 * _WINDOWS)
        self._long_frame = 1.2
        self._late_frame = 1.1

    def see(self, stats: FrameStats, rung: Rung | None) -> None:
        """Take in a span; `rung` is the one all its frames ran at, None where they are mixed."""
        if stats.camera_fps is not None and stats.camera_fps > 0:
            before = self.camera_fps
            if before is None or abs(stats.camera_fps - before) > 0.1 * before:
                self.camera_fps = stats.camera_fps
            else:
                self.camera_fps = before + 0.2 * (stats.camera_fps - before)
        if rung is None or not stats.published:
            return
        gpu, host = stats.gpu_ms, stats.host_ms
        if gpu is None and stats.latency_p50_ms is not None:
            # No busy times on this machine: all that is left is the latency.
            gpu = rung.busy_ms.gpu * stats.latency_p50_ms / rung.latency_ms.p50
        jumped = False
        if gpu is not None and rung.busy_ms.gpu > 0:
            jumped = self._gpu.see(_typical(gpu, stats) / rung.busy_ms.gpu, stats.published, stats.span_s)
            if stats.gpu_max_ms is not None and not jumped:
                self._see_longest(stats.gpu_max_ms / (rung.busy_ms.gpu * self._gpu.value), stats)
        if host is not None and rung.busy_ms.host > 0:
            jumped |= self._host.see(host / rung.busy_ms.host, stats.published, stats.span_s)
        if stats.latency_p50_ms is not None and not jumped and not self._full(rung):
            expected = self._stages_ms(rung)
            self._latency_factor += 0.1 * (min(3.0, max(0.5, stats.latency_p50_ms / expected)) - self._latency_factor)

    @property
    def slowdown(self) -> float:
        return self._gpu.value

    def _see_longest(self, longest: float, stats: FrameStats) -> None:
        self._worst_spans.append((longest, stats.published))
        self._window_worst = max(self._window_worst, longest)
        self._window_s += stats.span_s
        if self._window_s < 1.0:
            return
        self._worst_seconds.append(self._window_worst)
        self._window_worst, self._window_s = 1.0, 0.0
        ranked = sorted(self._worst_seconds)
        self._long_frame = ranked[max(0, len(ranked) - 1 - _WORSE_WINDOWS)]
        frames = sum(count for _, count in self._worst_spans)
        late = int(_LATE_SHARE * frames)
        spans = sorted(worst for worst, _ in self._worst_spans)
        self._late_frame = spans[max(0, len(spans) - 1 - late)]

    def _stages_ms(self, rung: Rung) -> float:
        return rung.busy_ms.gpu * self._gpu.value + rung.busy_ms.host * self._host.value + 1e-3

    def _service_ms(self, rung: Rung) -> float:
        return max(rung.busy_ms.gpu * self._gpu.value, rung.busy_ms.host * self._host.value, 1e-3)

    def _offered_fps(self, rung: Rung) -> float:
        camera_fps = self.camera_fps or rung.fps
        cap = rung.knobs.fps_cap
        return camera_fps if cap is None else min(camera_fps, cap)

    def _full(self, rung: Rung) -> bool:
        return self._service_ms(rung) * self._offered_fps(rung) > 900.0

    def predict(self, rung: Rung) -> Pace:
        gpu = rung.busy_ms.gpu * self._gpu.value
        host = rung.busy_ms.host * self._host.value
        service_ms = max(gpu, host, 1e-3)
        offered = self._offered_fps(rung)
        interval_ms = 1e3 / offered
        fps = min(offered, 1e3 / service_ms)
        # Near full load queues grow with the square of the spread (heavy traffic, Kingman 1961).
        spread = self._gpu.spread
        usable = max(0.5, 0.985 - 4.0 * spread * spread)
        sure, wait_ms = offered, 0.0
        longest_ms = service_ms * self._long_frame
        if service_ms > usable * interval_ms:
            # The newest frame has waited for up to a camera interval when its turn comes.
            sure = usable * 1e3 / service_ms - max(0.0, self._long_frame - 1.5)
            wait_ms = 1e3 / (self.camera_fps or rung.fps)
        elif longest_ms > 2.0 * interval_ms:
            # One frame waits in the slot while a long one runs; each further interval overwrites one.
            sure = offered - math.ceil(longest_ms / interval_ms - 2.0)
        latency_ms = wait_ms + (gpu + host) * self._late_frame * self._latency_factor
        if not wait_ms:
            # After a long frame the next has waited an interval, and each later one that much less that the GPU idles.
            behind_ms = interval_ms - _LATE_IN_A_ROW * (interval_ms - service_ms)
            latency_ms = max(latency_ms, behind_ms + gpu + host)
        return Pace(fps, sure, latency_ms, self._gpu.value)
