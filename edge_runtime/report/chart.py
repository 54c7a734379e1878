"""Charts as SVG text: lines over bands or numbers, bars in pairs, dots. Colours come from the page's style sheet.

Series differ by colour, marker and dash, so that they can be told apart without seeing colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 38, 16, 12, 44
COLOURS = 6
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: y of 0..1 at each x, None where unknown; `notes` are shown when a point is touched.

    `look` picks colour, marker and dash, so that one name can look the same in all charts of a page.
    """

    name: str
    values: Sequence[float | None]
    look: int
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Dots:
    """Points of one kind: (x, y, name, note). `line` joins some places; with `main` they stand out and are named."""

    name: str
    points: Sequence[tuple[float, float, str, str]]
    look: int
    line: Sequence[tuple[float, float]] = ()
    main: bool = False


def band_chart(series: Sequence[Series], edges: Sequence[str], what: str, unit: str) -> str:
    """A point in the middle of each band between two edges, the bands equally wide: such as recall over distance."""
    step = (WIDTH - LEFT - RIGHT) / max(1, len(edges) - 1)
    below = HEIGHT - BOTTOM + 16
    ticks = "".join(
        f'<text x="{LEFT + step * place:.1f}" y="{below}" class="tick">{escape(edge)}</text>'
        for place, edge in enumerate(edges)
    )
    xs = [LEFT + step * (place + 0.5) for place in range(len(edges) - 1)]
    lines = "".join(_line(one, xs, marked=True) for one in series)
    return _framed(ticks + lines, what, unit) + _legend(series)


def curve_chart(series: Sequence[Series], what: str, unit: str) -> str:
    """Lines over 0..1 in equal steps, such as precision over recall."""
    inner = WIDTH - LEFT - RIGHT
    ticks = "".join(
        f'<text x="{LEFT + inner * tick / 4:.1f}" y="{HEIGHT - BOTTOM + 16}" class="tick">{tick / 4:g}</text>'
        for tick in range(5)
    )
    lines = ""
    for one in series:
        steps = max(1, len(one.values) - 1)
        lines += _line(one, [LEFT + inner * place / steps for place in range(len(one.values))], marked=False)
    return _framed(ticks + lines, what, unit) + _legend(series)


def pair_chart(rows: Sequence[tuple[str, float | None, float | None]], names: tuple[str, str]) -> str:
    """Two bars a row, such as offline and streaming AP; the longest fills the width."""
    row_px, name_px = 44, 96
    height = row_px * len(rows) + 8
    inner = WIDTH - name_px - 52
    most = max((value for _, *values in rows for value in values if value), default=1.0)
    parts = []
    for place, (label, *values) in enumerate(rows):
        top = place * row_px + 8
        parts.append(f'<text x="{name_px - 8}" y="{top + 20}" class="row">{escape(_short(label))}</text>')
        for number, value in enumerate(values):
            y = top + number * 16
            told = "–" if value is None else f"{value:.3f}"
            width = inner * (value or 0.0) / most
            parts.append(
                f'<rect x="{name_px}" y="{y}" width="{max(width, 1):.1f}" height="13" rx="2" class="s{number}">'
                f"<title>{escape(label)}, {names[number]}: {told}</title></rect>"
                f'<text x="{name_px + width + 6:.1f}" y="{y + 11}" class="value">{told}</text>'
            )
    label = escape(" and ".join(names))
    svg = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return svg + _legend([Series(name, (), look) for look, name in enumerate(names)], bars=True)


def dot_chart(groups: Sequence[Dots], what: str, unit: str) -> str:
    """Dots over two numbers, both axes from where the dots are; the last group lies on top."""
    every = [point for group in groups for point in group.points]
    across = _ticks([x for x, *_ in every])
    up = _ticks([y for _, y, *_ in every])
    inner = WIDTH - LEFT - RIGHT

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + inner * (x - across[0]) / (across[-1] - across[0]),
            _y((y - up[0]) / (up[-1] - up[0])),
        )

    axes = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place(across[0], tick)[1]:.1f}" '
        f'y2="{place(across[0], tick)[1]:.1f}" class="grid"/>'
        f'<text x="{LEFT - 6}" y="{place(across[0], tick)[1] + 4:.1f}" class="row">{tick:g}</text>'
        for tick in up
    ) + "".join(
        f'<text x="{place(tick, up[0])[0]:.1f}" y="{HEIGHT - BOTTOM + 16}" class="tick">{tick:g}</text>'
        for tick in across
    )
    drawn = names = ""
    dots = [place(x, y) for x, y, *_ in every]
    taken = [(x - 5, x + 5, y + 3.5) for x, y in dots]
    for group in groups:
        at = [place(x, y) for x, y, *_ in group.points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*corner) for corner in group.line))
        marks = "".join(
            f"<g>{_marker(group.look, x, y)}<title>{escape(name)}: {escape(note)}</title></g>"
            for (x, y), (_, _, name, note) in zip(at, group.points, strict=True)
        )
        joined = f'<polyline points="{line}"/>' if group.line else ""
        drawn += f'<g class="s{group.look % COLOURS}{"" if group.main else " faint"}">{joined}{marks}</g>'
        if group.main:
            names += "".join(
                _label(x, y, name, taken) for (x, y), (_, _, name, _) in zip(at, group.points, strict=True)
            )
    axis = f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" class="tick">{escape(unit)}</text>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(what)} over {escape(unit)}">'
        f"{axes}{drawn}{names}{axis}</svg>"
    ) + _dot_legend(groups)


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers, four to eight, from below the least to above the greatest."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1.0, 2.0, 5.0, 10.0) if span / (step * factor) <= 5.0)
    first = math.floor((low - 0.04 * span) / step)
    last = math.ceil((high + 0.04 * span) / step)
    return [round(max(place, 0) * step, 10) for place in range(first if low < 0 else max(first, 0), last + 1)]


def _label(x: float, y: float, name: str, taken: list[tuple[float, float, float]]) -> str:
    """The name beside its dot, where there is room for it: the note of the dot says it too."""
    width = 6.3 * len(name)
    for left, middle in ((x + 8, y + 3.5), (x - 8 - width, y + 3.5), (x - width / 2, y - 9), (x - width / 2, y + 16)):
        inside = left >= LEFT and left + width <= WIDTH - 2 and TOP + 6 <= middle <= HEIGHT - BOTTOM - 3
        free = all(abs(middle - other) > 10 or left > end or left + width < begin for begin, end, other in taken)
        if inside and free:
            taken.append((left, left + width, middle))
            return f'<text x="{left:.1f}" y="{middle:.1f}" class="name">{escape(name)}</text>'
    return ""


def _dot_legend(groups: Sequence[Dots]) -> str:
    keys = ""
    for group in groups:
        line = '<polyline points="0,6 24,6"/>' if group.line else ""
        mark = (
            f'<g class="s{group.look % COLOURS}{"" if group.main else " faint"}">{line}{_marker(group.look, 12, 6)}</g>'
        )
        keys += f'<li><svg class="key" viewBox="0 0 24 12">{mark}</svg>{escape(group.name)}</li>'
    return f'<ul class="keys">{keys}</ul>'


def _line(one: Series, xs: Sequence[float], *, marked: bool) -> str:
    """The line, broken where a value is unknown, and its points."""
    runs: list[list[str]] = [[]]
    points = []
    for place, (x, value) in enumerate(zip(xs, one.values, strict=True)):
        if value is None:
            runs.append([])
            continue
        y = _y(value)
        runs[-1].append(f"{x:.1f},{y:.1f}")
        if marked:
            note = one.notes[place] if one.notes else f"{value:.3f}"
            points.append(f"<g>{_marker(one.look, x, y)}<title>{escape(one.name)}: {escape(note)}</title></g>")
    lines = "".join(
        f'<polyline points="{" ".join(run)}" stroke-dasharray="{_dash(one)}"/>' for run in runs if len(run) > 1
    )
    return f'<g class="s{one.look % COLOURS}">{lines}{"".join(points)}</g>'


def _dash(one: Series) -> str:
    return DASHES[one.look % len(DASHES)]


def _marker(look: int, x: float, y: float) -> str:
    match look % 4:
        case 0:
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        case 1:
            return f'<rect x="{x - 3.6:.1f}" y="{y - 3.6:.1f}" width="7.2" height="7.2"/>'
        case 2:
            return f'<path d="M{x:.1f} {y - 5:.1f}l4.8 8.4h-9.6z"/>'
        case _:
            return f'<path d="M{x:.1f} {y - 5.2:.1f}l5.2 5.2-5.2 5.2-5.2-5.2z"/>'


def _framed(inside: str, what: str, unit: str) -> str:
    """Axes from 0 to 1 around the lines."""
    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(tick / 4):.1f}" y2="{_y(tick / 4):.1f}" class="grid"/>'
        f'<text x="{LEFT - 6}" y="{_y(tick / 4) + 4:.1f}" class="row">{tick / 4:g}</text>'
        for tick in range(5)
    )
    axis = f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" class="tick">{escape(unit)}</text>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(what)} over {escape(unit)}">'
        f"{grid}{inside}{axis}</svg>"
    )


def _legend(series: Sequence[Series], *, bars: bool = False) -> str:
    keys = []
    for one in series:
        mark = '<rect x="2" y="1" width="20" height="10" rx="2"/>' if bars else _marker(one.look, 12, 6)
        line = "" if bars else f'<polyline points="0,6 24,6" stroke-dasharray="{_dash(one)}"/>'
        key = f'<svg class="key" viewBox="0 0 24 12"><g class="s{one.look % COLOURS}">{line}{mark}</g></svg>'
        keys.append(f"<li>{key}{escape(one.name)}</li>")
    return f'<ul class="keys">{"".join(keys)}</ul>'


def _y(value: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value)


def _short(text: str, most: int = 14) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
