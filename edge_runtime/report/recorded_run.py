"""A recording as a `RunStory`, also one that was cut off or that an event saved: the same page as from a run folder."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.schema import Budgets
from edge_runtime.core import Decision, TelemetrySample
from edge_runtime.core.quantiles import Quantiles
from edge_runtime.errors import SourceError
from edge_runtime.pipeline.seconds import Seconds
from edge_runtime.pipeline.summary import Spread
from edge_runtime.recording.documents import GovernorInputs
from edge_runtime.recording.power_log import Second
from edge_runtime.recording.reader import LogLine, RecordedFrame, Recording
from edge_runtime.recording.schemas import INFO

from .run_parts import Said, added_up, alarms_of, points_of, seconds_of_frames, told_by
from .story import CameraStory, Event, FrameLine, Moment, RunStory, Stretch
from .time_chart import time_text

NS = 1_000_000_000
CAME_OUT = ("published", "failed")
# In the order of a summary; the last is only named where there is one.
_FATES = ("published", "overwritten", "shed", "failed", "unfinished")
# What the governor logs is told by its decisions and alarms.
_GOVERNOR = "governor"


def read_recording(recording: Recording) -> RunStory:
    """Everything a recording tells but its pictures; it is read once, and no picture is decoded."""
    config = _config(recording)
    budgets = config.get("budgets") or {}
    read = _Reading(recording, budgets)
    lines, measured = read.lines(), read.moments()
    moments = measured or seconds_of_frames(lines, read.floors(_budgets(budgets)))
    said = [_said(decision, read.zero_ns) for decision in read.decisions]
    summary = recording.summary()
    took_s = lines[-1].t_s if summary is None and lines else (summary or {}).get("seconds", 0.0)
    end_s = max([took_s, *(moment.t_s for moment in moments[-1:])])
    story = RunStory(
        name=recording.name,
        origin=str(recording.path.resolve()),
        whole=summary is not None,
        seconds=took_s or end_s,
        latency_bound_ms=budgets.get("latency_ms"),
        thermal_bound_c=budgets.get("thermal_c"),
        moments=moments,
        lines=lines,
        points=_from_zero(points_of(said, end_s)),
        alarms=_from_zero(alarms_of(said, end_s)),
        events=read.events(),
        ladder=_ladder(recording),
        gaps=_gaps(recording, read, config, measured),
        models=dict(recording.models),
        config=config,
    )
    if summary is not None:
        return told_by(story, summary)
    sums = sum(read.fates.values(), Counter[str]())
    return added_up(
        replace(
            story,
            frames=_account(sums),
            cameras={
                camera: CameraStory(frames=_account(fates), outages=read.outages[camera])
                for camera, fates in read.fates.items()
            },
            failures=dict(read.failures),
            stage_ms={stage: asdict(Spread.of(found)) for stage, found in read.stages.items()},
            versions=dict(recording.versions),
        )
    )


def _account(fates: Counter[str]) -> dict[str, int]:
    named = [fate for fate in _FATES if fate != "unfinished" or fates[fate]]
    return {"captured": fates.total(), **{fate: fates[fate] for fate in named}}


class _CameOut(NamedTuple):
    """What is kept of a frame with a result; there may be hundreds of thousands."""

    camera: str
    frame_id: int
    t_capture_ns: int
    latency_ms: float
    point: str
    error: str | None
    ego_speed_mps: float | None

    @property
    def t_ns(self) -> int:
        return self.t_capture_ns + round(1e6 * self.latency_ms)


class _Reading:
    """What one pass through a recording collects.

    Time begins where the run does. What an event saved begins with its first frame: before it stands only what the
    governor was told since the run began.
    """

    def __init__(self, recording: Recording, budgets: Mapping[str, Any]) -> None:
        self._frames: list[_CameOut] = []
        self.fates: dict[str, Counter[str]] = {camera: Counter() for camera in recording.cameras}
        self.outages: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.stages: dict[str, Quantiles] = defaultdict(Quantiles)
        self.decisions: list[Decision] = []
        self.told: GovernorInputs | None = None
        self._first_ns: int | None = None
        self._seconds: list[Second] = []
        self._log: list[LogLine] = []
        self._read(recording, Seconds(_budgets(budgets)))
        begun_ns = self._first_ns if recording.path.is_dir() or self.told is None else self.told.t_ns
        self.zero_ns: int = begun_ns or 0

    def _read(self, recording: Recording, seconds: Seconds) -> None:
        told: GovernorInputs | None = None
        for entry in recording.entries():
            if isinstance(entry, RecordedFrame):
                self._frame(entry)
            elif isinstance(entry, TelemetrySample):
                self._end_second(seconds, told)
                told = None
                seconds.read(entry)
            elif isinstance(entry, GovernorInputs):
                self._end_second(seconds, told)
                self.told, told = self.told or entry, entry
            elif isinstance(entry, Decision):
                seconds.decided(entry, None if told is None else told.sample)
                self._end_second(seconds, told)
                told = None
                self.decisions.append(entry)
            elif isinstance(entry, LogLine):
                self._log.append(entry)
        self._end_second(seconds, told)

    def _end_second(self, seconds: Seconds, told: GovernorInputs | None) -> None:
        """What was told may end a second, together with the decision that followed, if one did."""
        if told is not None:
            second = seconds.end(told.t_ns, told.sample, told.stats, told.ego_speed_mps)
            self._seconds += [] if second is None else [second]

    def _frame(self, frame: RecordedFrame) -> None:
        self._first_ns = frame.t_capture_ns if self._first_ns is None else min(self._first_ns, frame.t_capture_ns)
        self.fates[frame.camera][frame.fate] += 1
        self.outages[frame.camera] = max(self.outages[frame.camera], frame.outages)
        if frame.fate not in CAME_OUT:
            return
        latency_ms = frame.latency_ms or 0.0
        known = (frame.point or "", frame.error, frame.ego_speed_mps)
        self._frames.append(_CameOut(frame.camera, frame.frame_id, frame.t_capture_ns, latency_ms, *known))
        if frame.error is not None:
            self.failures[frame.error] += 1
            return
        for stage, took_ms in (frame.stage_ms or {}).items():
            self.stages[stage].add(took_ms)

    def lines(self) -> list[FrameLine]:
        return [
            FrameLine(
                camera=frame.camera,
                frame_id=frame.frame_id,
                position=place,
                t_s=(frame.t_ns - self.zero_ns) / NS,
                latency_ms=frame.latency_ms,
                stream_s=frame.t_capture_ns / NS,
                point=frame.point,
                error=frame.error,
            )
            for place, frame in enumerate(self._frames)
        ]

    def floors(self, budgets: Budgets) -> dict[int, float]:
        """What the speed at the end of each second demands, by its number."""
        speeds = {(frame.t_ns - self.zero_ns) // NS: frame.ego_speed_mps for frame in self._frames}
        floors = {second: demanded_fps(budgets, speed_mps) for second, speed_mps in speeds.items()}
        return {second: floor for second, floor in floors.items() if floor is not None}

    def moments(self) -> list[Moment]:
        found: list[Moment] = []
        counts: dict[str, int] = {}
        for second in self._seconds:
            sample = second.sample if second.fresh else None
            events = {} if sample is None else dict(sample.throttle_events)
            moment = Moment(
                t_s=round((second.t_ns - self.zero_ns) / NS, 1),
                fps=second.fps,
                floor_fps=second.fps_floor,
                latency_p99_ms=second.latency_p99_ms,
                power_w=second.power_w,
                budget_w=second.power_budget_w,
                point=None if second.decision is None else second.decision.point.name,
                binding=None if second.decision is None else second.decision.binding,
                alarm=second.alarm,
                throttled=None if sample is None else " ".join(sample.throttled) or None,
                rails_w={} if sample is None else sample.rails_w,
                temp_c={} if sample is None else sample.temp_c,
                events={name: count - counts.get(name, count) for name, count in events.items()},
            )
            counts |= events
            found += [moment] if moment.t_s > 0 else []
        return found

    def events(self) -> list[Event]:
        return [
            Event((line.t_ns - self.zero_ns) / NS, line.name, line.message, line.level > INFO)
            for line in self._log
            if line.name != _GOVERNOR
        ]


def _said(decision: Decision, zero_ns: int) -> Said:
    t_s = (decision.t_ns - zero_ns) / NS
    return Said(t_s, decision.point.name, decision.binding, decision.alarm, decision.reason)


def _from_zero(stretches: Iterable[Stretch]) -> list[Stretch]:
    return [replace(one, begin_s=max(0.0, one.begin_s)) for one in stretches if one.end_s > 0]


def _config(recording: Recording) -> dict[str, Any]:
    try:
        found = yaml.safe_load(recording.pipeline_text)
    except (SourceError, yaml.YAMLError, UnicodeDecodeError):
        found = None
    return found if isinstance(found, dict) else {}


def _budgets(stated: Mapping[str, Any]) -> Budgets:
    """Those of another version may not be understood: then no floor is drawn."""
    try:
        return Budgets.model_validate(stated)
    except ValidationError:
        return Budgets()


def _ladder(recording: Recording) -> dict[str, float]:
    """How useful each operating point is."""
    try:
        points = yaml.safe_load(recording.ladder_text or "")["points"]
        return {str(rung["name"]): float(rung["usefulness"]) for rung in points}
    except (KeyError, TypeError, ValueError, yaml.YAMLError):
        return {}


def _gaps(recording: Recording, read: _Reading, config: Mapping[str, Any], measured: Iterable[Moment]) -> list[str]:
    gaps = []
    if not recording.whole:
        gaps.append("The recording was cut off: the run is told up to the last whole second that reached the disk.")
    elif recording.summary() is None:
        gaps.append("This is a part of a run, which went on after it: its accounts are those of the part.")
    if read.told is not None and read.told.t_ns < read.zero_ns - NS:
        before_s = (read.zero_ns - read.told.t_ns) / NS
        gaps.append(f"It begins {time_text(before_s)} into the run: the pictures and frames before were not kept.")
    elif read.told is not None and read.told.n > 0:
        gaps.append("It begins in the middle of a run.")
    if not config:
        gaps.append("It does not hold the pipeline, so what it was meant to do is not known.")
    if read.told is None:
        gaps.append("Power and temperature were not measured: a file replayed at pace `fast` is not.")
    elif not any(moment.power_w is not None for moment in measured):
        gaps.append("Power was not measured: `edge-run doctor telemetry` says what this machine offers.")
    if config.get("governor") is None:
        gaps.append("It ran without a governor, at one operating point.")
    return gaps
