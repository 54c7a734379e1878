"""A ladder of four points and a caller that feeds a governor what such a board would show."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.config.ladder import Busy, Knobs, Ladder, MeasuredLatency, Rung
from edge_runtime.config.schema import Budgets, GovernorBlock
from edge_runtime.core import Decision, FrameStats, TelemetrySample
from edge_runtime.governor import Governor

NS = 1_000_000_000
PERIOD_NS = 200_000_000
IDLE_W = 10.0


def rung(name: str, gpu_ms: float, watts_at_30: float, usefulness: float, **knobs: object) -> Rung:
    fps = 1000 / gpu_ms
    return Rung(
        name=name,
        knobs=Knobs.model_validate(knobs),
        fps=fps,
        latency_ms=MeasuredLatency(p50=gpu_ms + 2, p99=gpu_ms + 4),
        busy_ms=Busy(gpu=gpu_ms, host=2.0),
        watts=watts_at_30 / 30 * fps,
        usefulness=usefulness,
    )


LADDER = Ladder(
    board="test",
    idle_w=IDLE_W,
    points=(
        rung("nano", 5.0, 3.0, 0.4, regions=0),
        rung("small", 10.0, 8.0, 0.6, regions=1),
        rung("medium", 20.0, 16.0, 0.75, regions=2),
        rung("large", 30.0, 25.0, 0.85, regions=4),
    ),
)


class Board:
    """A camera at 30 fps, a GPU as fast as the ladder says times `slow`, `extra_w` beside the ladder's watts."""

    def __init__(self, budgets: Budgets, ladder: Ladder = LADDER, **settings: object) -> None:
        block = GovernorBlock.model_validate({"ladder": Path("test.yaml"), "economy": 0.0, **settings})
        self.ladder = ladder
        self.governor = Governor(ladder, budgets, block)
        self.t_ns = 0
        self.slow, self.extra_w, self.temp_c, self.speed_mps = 1.0, 0.0, 50.0, 10.0
        self.events = 0
        self.point = "nano"
        self.flicker = 0
        self.inputs: list[tuple[TelemetrySample | None, FrameStats, float | None]] = []

    def power_w(self) -> float:
        point = self.ladder.by_name[self.point]
        return IDLE_W + self.extra_w + point.joules_per_frame * min(30.0, 1000 / (point.busy_ms.gpu * self.slow))

    def sample(self) -> TelemetrySample:
        # No two readings of a living sensor are the same.
        self.flicker = (self.flicker + 1) % 7
        wobble = 0.02 * (self.flicker - 3)
        return TelemetrySample(
            self.t_ns,
            "test",
            power_w=self.power_w() + wobble,
            temp_c={"tj": self.temp_c + wobble},
            throttle_events={"oc3": self.events},
        )

    def stats(self) -> FrameStats:
        gpu_ms = self.ladder.by_name[self.point].busy_ms.gpu * self.slow
        fps = min(30.0, 1000 / gpu_ms)
        return FrameStats(
            self.t_ns, 0.2, captured=6, published=max(1, round(fps / 5)), camera_fps=30.0, fps=fps,
            latency_p50_ms=gpu_ms + 2, latency_p99_ms=gpu_ms + 4, gpu_ms=gpu_ms, gpu_max_ms=gpu_ms, host_ms=2.0,
            point=self.point,
        )  # fmt: skip

    def step(self, sample: TelemetrySample | str | None = "living") -> Decision:
        """One decision later; `sample` stands in for the board's own."""
        self.t_ns += PERIOD_NS
        read = self.sample() if isinstance(sample, str) else sample
        self.inputs.append((read, self.stats(), self.speed_mps))
        decision = self.governor.decide(*self.inputs[-1])
        self.point = decision.point.name
        return decision

    def run(self, seconds: float) -> list[Decision]:
        return [self.step() for _ in range(round(seconds * NS / PERIOD_NS))]
