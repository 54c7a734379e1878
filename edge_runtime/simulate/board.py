"""A board in virtual time: frames through GPU and host, power, heat, clocks that give way, and sensors that lag.

Frames: the newest one is taken as soon as the GPU and an entry of the ring of two are free; the GPU works on one frame
while the host finishes the one before. Power and heat: as the plant says (`config/plant.py`), plus others and noise. A
board above its mode's cap or its throttling temperature slows its clocks down by itself. A policy sees only what the
sensors and the frames give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_runtime.config.ladder import Rung
from edge_runtime.core import FrameStats, TelemetrySample

from .policies import Moment, Policy
from .world import STEP_S, World

NS = 1_000_000_000
_MODE_SWITCH_S = 0.5
_THROTTLE_HYSTERESIS_C = 3.0
_CAP_AVERAGE_S = 0.1
_CAP_DOWN, _CAP_UP, _LOWEST_CAP = 0.93, 1.01, 0.3


@dataclass
class Trace:
    """What happened: published frames (time and latency in s, index of the rung), power and temperature by step, and
    the decisions (time in s, index of the rung)."""

    done_s: list[float] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)
    rung: list[int] = field(default_factory=list)
    power_w: list[float] = field(default_factory=list)
    temp_c: list[float] = field(default_factory=list)
    decided: list[tuple[float, int]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    throttled_steps: int = 0


def drive(world: World, policy: Policy, *, period_s: float, start_c: float | None = None) -> Trace:
    """Run a policy through a world."""
    return _Board(world, policy, period_s, start_c).run()


class _Board:
    def __init__(self, world: World, policy: Policy, period_s: float, start_c: float | None) -> None:
        self.world, self.policy, self.plant = world, policy, world.plant
        self.trace = Trace()
        self.rungs: Sequence[Rung] = world.ladder.points
        self.index = {rung.name: index for index, rung in enumerate(self.rungs)}
        self.decide_every = max(1, round(period_s / STEP_S))
        modes = world.plant.power_modes
        self.mode = next(iter(modes))
        self.next_mode, self.mode_due_s = self.mode, 0.0
        self.throttled, self.cap_clock, self.events = False, 1.0, 0
        self.average_w = self.seen_w = 0.0
        self.read_w: list[float] = []
        self.period_w: list[float] = []
        ambient_c = world.segments[0].ambient_c
        self.temp_c = ambient_c + world.plant.thermal.r_c_per_w * world.plant.idle_w if start_c is None else start_c
        self.latest: TelemetrySample | None = None
        self.next_sample_s = 0.0
        bound_ms = world.budgets.latency_ms
        self.bound_s = math.inf if bound_ms is None else bound_ms / 1e3
        self.gpu_busy = [0.0] * (world.steps + 400)
        self.host_busy = [0.0] * (world.steps + 400)
        self.frame_gpu_ms: list[float] = []
        self.frame_host_ms: list[float] = []
        self.next_frame = self.seen_frames = self.seen_captures = 0
        self.gpu_free_s = self.host_free_s = self.due_s = 0.0

    def run(self) -> Trace:
        world, trace = self.world, self.trace
        self._decide(0)
        for step in range(world.steps):
            now_s = (step + 1) * STEP_S
            if self.mode != self.next_mode and now_s >= self.mode_due_s:
                self.mode = self.next_mode
            clock = self._clock()
            self._frames(now_s, clock)
            self._physics(step, clock)
            if now_s >= self.next_sample_s - 1e-9:
                self._sense(step, now_s)
                self.next_sample_s += self.plant.sensor_period_ms / 1e3
            if (step + 1) % self.decide_every == 0 and step + 1 < world.steps:
                self._decide(step + 1)
        # What is still under way at the end belongs to no window.
        while trace.done_s and trace.done_s[-1] > world.steps * STEP_S:
            for column in (trace.done_s, trace.latency_s, trace.rung):
                column.pop()
        return trace

    def _clock(self) -> float:
        clock = self.plant.power_modes[self.mode].clock * self.cap_clock
        return clock * self.plant.thermal.throttle_clock if self.throttled else clock

    def _reference_clock(self, rung: Rung) -> float:
        """The clock at which the ladder was measured."""
        mode = self.plant.power_modes.get(rung.knobs.power_mode or self.world.ladder.power_mode or "")
        return 1.0 if mode is None else mode.clock

    def _frames(self, until_s: float, clock: float) -> None:
        world, trace, rung = self.world, self.trace, self.rungs[self.current]
        capture_s, gpu_factor, host_factor = world.capture_s, world.gpu_factor, world.host_factor
        slow = self._reference_clock(rung) / clock / 1e3
        gpu_s, host_s = rung.busy_ms.gpu * slow, rung.busy_ms.host * slow
        gap_s = 0.0 if rung.knobs.fps_cap is None else 1.0 / rung.knobs.fps_cap
        done_s, frame = trace.done_s, self.next_frame
        while True:
            # The ring has two entries: this frame's is free when the one before the last is out.
            free_s = max(self.gpu_free_s, done_s[-2]) if len(done_s) > 1 else self.gpu_free_s
            while capture_s[frame + 1] <= free_s:
                frame += 1
            if gap_s:
                while capture_s[frame] < self.due_s - 1e-3:
                    frame += 1
            start_s = max(free_s, capture_s[frame])
            if start_s >= until_s:
                break
            if gap_s:
                self.due_s = max(self.due_s + gap_s, capture_s[frame])
            gpu, host = gpu_s * gpu_factor[frame], host_s * host_factor[frame]
            self.gpu_free_s = start_s + gpu
            host_start_s = max(self.gpu_free_s, self.host_free_s)
            self.host_free_s = host_start_s + host
            _occupy(self.gpu_busy, start_s, self.gpu_free_s)
            _occupy(self.host_busy, host_start_s, self.host_free_s)
            done_s.append(self.host_free_s)
            trace.latency_s.append(self.host_free_s - capture_s[frame])
            trace.rung.append(self.current)
            self.frame_gpu_ms.append(gpu * 1e3)
            self.frame_host_ms.append(host * 1e3)
            frame += 1
        self.next_frame = frame

    def _physics(self, step: int, clock: float) -> None:
        world, plant, thermal = self.world, self.plant, self.plant.thermal
        segment = world.segments[world.step_segment[step]]
        power_w = plant.drawn_w(self.gpu_busy[step] / STEP_S, self.host_busy[step] / STEP_S, clock)
        power_w = max(power_w + segment.extra_power_w + world.power_noise_w[step], 0.5 * plant.idle_w)
        self.temp_c = thermal.warmed_c(self.temp_c, power_w, segment.ambient_c, STEP_S)
        self.throttled = self.temp_c >= thermal.throttle_c - (_THROTTLE_HYSTERESIS_C if self.throttled else 0.0)
        self.average_w += min(1.0, STEP_S / _CAP_AVERAGE_S) * (power_w - self.average_w)
        cap_w = plant.power_modes[self.mode].cap_w
        if cap_w is not None and self.average_w - segment.extra_power_w > cap_w:
            self.cap_clock = max(_LOWEST_CAP, self.cap_clock * _CAP_DOWN)
            self.events += 1
        else:
            self.cap_clock = min(1.0, self.cap_clock * _CAP_UP)
        lag_s = plant.sensor_lag_ms / 1e3
        self.seen_w += (power_w - self.seen_w) * (1.0 - math.exp(-STEP_S / lag_s) if lag_s and step else 1.0)
        self.period_w.append(self.seen_w)
        self.trace.power_w.append(power_w)
        self.trace.temp_c.append(self.temp_c)
        self.trace.throttled_steps += self.throttled or self.cap_clock < 1.0

    def _sense(self, step: int, now_s: float) -> None:
        """A reading is the mean since the one before; a sampler faster than the decisions hands on the mean of them."""
        world, state = self.world, self.world.segments[self.world.step_segment[step]].sensor
        if state == "dead":
            self.latest = None
        elif state == "frozen" and self.latest is not None:
            old = self.latest
            self.latest = TelemetrySample(
                round(now_s * NS), "plant", old.power_w, temp_c=old.temp_c, gpu_load=old.gpu_load,
                throttle_events=old.throttle_events, power_mode=old.power_mode,
            )  # fmt: skip
        elif state != "stale":
            noise = world.sensor_noise[step] if state == "noisy" else 1.0
            self.read_w.append(noise * sum(self.period_w) / len(self.period_w))
            self.latest = TelemetrySample(
                t_ns=round(now_s * NS),
                source="plant",
                power_w=round(sum(self.read_w) / len(self.read_w), 2),
                temp_c={"tj": round(self.temp_c + world.temp_noise_c[step], 2)},
                gpu_load=min(1.0, self.gpu_busy[step] / STEP_S),
                throttle_events={"oc3": self.events},
                power_mode=self.mode,
            )
        self.period_w.clear()

    def _decide(self, step: int) -> None:
        world, now_s = self.world, step * STEP_S
        self.read_w.clear()
        segment_index = world.step_segment[step]
        speed_kmh = world.segments[segment_index].speed_kmh
        moment = Moment(
            sample=self.latest,
            stats=self._stats(now_s),
            ego_speed_mps=None if speed_kmh is None else speed_kmh / 3.6,
            segment=segment_index,
            temp_c=self.temp_c,
        )
        point = self.policy.decide(moment)
        self.current = self.index[point.name]
        self.trace.decided.append((now_s, self.current))
        mode = point.power_mode
        if mode in self.plant.power_modes and mode != self.next_mode:
            self.next_mode, self.mode_due_s = mode, now_s + _MODE_SWITCH_S

    def _stats(self, now_s: float) -> FrameStats:
        trace, capture_s = self.trace, self.world.capture_s
        first_capture = self.seen_captures
        while capture_s[self.seen_captures] <= now_s:
            self.seen_captures += 1
        captured = self.seen_captures - first_capture
        first = self.seen_frames
        while self.seen_frames < len(trace.done_s) and trace.done_s[self.seen_frames] <= now_s:
            self.seen_frames += 1
        last, published = self.seen_frames, self.seen_frames - first
        span_s = self.decide_every * STEP_S
        camera_fps = fps = None
        if captured and first_capture:
            camera_fps = captured / (capture_s[self.seen_captures - 1] - capture_s[first_capture - 1])
        if not published:
            return FrameStats(round(now_s * NS), span_s, captured, camera_fps=camera_fps)
        if first:
            fps = published / (trace.done_s[last - 1] - trace.done_s[first - 1])
        latencies = sorted(trace.latency_s[first:last])
        ran = set(trace.rung[first:last])
        gpu_ms = self.frame_gpu_ms[first:last]
        return FrameStats(
            t_ns=round(now_s * NS),
            span_s=span_s,
            captured=captured,
            published=published,
            missed=sum(latency > self.bound_s for latency in latencies),
            camera_fps=camera_fps,
            fps=fps,
            latency_p50_ms=1e3 * latencies[published // 2],
            latency_p99_ms=1e3 * latencies[-1],
            gpu_ms=sum(gpu_ms) / published,
            gpu_max_ms=max(gpu_ms),
            host_ms=sum(self.frame_host_ms[first:last]) / published,
            point=self.rungs[ran.pop()].name if len(ran) == 1 else None,
        )


def _occupy(busy_s: list[float], start_s: float, end_s: float) -> None:
    """Spread a stretch of busy time over the steps it falls into."""
    step = int(start_s / STEP_S)
    while step < len(busy_s):
        edge_s = (step + 1) * STEP_S
        if end_s <= edge_s:
            busy_s[step] += end_s - start_s
            return
        busy_s[step] += edge_s - start_s
        start_s, step = edge_s, step + 1
