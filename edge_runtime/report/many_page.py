"""Many replayed drives as one HTML page: how they spread, the worst ten with the reason, and a row for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_runtime.evaluate.many_summary import QUANTILES, Row, worst_of

from .chart import Dots, dot_chart
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
_STYLE = """
td.why{text-align:left;white-space:normal;min-width:28ch;overflow-wrap:anywhere}tr.bad th,tr.bad .why{color:var(--bad)}
details table{border:0;padding:0}section table{width:100%}
"""


def many_page(document: Mapping[str, Any], rows: Sequence[Row], configs: Mapping[str, Any]) -> str:
    """The page; `configs` are pipelines to show at its end, by title."""
    title = f"{document['drives']} drives replayed"
    parts = [
        head(title, sentence(document) + ".", _tiles(document, rows)),
        warnings(_warnings(rows)),
        f'<div class="charts">{"".join(_figures(rows))}</div>',
        _quantiles(document["quantiles"]),
        f"<section><h2>The worst</h2>{_table(worst_of(rows), why=True)}</section>",
        _all(rows),
        configuration(configs) if configs else "",
    ]
    return page(title, parts, _STYLE)


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
    table = f'<div class="scroll"><table><tr><th>of a drive</th>{top}</tr>{body}</table></div>'
    return f"<section><h2>Over the drives</h2>{table}</section>"


def _table(rows: Sequence[Row], *, why: bool = False) -> str:
    golden = any(row.lost is not None for row in rows)
    heads = ["drive", "frames", "fps", "p50 ms", "p95 ms", "p99 ms", *(("lost", "new", "moved") if golden else ())]
    top = "".join(f"<th>{name}</th>" for name in heads) + ("<th></th>" if why else "")
    body = ""
    for row in rows:
        cells = [_count(row.frames), number(row.fps)]
        cells += [number(value) for value in (row.latency_p50_ms, row.latency_p95_ms, row.latency_p99_ms)]
        cells += [_count(value) for value in (row.lost, row.new, row.moved)] if golden else []
        told = f'<td class="why">{escape(row.why)}</td>' if why else ""
        bad = ' class="bad"' if row.error is not None or row.broken else ""
        shown = "".join(f"<td>{cell}</td>" for cell in cells)
        body += f'<tr{bad}><th title="{escape(row.drive)}">{escape(row.name)}</th>{shown}{told}</tr>'
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def _all(rows: Sequence[Row]) -> str:
    if len(rows) == len(worst_of(rows)):
        return ""
    table = _table(rows)
    if len(rows) > FOLDED:
        table = f"<details><summary>all {len(rows)} drives</summary>{table}</details>"
    return f"<section><h2>Every drive</h2>{table}</section>"
