"""What many drives say together: a row for each, quantiles over them, and the worst ten with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.report.run_words import budget_name

from .compare import COUNTED

WORST = 10
QUANTILES = {"least": 0.0, "p5": 0.05, "p50": 0.5, "p95": 0.95, "most": 1.0}
# What quantiles over the drives are taken of.
SPREADS = ("fps", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "lost", "new", "moved")


@dataclass(frozen=True, slots=True)
class Row:
    """One drive. What it has not got is None: everything of one that failed, `lost` and the like without a golden.

    `fps` and latency are those that the drive is judged by: of the vehicle in virtual time. `seconds` is what the
    replay took here.
    """

    name: str
    drive: str
    error: str | None
    folder: str | None
    seconds: float | None
    frames: int | None
    failed: int | None
    fps: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    not_held: tuple[str, ...]
    decisions_compared: int | None
    decisions_differing: int | None
    matched: int | None
    lost: int | None
    new: int | None
    moved: int | None
    page: str | None
    broken: tuple[str, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Row:
        replay: Mapping[str, Any] = document["replay"] or {}
        summary: Mapping[str, Any] = replay.get("summary", {})
        frames, latency_ms = summary.get("frames", {}), summary.get("latency_ms", {})
        decisions: Mapping[str, Any] = replay.get("decisions") or {}
        against: Mapping[str, Any] = document.get("against") or {}
        budgets: Mapping[str, Any] = summary.get("budgets", {})
        return cls(
            name=document["name"],
            drive=document["drive"],
            error=document["error"],
            folder=replay.get("folder"),
            seconds=document["seconds"],
            frames=frames.get("published"),
            failed=frames.get("failed"),
            fps=summary.get("fps"),
            latency_p50_ms=latency_ms.get("p50"),
            latency_p95_ms=latency_ms.get("p95"),
            latency_p99_ms=latency_ms.get("p99"),
            not_held=tuple(name for name, budget in budgets.items() if budget["held"] < budget["windows"]),
            decisions_compared=decisions.get("compared"),
            decisions_differing=decisions.get("differing"),
            matched=against.get("matched"),
            lost=against.get("lost"),
            new=against.get("new"),
            moved=against.get("moved"),
            page=against.get("page"),
            broken=tuple(str(each) for each in against.get("broken", ())),
            warnings=tuple(summary.get("warnings", ())),
        )

    @property
    def badness(self) -> tuple[float, ...]:
        """Greater is worse; what comes first weighs more than all after it."""
        changed = (self.lost or 0) + (self.new or 0) + (self.moved or 0)
        return (
            self.error is not None,
            len(self.broken),
            changed / max(1, (self.matched or 0) + (self.lost or 0)),
            (self.failed or 0) / max(1, self.frames or 0),
            len(self.not_held),
            (self.decisions_differing or 0) / max(1, self.decisions_compared or 0),
            self.latency_p95_ms or 0.0,
        )

    @property
    def why(self) -> str:
        """What is worst about it, in a few words."""
        if self.error is not None:
            return self.error.splitlines()[0]
        said = []
        if self.lost or self.new or self.moved:
            of = f" of {(self.matched or 0) + self.lost}" if self.lost else ""
            said.append(f"{self.lost or 0}{of} lost, {self.new or 0} new, {self.moved or 0} moved")
        elif self.broken:
            more = f" and {len(self.broken) - 1} more" if len(self.broken) > 1 else ""
            said.append(self.broken[0] + more)
        if self.failed:
            said.append(f"{self.failed} frames failed")
        if self.not_held:
            said.append(f"{', '.join(budget_name(name) for name in self.not_held)} not held")
        if self.decisions_differing:
            said.append(f"{self.decisions_differing} of {self.decisions_compared} decisions differ")
        if not said and self.latency_p95_ms is not None:
            said.append(f"latency p95 {self.latency_p95_ms:.1f} ms")
        return "; ".join(said)


def rows_of(documents: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [Row.of(document) for document in documents]


def worst_of(rows: Sequence[Row]) -> list[Row]:
    """The worst first."""
    return sorted(rows, key=lambda row: row.badness, reverse=True)[:WORST]


def spread(rows: Sequence[Row], key: str) -> dict[str, float] | None:
    """Quantiles of a figure over the drives that have it; None when no drive has."""
    values = [getattr(row, key) for row in rows]
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {name: round(float(np.quantile(known, q)), 3) for name, q in QUANTILES.items()}


def compared_of(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """All comparisons added up, as one of `replay --against`; None without any. Classes that lost most come first.

    `changed_settings` are those of any drive, with the number of `drives` that have them.
    """
    each = [document["against"] for document in documents if document["against"] is not None]
    if not each:
        return None
    classes = _summed(each, "by_class").items()
    by_class = sorted(classes, key=lambda item: (-item[1]["lost"], -item[1]["golden"], item[0]))
    settings: dict[str, dict[str, Any]] = {}
    for change in (change for one in each for change in one.get("changed_settings") or ()):
        settings.setdefault(json.dumps(change, sort_keys=True), {**change, "drives": 0})["drives"] += 1
    return {
        "drives": len(each),
        "identical": sum(one["identical"] for one in each),
        **{what: sum(one[what] for one in each) for what in COUNTED},
        "by_class": dict(by_class),
        "by_camera": _summed(each, "by_camera"),
        "by_height_px": _banded(each, "by_height_px", "px"),
        "by_distance": _banded(each, "by_distance", "m"),
        "changed_settings": list(settings.values()),
    }


def _summed(each: Sequence[Mapping[str, Any]], table: str) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    for name, figures in (row for one in each for row in one[table].items()):
        mine = sums.setdefault(name, dict.fromkeys(COUNTED, 0))
        for what in COUNTED:
            mine[what] += figures[what]
    return sums


def _banded(each: Sequence[Mapping[str, Any]], table: str, unit: str) -> list[dict[str, Any]]:
    low, high = f"from_{unit}", f"to_{unit}"
    sums: dict[float, dict[str, Any]] = {}
    for row in (row for one in each for row in one[table]):
        band = sums.setdefault(row[low], {low: row[low], high: row[high], **dict.fromkeys(COUNTED, 0)})
        for what in COUNTED:
            band[what] += row[what]
    return [sums[key] for key in sorted(sums)]


def many_document(documents: Sequence[Mapping[str, Any]], folder: str, seconds: float, kept: int) -> dict[str, Any]:
    """The JSON document; its keys are part of the program's contract."""
    rows = rows_of(documents)
    differing = [row.decisions_differing for row in rows if row.decisions_compared]
    return {
        "folder": folder,
        "drives": len(rows),
        "failed": sum(row.error is not None for row in rows),
        "broken": sum(bool(row.broken) for row in rows),
        "kept": kept,
        "frames": sum(row.frames or 0 for row in rows),
        "seconds": round(seconds, 3),
        "decisions_identical": not any(differing) if differing else None,
        "quantiles": {key: spread(rows, key) for key in SPREADS},
        "against": compared_of(documents),
        "worst": [{"name": row.name, "why": row.why} for row in worst_of(rows)],
        "rows": [asdict(row) for row in rows],
    }
