"""Many replayed drives as one HTML page: how they spread, the worst ten with the reason, and a row for each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edge_runtime.evaluate.many_summary import QUANTILES, Row, worst_of
from edge_runtime.evaluate.settings_compared import Change

from .chart import Dots, dot_chart
from .compare_tables import TABLE_STYLE, counts_section, settings_section
from .many import sentence
from .page import configuration, figure, head, page, warnings
from .terminal import clock_text, number

LABELS = {
    "fps": ("frames a second", 1),
    "latency_p50_ms": ("latency p50 in ms", 1),
    "latency_p95_ms": ("latency p95 in ms", 1),
    "latency_p99_ms": ("latency p99 in ms", 1),
    "lost": ("objects lost", 0),
    "new": ("objects new", 0),
    "moved": ("objects moved", 0),
}
# Beyond this many the rows are folded away: the worst are what one looks for.
FOLDED = 40
_STYLE = (
    TABLE_STYLE
    + """
.drives .why>td{text-align:left;white-space:normal;overflow-wrap:anywhere;border-top:0;padding-top:0;color:var(--dim)}
.drives .bad th{color:var(--bad)}.drives a{color:inherit}
@media(max-width:520px){.drives .wide{display:none}.drives .why>td{padding-left:11px}
.quantiles th:first-child{white-space:normal}}
details table{border:0;padding:0}section table{width:100%}
"""
)


def many_page(document: Mapping[str, Any], rows: Sequence[Row], configs: Mapping[str, Any], beside: Path) -> str:
    """The page, which will lie in the folder `beside`; `configs` are pipelines to show at its end, by title."""
    title = f"{document['drives']} drives replayed"
    parts = [
        head(title, sentence(document) + ".", _tiles(document, rows)),
        warnings(_warnings(rows)),
        _against(document["against"]),
        f'<div class="charts">{"".join(_figures(rows))}</div>',
        f"<section><h2>The worst</h2>{_table(worst_of(rows), beside, why=True)}</section>",
        _counts(document["against"]),
        _quantiles(document["quantiles"]),
        _all(rows, beside),
        configuration(configs) if configs else "",
    ]
    return page(title, parts, _STYLE)


def _against(against: Mapping[str, Any] | None) -> str:
    """What is set otherwise than in the recordings."""
    if against is None:
        return ""
    changes = [Change(one["key"], one["then"], one["now"]) for one in against["changed_settings"]]
    drives = {one["key"]: one["drives"] for one in against["changed_settings"] if one["drives"] < against["drives"]}
    return settings_section(changes, drives)


def _counts(against: Mapping[str, Any] | None) -> str:
    return "" if against is None or not against["golden"] + against["now"] else counts_section(against)


def _tiles(document: Mapping[str, Any], rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    over = document["drives"] - document["failed"]
    tiles = [("drives replayed", f"{over} of {document['drives']}", f"{document['kept']} kept from before")]
    tiles.append(("frames", f"{document['frames']:,}", f"in {clock_text(document['seconds'])}"))
    compared = sum(row.decisions_compared or 0 for row in rows)
    if any(row.lost is not None for row in rows):
        lost, golden = sum(row.lost or 0 for row in rows), sum((row.matched or 0) + (row.lost or 0) for row in rows)
        tiles.append(("objects lost", f"{lost:,}", f"of {golden:,} in the goldens"))
        tiles.append(("drives that broke an expectation", str(document["broken"]), ""))
    elif compared:
        differing = sum(row.decisions_differing or 0 for row in rows)
        tiles.append(("decisions that differ", f"{differing:,}", f"of {compared:,}"))
    return tiles


def _warnings(rows: Sequence[Row]) -> list[str]:
    """Each warning once, with the drives that have it."""
    drives: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.warnings:
            drives.setdefault(warning, []).append(row.name)
    return [
        f"{warning} ({', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''})"
        for warning, names in drives.items()
    ]


def _figures(rows: Sequence[Row]) -> list[str]:
    figures = []
    timed = [
        (row, row.fps, row.latency_p95_ms) for row in rows if row.fps is not None and row.latency_p95_ms is not None
    ]
    if any(latency_ms for _, _, latency_ms in timed):
        points = [(row, fps, latency_ms, f"{latency_ms:.1f} ms at {fps:.1f} fps") for row, fps, latency_ms in timed]
        figures.append(figure("Latency p95 in ms of each drive", _dots(points, "latency p95", "frames a second")))
    compared = [
        (row, 100 * (row.new or 0) / golden, 100 * (row.lost or 0) / golden, f"{row.lost} lost, {row.new} new")
        for row in rows
        if row.lost is not None and (golden := (row.matched or 0) + row.lost)
    ]
    if compared:
        chart = _dots(compared, "lost", "new, in % of the golden's objects")
        figures.append(figure("Lost in % of the golden's objects, of each drive", chart))
    return figures


def _dots(points: Sequence[tuple[Row, float, float, str]], what: str, unit: str) -> str:
    worst = {row.name for row in worst_of([row for row, *_ in points])}
    if len(worst) == len(points):
        worst = set()

    def some(bad: bool) -> list[tuple[float, float, str, str]]:
        return [(x, y, row.name, note) for row, x, y, note in points if (row.name in worst) is bad]

    groups = [Dots("drives", some(False), 0, main=not worst)]
    return dot_chart([*groups, Dots("the worst", some(True), 1, main=True)] if worst else groups, what, unit)


def _quantiles(spreads: Mapping[str, Mapping[str, float] | None]) -> str:
    top = "".join(f"<th>{name}</th>" for name in QUANTILES)
    body = ""
    for key, spread in spreads.items():
        if spread is not None:
            label, digits = LABELS[key]
            cells = "".join(f"<td>{value:.{digits}f}</td>" for value in spread.values())
            body += f"<tr><th>{label}</th>{cells}</tr>"
    if not body:
        return ""
    table = f'<div class="scroll"><table class="quantiles"><tr><th>of a drive</th>{top}</tr>{body}</table></div>'
    return f"<section><h2>Over the drives</h2>{table}</section>"


def _table(rows: Sequence[Row], beside: Path, *, why: bool = False) -> str:
    golden = any(row.lost is not None for row in rows)
    heads = ["drive", "frames", "fps", "p50 ms", "p95 ms", "p99 ms", *(("lost", "new", "moved") if golden else ())]
    top = "".join(f"<th{_aside(place)}>{name}</th>" for place, name in enumerate(heads))
    body = ""
    for row in rows:
        cells = [_count(row.frames), number(row.fps)]
        cells += [number(value) for value in (row.latency_p50_ms, row.latency_p95_ms, row.latency_p99_ms)]
        cells += [_count(value) for value in (row.lost, row.new, row.moved)] if golden else []
        bad = "bad" if row.error is not None or row.broken else "good"
        shown = "".join(f"<td{_aside(place)}>{cell}</td>" for place, cell in enumerate(cells, 1))
        body += f'<tr class="{bad}"><th title="{escape(row.drive)}">{_name(row, beside)}</th>{shown}</tr>'
        if why:
            body += f'<tr class="{bad} why"><td colspan="{len(heads)}">{escape(row.why)}</td></tr>'
    return f'<div class="scroll"><table class="drives"><tr>{top}</tr>{body}</table></div>'


def _name(row: Row, beside: Path) -> str:
    """The drive's name; it leads to its own page where one was made."""
    if row.page is None or not Path(row.page).is_file():
        return escape(row.name)
    return f'<a href="{escape(quote(os.path.relpath(row.page, beside.resolve())))}">{escape(row.name)}</a>'


def _aside(place: int) -> str:
    """What a narrow screen leaves out: the median and the p99."""
    return ' class="wide"' if place in (3, 5) else ""


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def _all(rows: Sequence[Row], beside: Path) -> str:
    if len(rows) == len(worst_of(rows)):
        return ""
    table = _table(rows, beside)
    if len(rows) > FOLDED:
        table = f"<details><summary>all {len(rows)} drives</summary>{table}</details>"
    return f"<section><h2>Every drive</h2>{table}</section>"
