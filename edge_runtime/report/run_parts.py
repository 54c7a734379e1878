"""Parts of a `RunStory` put together from single frames and decisions, whether they came from logs or a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

from .story import Budget, CameraStory, FrameLine, Moment, RunStory, Stretch, by_camera, judged

_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


class Said(NamedTuple):
    """One decision, as far as a report tells it; `t_s` counts from the run's start."""

    t_s: float
    point: str
    binding: str | None
    alarm: str | None
    reason: str


def points_of(decisions: Iterable[Said], end_s: float) -> list[Stretch]:
    """Decisions in a row for the same point."""
    return _stretches(((said.point, said) for said in decisions), end_s)


def alarms_of(decisions: Iterable[Said], end_s: float) -> list[Stretch]:
    """Decisions in a row with the same alarm."""
    return [one for one in _stretches(((said.alarm or "", said) for said in decisions), end_s) if one.name]


def _stretches(named: Iterable[tuple[str, Said]], end_s: float) -> list[Stretch]:
    found: list[Stretch] = []
    for name, said in named:
        if found:
            found[-1] = replace(found[-1], end_s=said.t_s)
        if not found or found[-1].name != name:
            found.append(Stretch(said.t_s, max(said.t_s, end_s), name, said.reason, said.binding))
    if found:
        found[-1] = replace(found[-1], end_s=max(found[-1].end_s, end_s))
    return found


def seconds_of_frames(frames: Iterable[FrameLine], floor_fps: Mapping[int, float] | None = None) -> list[Moment]:
    """A file replayed fast keeps no log of seconds; rate and latency can still be had.

    The rate of a second is that of the intervals that end in it, of several cameras the slowest's while it gives
    frames; `floor_fps` is its floor, by the second's number, and holds on while nothing comes out.
    """
    done = [frame for frame in frames if frame.error is None]
    rates = [seconds_of_rate(mine) for mine in by_camera(done).values()]
    latencies: dict[int, list[float]] = {}
    for frame in done:
        latencies.setdefault(int(frame.t_s), []).append(frame.latency_ms)
    moments: list[Moment] = []
    floor: float | None = None
    for second in range(min(latencies, default=0), max(latencies, default=0)):  # the last one has not gone by
        ordered = sorted(latencies.get(second, []))
        fps = min((mine[second] for mine in rates if second in mine), default=0.0)
        p99_ms = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] if ordered else None
        floor = (floor_fps or {}).get(second, floor)
        moments.append(Moment(second + 1.0, fps, floor, latency_p99_ms=p99_ms))
    return moments


def seconds_of_rate(frames: Iterable[FrameLine]) -> dict[int, float]:
    """Frames a second of one camera, by the number of the second, up to its last but one."""
    seconds: dict[int, list[float]] = {}
    for frame in frames:
        seconds.setdefault(int(frame.t_s), []).append(frame.t_s)
    rates: dict[int, float] = {}
    before_s: float | None = None
    for second in range(min(seconds, default=0), max(seconds, default=0)):
        times_s = seconds.get(second, [])
        rates[second] = 0.0
        if times_s:
            began_s, count = (before_s, len(times_s)) if before_s is not None else (times_s[0], len(times_s) - 1)
            rates[second] = count / (times_s[-1] - began_s) if times_s[-1] > began_s else float(len(times_s))
            before_s = times_s[-1]
    return rates


def told_by(story: RunStory, summary: Mapping[str, Any]) -> RunStory:
    """The story with the run's own account of itself, the document `summary.json`."""
    return replace(
        story,
        error=summary.get("error"),
        fps=summary.get("fps"),
        latency_ms=summary.get("latency_ms") or {},
        frames=summary.get("frames") or {},
        cameras={name: _camera(account) for name, account in (summary.get("cameras") or {}).items()},
        budgets={name: Budget(**account) for name, account in (summary.get("budgets") or {}).items()},
        stage_ms=summary.get("stage_ms") or {},
        power_w=summary.get("power_w"),
        sinks=summary.get("sinks") or {},
        warnings=summary.get("warnings") or (),
        failures=summary.get("failures") or {},
        backends=summary.get("backends") or {},
        versions=summary.get("versions") or {},
    )


def _camera(account: Mapping[str, Any]) -> CameraStory:
    known = {key: account[key] for key in ("fps", "latency_ms", "outages", "longest_s", "error") if key in account}
    return CameraStory(frames=account.get("frames") or {}, **known)


def added_up(story: RunStory) -> RunStory:
    """The account of a run that did not come to its own; frames are counted where that has not been done better."""
    done = [line for line in story.lines if line.error is None]
    mine = by_camera(story.lines)
    cameras = story.cameras or {name: CameraStory(frames=_counted(lines)) for name, lines in mine.items()}
    cameras = {name: _timed(camera, mine.get(name, ())) for name, camera in cameras.items()}
    powers = [moment.power_w for moment in story.moments if moment.power_w is not None]
    rates = [moment.fps for moment in story.moments if moment.fps is not None]
    return replace(
        story,
        fps=median(rates) if rates else None,
        latency_ms=_quantiles([line.latency_ms for line in done]),
        frames=story.frames or _summed([camera.frames for camera in cameras.values()]),
        cameras=cameras,
        power_w={"mean": sum(powers) / len(powers), "max": max(powers)} if powers else None,
        budgets=judged(story.moments, story),
    )


def _timed(camera: CameraStory, lines: Sequence[FrameLine]) -> CameraStory:
    """With what its frames say of its rate and latency."""
    done = [line for line in lines if line.error is None]
    rates = seconds_of_rate(done).values()
    fps = median(rates) if rates else None
    return replace(camera, fps=fps, latency_ms=_quantiles([line.latency_ms for line in done]))


def _counted(lines: Sequence[FrameLine]) -> dict[str, int]:
    """Of one camera, from the ids alone: those between two lines were captured and did not come out."""
    captured, failed = lines[-1].frame_id + 1, sum(line.error is not None for line in lines)
    published, lost = len(lines) - failed, captured - len(lines)
    return {"captured": captured, "published": published, "not published": lost, "failed": failed}


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for each in counts for name in each)
    return {name: sum(each.get(name, 0) for each in counts) for name in names}


def _quantiles(values_ms: Sequence[float]) -> Mapping[str, float]:
    """p50, p95 and p99; nothing of nothing."""
    ordered = sorted(values_ms)
    return {name: ordered[int(share * (len(ordered) - 1))] for name, share in _QUANTILES} if ordered else {}
