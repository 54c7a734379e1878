"""What a run has to tell, as plain values: a run folder and a recording both come down to this, and pages read it.

Times are seconds since the run's start. What is not known is None or empty, and `gaps` says in sentences what is
missing and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any, Literal

from edge_runtime.core import FrameKey

# A rate that jitters around the floor by a fraction of a frame holds it, as in the run's own windows.
_FPS_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Moment:
    """One second of a run, up to `t_s`: a row of `power_fps.csv`."""

    t_s: float
    fps: float | None = None
    floor_fps: float | None = None
    latency_p99_ms: float | None = None
    power_w: float | None = None
    budget_w: float | None = None
    point: str | None = None
    binding: str | None = None
    alarm: str | None = None
    throttled: str | None = None
    rails_w: Mapping[str, float] = field(default_factory=dict)
    temp_c: Mapping[str, float] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FrameLine:
    """One published or failed frame; `position` is its place among the results, from 0."""

    camera: str
    frame_id: int
    position: int
    t_s: float
    latency_ms: float
    stream_s: float
    point: str
    error: str | None

    @property
    def key(self) -> FrameKey:
        return self.camera, self.frame_id


@dataclass(frozen=True, slots=True)
class CameraStory:
    """One camera: its frames by what became of them, how often and how long it was away, the error that ended it."""

    frames: Mapping[str, int]
    fps: float | None = None
    latency_ms: Mapping[str, float | None] = field(default_factory=dict)
    outages: int = 0
    longest_s: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time during which one operating point ran, or one alarm stood; `reason` is what was said at its beginning."""

    begin_s: float
    end_s: float
    name: str
    reason: str
    binding: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as the run logged it: a camera lost, a budget not held, a signal."""

    t_s: float
    name: str
    message: str
    serious: bool


@dataclass(frozen=True, slots=True)
class Budget:
    """How one budget fared, in windows of a second."""

    limit: float | Mapping[str, float]
    windows: int
    held: int
    longest_violation_s: float

    @property
    def state(self) -> Literal["held", "broken", "unjudged"]:
        return "unjudged" if not self.windows else "held" if self.held == self.windows else "broken"


@dataclass(frozen=True, slots=True)
class Still:
    """A frame worth looking at, as a JPEG."""

    title: str
    told: str
    jpeg: bytes


@dataclass(frozen=True, slots=True, eq=False)
class RunStory:
    """One run. `whole` is False when it was killed before it could write its summary; `ladder` is the usefulness of its
    operating points, `models` the SHA-256 of its networks' files.
    """

    name: str
    origin: str
    whole: bool
    error: str | None = None
    seconds: float = 0.0
    fps: float | None = None
    latency_ms: Mapping[str, float | None] = field(default_factory=dict)
    latency_bound_ms: float | None = None
    thermal_bound_c: float | None = None
    frames: Mapping[str, int] = field(default_factory=dict)
    cameras: Mapping[str, CameraStory] = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    stage_ms: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    power_w: Mapping[str, float] | None = None
    moments: Sequence[Moment] = ()
    lines: Sequence[FrameLine] = ()
    points: Sequence[Stretch] = ()
    alarms: Sequence[Stretch] = ()
    events: Sequence[Event] = ()
    sinks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    evaluation: Mapping[str, Any] | None = None
    stills: Sequence[Still] = ()
    ladder: Mapping[str, float] = field(default_factory=dict)
    gaps: Sequence[str] = ()
    backends: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def span_s(self) -> float:
        """How long the time lines are."""
        ends = [self.seconds, *(moment.t_s for moment in self.moments[-1:]), *(line.t_s for line in self.lines[-1:])]
        return max(1.0, *ends, *(stretch.end_s for stretch in self.points[-1:]))

    @property
    def several(self) -> bool:
        """Whether there are several cameras: only then is each named."""
        return len(self.cameras) > 1

    @property
    def changes(self) -> int:
        """How often another point was chosen."""
        return max(0, len(self.points) - 1)

    def broken(self, moment: Moment) -> tuple[str, ...]:
        """The budgets that a second did not hold, as far as it was measured."""
        found = []
        floor_fps = None if moment.floor_fps is None else moment.floor_fps * (1.0 - _FPS_TOLERANCE)
        if _above(floor_fps, moment.fps):
            found.append("fps_floor")
        if _above(moment.latency_p99_ms, self.latency_bound_ms):
            found.append("latency_ms")
        if _above(moment.power_w, moment.budget_w):
            found.append("power_w")
        if _above(max(moment.temp_c.values(), default=None), self.thermal_bound_c):
            found.append("thermal_c")
        return tuple(found)

    def violations(self, budget: str | None = None) -> list[Stretch]:
        """Seconds in a row that broke the same budgets, or this one."""

        def asked(moment: Moment) -> tuple[str, ...]:
            return tuple(name for name in self.broken(moment) if budget in (None, name))

        found = []
        for broken, group in groupby(self.moments, asked):
            moments = list(group)
            if broken:
                found.append(Stretch(moments[0].t_s - 1.0, moments[-1].t_s, ", ".join(broken), ""))
        return found


def _above(value: float | None, bound: float | None) -> bool:
    return value is not None and bound is not None and value > bound


def judged(story_moments: Sequence[Moment], story: RunStory) -> dict[str, Budget]:
    """Budgets from the seconds alone, for a run that did not come to its own account."""
    limits = story.config.get("budgets") or {}
    measured: dict[str, list[bool]] = {name: [] for name in limits if limits[name] is not None}
    for moment in story_moments:
        known = {
            "fps_floor": moment.fps is not None and moment.floor_fps is not None,
            "latency_ms": moment.latency_p99_ms is not None,
            "power_w": moment.power_w is not None,
            "thermal_c": bool(moment.temp_c),
        }
        broken = story.broken(moment)
        for name, windows in measured.items():
            if known.get(name):
                windows.append(name not in broken)
    return {name: Budget(limits[name], len(held), sum(held), _longest(held)) for name, held in measured.items()}


def _longest(held: Sequence[bool]) -> float:
    return float(max((len(list(group)) for good, group in groupby(held) if not good), default=0))


def by_camera(lines: Iterable[FrameLine]) -> dict[str, list[FrameLine]]:
    found: dict[str, list[FrameLine]] = {}
    for line in lines:
        found.setdefault(line.camera, []).append(line)
    return found


def captured_per_second(lines: Sequence[FrameLine]) -> list[tuple[float, int]]:
    """Of one camera, frames that did not come out, by the second in which they were missing: its frame ids count what
    was captured.
    """
    lost: dict[int, int] = {}
    for before, after in pairwise(lines):
        gap = after.frame_id - before.frame_id - 1
        if gap > 0:
            lost[int(after.t_s)] = lost.get(int(after.t_s), 0) + gap
    return sorted((second + 1.0, count) for second, count in lost.items())
