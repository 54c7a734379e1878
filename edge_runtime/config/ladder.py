"""The ladder: every operating point a pipeline may run at, with what it was measured to do and to cost.

A ladder is a YAML file that `edge-run profile` writes and that a person can read and edit:

    board: Jetson AGX Orin 64GB
    power_mode: MAXN                # of the board while points were measured that name no mode
    idle_w: 9.0
    points:
      - name: small-r2
        knobs: {regions: 2, variant: small}
        fps: 72.1                   # frames a second, as fast as it goes (or up to its own cap)
        latency_ms: {p50: 17.1, p99: 21.0}
        busy_ms: {gpu: 12.4, host: 4.7}
        watts: 31.5                 # above idle, at that rate; in no point where nothing measures power, idle_w neither
        usefulness: 0.71            # from `eval`; what it means is up to the ladder, only its order and ratios count
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from edge_runtime.core import OperatingPoint
from edge_runtime.errors import ConfigError, Problem

from .block_file import load_block
from .load import LoadedPipeline
from .schema import Block, Float, Fps, GovernorBlock, Int, Name, Positive, Text
from .words import did_you_mean, either


class Knobs(Block):
    """How a point is set; what is not named stays as the pipeline file has it."""

    regions: Int | None = Field(None, ge=0, le=64, description="most regions a frame may look at")
    region_period: Int = Field(1, ge=1, le=100, description="regions are looked at every so many frames")
    detector_period: Int = Field(1, ge=1, le=100, description="the detector runs every so many frames")
    variant: Text | None = Field(None, description="one of the loaded variants of the models")
    fps_cap: Fps | None = Field(None, description="most frames a second that are taken from the camera")
    power_mode: Text | None = Field(None, description="power mode of the board, by its name")
    gpu_cap_mhz: Positive | None = Field(None, description="most MHz of the board's GPU")


class MeasuredLatency(Block):
    p50: Positive = Field(description="median of capture to publication, in ms")
    p99: Positive = Field(description="99 % of frames are faster, in ms")


class Busy(Block):
    gpu: Float = Field(ge=0, description="ms a frame keeps the GPU (or whatever runs the networks) busy, on average")
    host: Float = Field(ge=0, description="ms a frame keeps the busier of the two host threads busy, on average")


class Rung(Block):
    """One operating point and its measurements."""

    name: Name = Field(description="what the point is called in logs", examples=["small-r2"])
    knobs: Knobs = Field(description="how it is set", examples=[{"regions": 2, "variant": "small"}])
    fps: Positive = Field(description="frames a second, as fast as it goes or up to its own cap", examples=[72.1])
    latency_ms: MeasuredLatency = Field(
        description="capture to publication, in ms", examples=[{"p50": 17.1, "p99": 21.0}]
    )
    busy_ms: Busy = Field(description="busy time a frame, in ms", examples=[{"gpu": 12.4, "host": 4.7}])
    watts: Float | None = Field(None, ge=0, description="power above idle at that rate", examples=[31.5])
    usefulness: Float = Field(gt=0, description="how good its results are, from `edge-run eval`", examples=[0.71])

    @cached_property
    def point(self) -> OperatingPoint:
        return OperatingPoint(self.name, **self.knobs.model_dump())

    @cached_property
    def service_ms(self) -> float:
        """Time between two frames when it goes as fast as it can: that of its busiest resource."""
        return max(self.busy_ms.gpu, self.busy_ms.host, 1e-3)

    @cached_property
    def joules_per_frame(self) -> float:
        """Where watts are unknown, a stand-in for comparing points: all that is busy counts as drawing 1 W."""
        return (self.busy_ms.gpu + self.busy_ms.host) / 1e3 if self.watts is None else self.watts / self.fps


class Ladder(Block):
    """All points of one pipeline on one board."""

    board: Text = Field(description="where it was measured", examples=["Jetson AGX Orin 64GB"])
    power_mode: Text | None = Field(None, description="mode of the board for points that name none", examples=["MAXN"])
    idle_w: Float | None = Field(None, ge=0, description="power of the board while nothing runs", examples=[9.0])
    camera_fps: Fps = Field(30.0, description="frames a second of the camera it is meant for")
    points: tuple[Rung, ...] = Field(min_length=1, description="the operating points, in any order")

    @cached_property
    def by_name(self) -> dict[str, Rung]:
        return {rung.name: rung for rung in self.points}

    @cached_property
    def knows_watts(self) -> bool:
        return self.idle_w is not None and all(rung.watts is not None for rung in self.points)

    @cached_property
    def rest_w(self) -> float:
        """Of a board at rest; beside stand-ins for watts, one more of them."""
        return 1.0 if self.idle_w is None else self.idle_w

    @cached_property
    def most_useful_first(self) -> tuple[Rung, ...]:
        """Of two that are equally useful the cheaper one comes first."""
        return tuple(sorted(self.points, key=lambda rung: (-rung.usefulness, self.live_watts(rung), rung.name)))

    @cached_property
    def cheapest_first(self) -> tuple[Rung, ...]:
        return tuple(sorted(self.points, key=lambda rung: (self.live_watts(rung), -rung.usefulness, rung.name)))

    def live_watts(self, rung: Rung) -> float:
        """What a point draws above idle behind the camera, which may be slower than the point."""
        return rung.joules_per_frame * min(rung.fps, self.camera_fps)


def load_ladder(path: Path | str) -> Ladder:
    """Read a ladder; raises ConfigError with every mistake in it."""
    ladder = load_block(path, Ladder, "ladders")
    twice = [name for name, count in Counter(rung.name for rung in ladder.points).items() if count > 1]
    if twice:
        what = f"two points are named '{twice[0]}'"
        raise ConfigError([Problem("points", what, "give each point a name of its own", str(path))])
    silent = [rung.name for rung in ladder.points if rung.watts is None]
    if not ladder.knows_watts and (ladder.idle_w is not None or len(silent) < len(ladder.points)):
        what = f"has no watts, others have: {silent[0]}" if silent else "is missing, and points have watts"
        fix = "idle_w and the watts of every point belong together: give all of them, or none"
        raise ConfigError([Problem("points" if silent else "idle_w", what, fix, str(path))])
    return ladder


def ladder_of(loaded: LoadedPipeline) -> tuple[Ladder, GovernorBlock]:
    """The ladder of a pipeline and how its points are chosen; raises ConfigError where they do not fit."""
    settings = loaded.config.governor
    if settings is None:
        fix = "add `governor: {ladder: LADDER.yaml}`, or pass `--set governor.ladder=LADDER.yaml`"
        raise ConfigError([loaded.problem("governor", "is missing: there are no points to choose from", fix)])
    ladder = load_ladder(settings.ladder)
    if settings.safe_point is not None and settings.safe_point not in ladder.by_name:
        what = f"{settings.ladder} has no point '{settings.safe_point}'"
        fix = did_you_mean(settings.safe_point, ladder.by_name) or f"it has {either(ladder.by_name, 'and')}"
        raise ConfigError([loaded.problem("governor.safe_point", what, fix)])
    budgets = loaded.config.budgets
    for name in ("power_w", "thermal_c"):
        if getattr(budgets, name) is not None and not ladder.knows_watts:
            what = f"cannot be held: {settings.ladder} does not say what its points draw"
            fix = "profile where `edge-run doctor telemetry` reads power, or write idle_w and watts into the ladder"
            raise ConfigError([loaded.problem(f"budgets.{name}", what, fix)])
    return ladder, settings


def ladder_text(ladder: Ladder, comment: str = "") -> str:
    """The ladder as YAML, one point a paragraph; `comment` goes to the top."""
    document: dict[str, Any] = ladder.model_dump(mode="json", exclude_none=True, exclude={"points"})
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += yaml.safe_dump(document, sort_keys=False, allow_unicode=True).splitlines()
    lines.append("points:")
    for rung in ladder.points:
        knobs = rung.knobs.model_dump(mode="json", exclude_defaults=True)
        values = rung.model_dump(mode="json", exclude={"name", "knobs"}, exclude_none=True)
        lines.append(f"  - name: {_flow(rung.name)}")
        lines += [f"    {key}: {_flow(value)}" for key, value in {"knobs": knobs, **values}.items()]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
