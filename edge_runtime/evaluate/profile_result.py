"""From what a profile measured to a ladder: the medians of the rounds as rungs, and of those the ones worth having."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from edge_runtime.config.ladder import Busy, Knobs, Ladder, MeasuredLatency, Rung
from edge_runtime.core import OperatingPoint
from edge_runtime.recording.run_folder import versions

from .bench import machine
from .profile_pareto import front, thin
from .profile_usefulness import Metric

MOST_RUNGS = 24


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, eq=False)
class Figures:
    """What the rounds say of one point; `watts` above the board at rest, None where nothing measured them."""

    point: OperatingPoint
    fps: Spread
    latency_p50_ms: Spread
    latency_p99_ms: Spread
    gpu_ms: Spread
    host_ms: Spread
    watts: Spread | None

    @property
    def swing_s(self) -> float:
        """By how much results stray from an even pace; those of frames in which the detector rests come at once."""
        rests = self.point.detector_period > 1
        soonest_ms = self.host_ms.median if rests else self.latency_p50_ms.median
        return max(0.0, self.latency_p99_ms.median - soonest_ms) / 1e3

    @classmethod
    def of(
        cls,
        point: OperatingPoint,
        fast: Sequence[Mapping[str, Any]],
        live: Sequence[Mapping[str, Any]],
        rest_w: Mapping[int, float],
    ) -> Figures:
        """From visits at both paces; `rest_w` is the power of the board at rest, by round."""
        watts = [
            max(0.0, visit["power_w"] - rest_w[visit["round"]])
            for visit in fast
            if visit["power_w"] is not None and visit["round"] in rest_w
        ]
        lived = ("latency_p50_ms", "latency_p99_ms", "gpu_ms", "host_ms")
        return cls(
            point=point,
            fps=Spread.of([visit["fps"] for visit in fast]),
            watts=Spread.of(watts) if len(watts) == len(fast) else None,
            **{key: Spread.of([visit[key] for visit in live]) for key in lived},
        )

    def rung(self, usefulness: float) -> Rung:
        return Rung(
            name=self.point.name,
            knobs=Knobs(**{key: value for key, value in asdict(self.point).items() if key != "name"}),
            fps=round(self.fps.median, 2),
            latency_ms=MeasuredLatency(
                p50=round(self.latency_p50_ms.median, 2), p99=round(self.latency_p99_ms.median, 2)
            ),
            busy_ms=Busy(gpu=round(self.gpu_ms.median, 2), host=round(self.host_ms.median, 2)),
            watts=None if self.watts is None else round(self.watts.median, 2),
            usefulness=round(usefulness, 4),
        )


def held_to(rung: Rung, point: OperatingPoint) -> Rung:
    """The same point under the cap on the frame rate that `point` has: the same frames, fewer of them."""
    assert point.fps_cap is not None
    return rung.model_copy(
        update={
            "name": point.name,
            "knobs": rung.knobs.model_copy(update={"fps_cap": point.fps_cap}),
            "fps": point.fps_cap,
            "watts": None if rung.watts is None else round(rung.joules_per_frame * point.fps_cap, 2),
        }
    )


def worth_having(rungs: Sequence[Rung], camera_fps: float, most: int = MOST_RUNGS) -> tuple[Rung, ...]:
    """The front over usefulness, time between frames, latency and power behind the camera; least useful first."""

    def costs(rung: Rung) -> tuple[float, ...]:
        live_w = () if rung.watts is None else (rung.joules_per_frame * min(rung.fps, camera_fps),)
        return rung.service_ms, rung.latency_ms.p99, *live_w

    best = front(rungs, lambda rung: rung.usefulness, costs)
    return tuple(reversed(thin(best, most, lambda rung: rung.usefulness)))


@dataclass(frozen=True, eq=False)
class Profile:
    """A finished profile. `rungs` are all points, in the ladder or not, `figures` those of them that were measured;
    the others were derived. `useless` found nothing of what there is. `truth` is what usefulness was judged by."""

    name: str
    ladder: Ladder
    rungs: tuple[Rung, ...]
    figures: Mapping[str, Figures]
    useless: tuple[str, ...]
    metric: Metric
    truth: str
    labelled: bool
    frames: int | None
    seconds: float
    repeats: int
    book: Path
    warnings: tuple[str, ...]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The JSON document of `profile --json`."""
        return {
            "name": self.name,
            **self.ladder.model_dump(mode="json", exclude={"points"}),
            "usefulness": {
                "of": self.metric,
                "truth": self.truth,
                "labelled": self.labelled,
                "frames": self.frames,
            },
            "points": [self._entry(rung) for rung in self.rungs],
            "useless": list(self.useless),
            "seconds": self.seconds,
            "repeats": self.repeats,
            "measurements": str(self.book),
            "machine": machine(),
            "versions": versions(),
            "warnings": list(self.warnings),
        }

    def _entry(self, rung: Rung) -> dict[str, Any]:
        figures = self.figures.get(rung.name)
        keys = ("fps", "latency_p50_ms", "latency_p99_ms", "gpu_ms", "host_ms", "watts")
        spreads = {key: spread for key in keys if figures and (spread := getattr(figures, key)) is not None}
        return {
            **rung.model_dump(mode="json"),
            "live_fps": round(min(rung.fps, self.ladder.camera_fps), 2),
            "live_watts": None if rung.watts is None else round(self.ladder.live_watts(rung), 2),
            "in_ladder": rung.name in self.ladder.by_name,
            "derived": figures is None,
            "spread": {key: [round(spread.low, 3), round(spread.high, 3)] for key, spread in spreads.items()},
        }
