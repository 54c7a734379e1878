"""The conditions that a replay must hold beside its golden, each with the sentence that says how it fared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .matching import Values
from .tolerances import LIMITED, Tolerances

Document = Mapping[str, Any]
NS = 1e9


class Cell(NamedTuple):
    """One count of a table: what happened, to a box of which class, of which camera and in which band (-1: unknown)."""

    what: str
    name: str
    camera: str
    height: int
    distance: int


class Timed(NamedTuple):
    """What of a frame its side is timed by."""

    camera: str
    t_capture_ns: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Check:
    """One condition. `held` is None where it is not judged, and `told` says why."""

    name: str
    held: bool | None
    told: str


@dataclass(frozen=True, slots=True)
class Times:
    """Latency and rate of one side; of several cameras the rate of the slowest."""

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    fps: float | None

    @classmethod
    def of(cls, frames: Sequence[Timed]) -> Times:
        if not frames:
            return cls(None, None, None, None)
        latency = np.array([one.latency_ms for one in frames])
        published = np.array([one.t_capture_ns for one in frames], np.int64) + latency * 1e6
        cameras = np.array([one.camera for one in frames])
        rates = [rate for name in np.unique(cameras) if (rate := _rate(published[cameras == name])) is not None]
        p50, p95, p99 = (round(float(value), 3) for value in np.percentile(latency, (50, 95, 99)))
        return cls(p50, p95, p99, round(min(rates), 2) if rates else None)

    def document(self) -> dict[str, Any]:
        return {"latency_ms": {"p50": self.p50_ms, "p95": self.p95_ms, "p99": self.p99_ms}, "fps": self.fps}


def _rate(published_ns: Values) -> float | None:
    span_s = float(published_ns.max() - published_ns.min()) / NS
    return (len(published_ns) - 1) / span_s if span_s > 0 else None


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions beside those of the golden: None where one side has none. `first` is the first that differs."""

    identical: bool | None
    told: str
    first: Document | None = None


def frames_check(frames: Mapping[str, int], *, live: bool, whole: bool) -> Check:
    told = f"{frames['both']} of the golden's {frames['golden']} frames compared"
    if frames["failed"]:
        return Check("frames", False, f"{frames['failed']} frames failed that did not in the golden")
    if not frames["both"]:
        return Check("frames", False, "no frame is in both results: the golden belongs to another drive")
    if live:
        return Check("frames", None, f"{told}: live, the newest frame wins")
    if whole and (frames["missing"] or frames["added"]):
        return Check("frames", False, f"{told}: {frames['missing']} are missing, {frames['added']} came in addition")
    return Check("frames", True, told)


def box_checks(counts: Mapping[Cell, int], tolerances: Tolerances, *, tracked: bool) -> Iterator[Check]:
    """For each limit one check over the classes without limits of their own, and one for each class with some."""
    for name in (None, *tolerances.classes):
        mine = [
            (cell.what, count)
            for cell, count in counts.items()
            if (cell.name not in tolerances.classes if name is None else cell.name == name)
        ]
        sums = Counter[str]()
        for what, count in mine:
            sums["flips" if what in ("class_flips", "state_flips") else what] += count
        for what, words in LIMITED.items():
            limit, of = tolerances.limit(what, name), sums["golden"]
            told = words.format(sums[what], of)
            told = f"{name}: {told}" if name else told
            key = f"{what} {name}" if name else what
            if what == "breaks" and not tracked:
                yield Check(key, None, "no tracks to compare")
            elif limit is None:
                yield Check(key, None, f"{told}; not judged")
            else:
                bound = "none allowed" if not limit else f"allowed {100 * limit:g} % ({int(limit * of + 1e-9)})"
                yield Check(key, sums[what] <= limit * of + 1e-9, f"{told}, {bound}")


def decisions_check(decisions: Decisions, tolerances: Tolerances) -> Check:
    judged = tolerances.decisions == "identical" and decisions.identical is not None
    return Check("decisions", decisions.identical if judged else None, decisions.told)


def time_checks(
    golden: Times | None, now: Times | None, tolerances: Tolerances, budgets: Mapping[str, Document]
) -> Iterator[Check]:
    if golden is None or now is None:
        yield Check("times", None, "virtual time says nothing of latency and rate: --clock live measures them")
        return
    told = f"latency p99 {_number(now.p99_ms)} ms, golden {_number(golden.p99_ms)} ms"
    yield _ratio_check("latency", told, now.p99_ms, golden.p99_ms, at_most=tolerances.latency_p99)
    told = f"{_number(now.fps)} fps, golden {_number(golden.fps)}"
    yield _ratio_check("fps", told, now.fps, golden.fps, at_least=tolerances.fps)
    for name, account in budgets.items():
        windows, kept = account["windows"], account["held"]
        told = f"budget {name} {account['limit']} held in {kept} of {windows} seconds"
        yield Check(f"budget {name}", kept == windows if windows else None, told)


def _ratio_check(
    name: str,
    told: str,
    now: float | None,
    golden: float | None,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Check:
    """A figure beside the golden's times a factor; what is unknown does not hold."""
    if at_most is None and at_least is None:
        return Check(name, None, f"{told}; not judged")
    bound = f"at most {at_most:g} times that" if at_most is not None else f"at least {at_least:g} times that"
    held = (
        now is not None
        and golden is not None
        and (at_most is None or now <= at_most * golden)
        and (at_least is None or now >= at_least * golden)
    )
    return Check(name, held, f"{told}, {bound}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
