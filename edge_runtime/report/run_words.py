"""A run in words: did it hold what was asked of it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from .story import Budget, RunStory
from .time_chart import time_text

# budget -> what a person calls it, and how its limit reads
_BUDGETS = {
    "fps_floor": ("frame rate", "at least {} frames a second"),
    "latency_ms": ("latency", "p99 at most {} ms"),
    "power_w": ("power", "at most {} W"),
    "thermal_c": ("temperature", "at most {} °C"),
    "max_metres_per_frame": ("distance between frames", "at most {} m"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` decides the colour; the sentence has no full stop."""

    state: Literal["held", "broken", "unsure"]
    sentence: str


def verdict(story: RunStory) -> Verdict:
    """The headline: what ended early, then what was not held, then what could not be judged."""
    if story.error is not None:
        return Verdict("broken", f"ended early: {story.error}")
    gone = [
        f"camera {name} ended early: {one.error.splitlines()[0]}"
        for name, one in story.cameras.items()
        if one.error is not None
    ]
    said = _of_budgets(story)
    return Verdict("broken", f"{'; '.join(gone)}; {said.sentence}") if gone else said


def _of_budgets(story: RunStory) -> Verdict:
    broken = [name for name, one in story.budgets.items() if one.state == "broken"]
    unjudged = [name for name, one in story.budgets.items() if one.state == "unjudged"]
    killed = "" if story.whole else ", as far as its logs go"
    if killed and not story.lines and not story.moments:
        return Verdict("unsure", "nothing is known: it ended before its first result was on the disk")
    if broken:
        told = [
            f"{budget_name(name)} in {one.windows - one.held} of {one.windows} seconds"
            for name, one in story.budgets.items()
            if name in broken
        ]
        return Verdict("broken", f"not held: {_listed(told)}{killed}")
    if unjudged:
        return Verdict("unsure", f"not judged: {_listed([budget_name(name) for name in unjudged])}{killed}")
    if not story.budgets:
        return Verdict("unsure", f"no budgets were stated{killed}")
    windows = max(one.windows for one in story.budgets.values())
    which = "every budget was" if len(story.budgets) > 1 else f"{budget_name(next(iter(story.budgets)))} was"
    return Verdict("held" if story.whole else "unsure", f"{which} held in all of {windows} seconds{killed}")


def budget_name(key: str) -> str:
    return _BUDGETS.get(key, (key, ""))[0]


def budget_limit(key: str, limit: float | Mapping[str, float]) -> str:
    """At least 30 frames a second; where it follows the speed, both."""
    if isinstance(limit, Mapping):
        return f"{limit['city']:g}, above {limit['highway_above_kmh']:g} km/h {limit['highway']:g} frames a second"
    return _BUDGETS.get(key, ("", "{}"))[1].format(f"{limit:g}")


def budget_sentence(one: Budget) -> str:
    if not one.windows:
        return "never measured over a whole second"
    if one.held == one.windows:
        return f"in all of {one.windows} seconds"
    longest = f"{one.longest_violation_s:g} s at the longest"
    return f"in {one.held} of {one.windows} seconds; broken for {longest}"


def held_share(one: Budget) -> str:
    """Just below all of them is not all of them."""
    if not one.windows:
        return "–"
    return "100 %" if one.held == one.windows else f"{min(99.9, 100 * one.held / one.windows):.1f} %"


def account(frames: Mapping[str, int]) -> str:
    """captured 100 = published 90 + overwritten 10 + shed 0 + failed 0"""
    parts = [f"{count} {name}" for name, count in frames.items() if name != "captured"]
    return f"{frames.get('captured', 0)} captured = {' + '.join(parts)}"


def report_document(story: RunStory, page: Path | None, plot: Path | None) -> dict[str, Any]:
    """What `edge-run report --json` prints."""
    said = verdict(story)
    return {
        "run": story.name,
        "folder": story.origin if Path(story.origin).is_dir() else None,
        "recording": None if Path(story.origin).is_dir() else story.origin,
        "page": None if page is None else str(page.resolve()),
        "plot": None if plot is None else str(plot.resolve()),
        "state": said.state,
        "verdict": said.sentence,
        "whole": story.whole,
        "frames": dict(story.frames),
        "cameras": {name: asdict(one) for name, one in story.cameras.items()},
        "budgets": {name: asdict(one) for name, one in story.budgets.items()},
        "violations": [
            {"from_s": round(one.begin_s, 1), "to_s": round(one.end_s, 1), "budgets": one.name.split(", ")}
            for one in story.violations()
        ],
        "point_changes": story.changes,
        "alarms": [{"from_s": round(one.begin_s, 1), "alarm": one.name} for one in story.alarms],
        "missing": list(story.gaps),
    }


def when(begin_s: float, end_s: float) -> str:
    """0:05 to 0:09, or 0:05 alone where that is the same second."""
    first, last = time_text(begin_s), time_text(end_s)
    return first if first == last else f"{first} to {last}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
