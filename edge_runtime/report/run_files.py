"""A run folder as a `RunStory`, whatever is left of it: a run that was killed has no summary and half a last line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.config.ladder import load_ladder
from edge_runtime.errors import ConfigError

from .run_parts import Said, added_up, alarms_of, points_of, seconds_of_frames, told_by
from .story import FrameLine, Moment, RunStory

NS = 1e9
# No run folder is without all of them.
_SIGNS = ("summary.json", "pipeline.yaml", "power_fps.csv")


def is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _SIGNS)


def read_run(folder: Path) -> RunStory:
    """Everything a run folder (`is_run`) tells but its pictures."""
    gaps: list[str] = []
    summary = _summary(folder, gaps)
    config = summary.get("config") or _pipeline(folder, gaps)
    decisions = list(json_lines(folder / "decisions.jsonl"))
    results = results_file(folder, config)
    lines = [] if results is None else list(json_lines(results))
    zero_ns = _zero_ns(decisions, lines)
    firsts: dict[str, dict[str, Any]] = {}
    for line in lines:
        firsts.setdefault(line.get("camera", ""), line)
    frames = [_frame(line, place, zero_ns, firsts[line.get("camera", "")]) for place, line in enumerate(lines)]
    if results is None:
        gaps.append("No sink wrote results line by line, so single frames are not known: add `{kind: jsonl, path: …}`.")
    moments = _moments(folder / "power_fps.csv") or seconds_of_frames(frames, _floors(config, frames))
    _explain_telemetry(folder, config, moments, gaps)
    end_s = max([summary.get("seconds") or 0.0, *(moment.t_s for moment in moments[-1:])])
    budgets = config.get("budgets") or {}
    said = [_said(line, zero_ns) for line in decisions]
    story = RunStory(
        name=str(summary.get("name") or config.get("name") or folder.name),
        origin=str(folder.resolve()),
        whole=bool(summary),
        seconds=summary.get("seconds") or end_s,
        latency_bound_ms=budgets.get("latency_ms"),
        thermal_bound_c=budgets.get("thermal_c"),
        moments=moments,
        lines=frames,
        points=points_of(said, end_s),
        alarms=alarms_of(said, end_s),
        evaluation=_evaluation(folder),
        ladder=_ladder(config),
        gaps=gaps,
        config=config,
    )
    return told_by(story, summary) if story.whole else added_up(story)


def _summary(folder: Path, gaps: list[str]) -> dict[str, Any]:
    found = _json(folder / "summary.json")
    if not isinstance(found, dict):
        gaps.append(
            "The run never wrote its summary: it was killed, or it is still going. What follows was put together from"
            " its logs."
        )
        return {}
    return found


def _pipeline(folder: Path, gaps: list[str]) -> dict[str, Any]:
    try:
        found = yaml.safe_load((folder / "pipeline.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        gaps.append("Its pipeline.yaml cannot be read, so what it was meant to do is not known.")
        return {}
    # A camera's address may hold a password, and a report is passed on.
    for source in sources_of(found):
        if source.get("kind") == "camera":
            source["device"] = "(left out: the address may hold a password)"
    return found


def sources_of(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The blocks of the cameras of a pipeline, as far as they are any."""
    listed = config.get("sources") or [config.get("source")]
    return [block for block in listed if isinstance(block, dict)] if isinstance(listed, list) else []


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file with one a line; a line that was cut off is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def results_file(folder: Path, config: Mapping[str, Any]) -> Path | None:
    """Where the run wrote its results line by line, if it did."""
    named = [sink["path"] for sink in config.get("sinks") or () if sink.get("kind") == "jsonl"]
    return next((folder / path for path in [*named, "detections.jsonl"] if (folder / path).is_file()), None)


def _zero_ns(decisions: list[dict[str, Any]], lines: list[dict[str, Any]]) -> int:
    """The first decision is made as the run starts, and the seconds of its log count from there."""
    return int(next((line["t_ns"] for line in decisions), next((line["t_capture_ns"] for line in lines), 0)))


def _frame(line: dict[str, Any], place: int, zero_ns: int, first: dict[str, Any]) -> FrameLine:
    """Its time is that of its publication; a stream's time counts from the camera's first result, as in an annotated
    video.
    """
    key = "t_capture_ns" if line.get("t_stream_ns") is None or first.get("t_stream_ns") is None else "t_stream_ns"
    return FrameLine(
        camera=line.get("camera", ""),
        frame_id=line["frame_id"],
        position=place,
        t_s=(line["t_capture_ns"] - zero_ns) / NS + line["latency_ms"] / 1e3,
        latency_ms=line["latency_ms"],
        stream_s=line[key] / NS,
        point=line["point"],
        error=line.get("error"),
    )


def _said(line: Mapping[str, Any], zero_ns: int) -> Said:
    t_s = (line["t_ns"] - zero_ns) / NS
    return Said(t_s, line["point"], line.get("binding"), line.get("alarm"), line.get("reason") or "")


def _moments(path: Path) -> list[Moment]:
    """The rows of `power_fps.csv`; the last one counts only when it was written to its end."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole, _, _ = text.rpartition("\n")
    return [_moment(row) for row in csv.DictReader(whole.splitlines()) if _number(row.get("t_s")) is not None]


def _moment(row: Mapping[str, str | None]) -> Moment:
    def columns(ending: str) -> dict[str, float]:
        own = ("power_w", "power_budget_w")
        values = {key.removesuffix(ending): _number(row[key]) for key in row if key.endswith(ending) and key not in own}
        return {key: value for key, value in values.items() if value is not None}

    return Moment(
        t_s=_number(row["t_s"]) or 0.0,
        fps=_number(row.get("fps")),
        floor_fps=_number(row.get("fps_floor")),
        latency_p99_ms=_number(row.get("latency_p99_ms")),
        power_w=_number(row.get("power_w")),
        budget_w=_number(row.get("power_budget_w")),
        point=row.get("point") or None,
        binding=row.get("binding") or None,
        alarm=row.get("alarm") or None,
        throttled=row.get("throttled") or None,
        rails_w=columns("_w"),
        temp_c=columns("_c"),
        events={name: int(count) for name, count in columns("_events").items()},
    )


def _floors(config: Mapping[str, Any], frames: Sequence[FrameLine]) -> dict[int, float]:
    """Of each second, where the floor does not follow a speed, which results do not say."""
    floor = (config.get("budgets") or {}).get("fps_floor")
    return {int(frame.t_s): floor for frame in frames} if isinstance(floor, float | int) else {}


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _explain_telemetry(folder: Path, config: Mapping[str, Any], moments: list[Moment], gaps: list[str]) -> None:
    if not (folder / "power_fps.csv").is_file():
        gaps.append("There is no log of power and temperature: a file replayed at pace `fast` is not measured.")
    elif not any(moment.power_w is not None for moment in moments):
        gaps.append("Power was not measured: `edge-run doctor telemetry` says what this machine offers.")
    if config.get("governor") is None:
        gaps.append("It ran without a governor, at one operating point.")


def _ladder(config: Mapping[str, Any]) -> dict[str, float]:
    """How useful each operating point is, where the ladder still lies where it lay."""
    try:
        return {rung.name: rung.usefulness for rung in load_ladder(config["governor"]["ladder"]).points}
    except (KeyError, TypeError, ConfigError):
        return {}


def _evaluation(folder: Path) -> dict[str, Any] | None:
    """A document of `edge-run eval --json` beside the run's own files."""
    for path in sorted(folder.glob("*.json")):
        found = _json(path)
        if isinstance(found, dict) and found.get("recall_by_distance"):
            return found
    return None
