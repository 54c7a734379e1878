"""Lines over the time of a run: as panels of a page that fit any width, and as one picture that stands alone.

A panel's curves are an SVG stretched to the panel, its labels are HTML beside it, so that text keeps its size on a
phone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .chart import COLOURS, DASHES
from .story import Stretch

# More points than a screen has columns are thinned out to the extremes of each column.
_COLUMNS = 600
_ROOM_ABOVE = 1.08


@dataclass(frozen=True, slots=True)
class Line:
    """Values over seconds, None where unknown. A `limit` is a bound that another line is held against."""

    name: str
    points: Sequence[tuple[float, float | None]]
    look: int = 0
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines that share a unit; `from_zero` where half as high shall mean half as much.

    `budget` is the key of the budget that the lines are held against, if there is one.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    from_zero: bool = True
    digits: int = 1
    budget: str = ""

    @property
    def range(self) -> tuple[float, float]:
        """What the axis shows; a limit far above everything does not flatten what there is to see."""
        values = [value for line in self.lines for _, value in line.points if value is not None and not line.limit]
        if not values:
            return 0.0, 1.0
        limits = [value for line in self.lines if line.limit for _, value in line.points if value is not None]
        high = max(values)
        high = max([high, *(limit for limit in limits if limit <= 2.5 * high)])
        if self.from_zero:
            return 0.0, high * _ROOM_ABOVE or 1.0
        low = min(values)
        room = max(2.0, 0.1 * (high - low))
        return low - room, high + room


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values from `low` to `high`, at most so many: steps of 1, 2 or 5 times a power of ten."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(span_s: float, most: int = 6) -> list[float]:
    """Seconds at which a clock shows something round."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    step = next((step for step in steps if span_s / step <= most), steps[-1])
    return [float(second) for second in range(0, int(span_s) + 1, step)]


def time_text(seconds: float) -> str:
    """0:05, 12:05, or 1:12:05 from an hour on."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def thinned(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """The lowest and the highest value of each column, in their order."""
    if len(points) <= 2 * _COLUMNS:
        return list(points)
    kept: list[tuple[float, float | None]] = []
    size = math.ceil(len(points) / _COLUMNS)
    for first in range(0, len(points), size):
        column = points[first : first + size]
        known = [place for place, (_, value) in enumerate(column) if value is not None]
        ends = (
            {min(known, key=lambda i: column[i][1] or 0.0), max(known, key=lambda i: column[i][1] or 0.0)}
            if known
            else {0}
        )
        kept += [column[place] for place in sorted(ends)]
    return kept


def panel_html(panel: Panel, span_s: float, marks: Sequence[Stretch], first_series: int) -> str:
    """A panel of a page; its lines are the page's series from `first_series` on, which a script may look up."""
    low, high = panel.range
    curves = "".join(_curve(line, span_s, low, high, 0.0, 0.0, 1000.0, 100.0) for line in panel.lines)
    grid = "".join(
        f'<i class="rule" style="bottom:{_percent(tick, low, high)}"><span>{tick:g}</span></i>'
        for tick in ticks(low, high)
    )
    keys = "".join(
        f'<li class="{_classes(line)}"><svg viewBox="0 0 26 10" aria-hidden="true">'
        f'<path d="M0 5h26"{_dash(line)}/></svg>{escape(line.name)} '
        f'<b data-series="{first_series + place}" data-digits="{panel.digits}"></b></li>'
        for place, line in enumerate(panel.lines)
    )
    told = escape(f"{panel.title} over time, in {panel.unit}")
    return (
        f'<figure class="panel"><figcaption><h3>{escape(panel.title)} <small>{escape(panel.unit)}</small></h3>'
        f'<ul>{keys}</ul></figcaption><div class="area">{grid}{_marks(marks, span_s)}'
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{told}">{curves}</svg>'
        f'<i class="now"></i></div>{clock_axis(span_s)}</figure>'
    )


def clock_axis(span_s: float) -> str:
    shown = "".join(
        f'<span style="left:{100 * tick / span_s:.2f}%">{time_text(tick)}</span>' for tick in time_ticks(span_s)
    )
    return f'<div class="clock" aria-hidden="true">{shown}</div>'


def lanes_html(points: Sequence[Stretch], order: Sequence[str], span_s: float, marks: Sequence[Stretch]) -> str:
    """One lane for each operating point, most demanding on top, and in it when it ran."""
    lanes = "".join(
        f'<div class="lane"><span>{escape(name)}</span>'
        + "".join(
            f'<i style="left:{100 * one.begin_s / span_s:.3f}%;width:{100 * (one.end_s - one.begin_s) / span_s:.3f}%"'
            f' title="{time_text(one.begin_s)} to {time_text(one.end_s)}: {escape(one.reason, quote=True)}"></i>'
            for one in points
            if one.name == name
        )
        + "</div>"
        for name in order
    )
    return f'<div class="area lanes">{_marks(marks, span_s)}{lanes}<i class="now"></i></div>{clock_axis(span_s)}'


def plot_svg(
    title: str, panels: Sequence[Panel], points: Sequence[Stretch], order: Sequence[str], span_s: float
) -> str:
    """The panels below each other and the operating points under them, as a file of its own: light and dark."""
    width, right, high_px, gap = 860.0, 16.0, 130.0, 46.0
    left = max(48.0, 20.0 + 6.8 * max(map(len, order), default=0))
    inner, top = width - left - right, 54.0
    parts = [f'<text x="{left}" y="24" class="title">{escape(title)}</text>']
    for panel in panels:
        low, high = panel.range
        parts.append(f'<text x="{left}" y="{top - 8}" class="head">{escape(panel.title)}, {escape(panel.unit)}</text>')
        parts += _plot_keys(panel, width - right, top - 8)
        for tick in ticks(low, high, 4):
            y = top + high_px * (1.0 - (tick - low) / (high - low))
            parts.append(f'<path d="M{left} {y:.1f}h{inner}" class="rule"/>')
            parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" class="end">{tick:g}</text>')
        parts += [_curve(line, span_s, low, high, left, top, inner, high_px) for line in panel.lines]
        top += high_px + gap
    if order:
        parts.append(f'<text x="{left}" y="{top - 8}" class="head">Operating point</text>')
        for place, name in enumerate(order):
            y = top + 20.0 * place
            parts.append(f'<path d="M{left} {y + 19:.1f}h{inner}" class="rule"/>')
            for one in (one for one in points if one.name == name):
                x, wide = left + inner * one.begin_s / span_s, inner * (one.end_s - one.begin_s) / span_s
                parts.append(
                    f'<rect x="{x:.1f}" y="{y + 3:.1f}" width="{max(wide, 1):.1f}" height="13" rx="2" class="ran"/>'
                )
            parts.append(f'<text x="{left - 8}" y="{y + 14:.1f}" class="end">{escape(name)}</text>')
        top += 20.0 * len(order) + gap
    bottom = top - gap + 20.0
    for tick in time_ticks(span_s, 8):
        parts.append(f'<text x="{left + inner * tick / span_s:.1f}" y="{bottom}" class="tick">{time_text(tick)}</text>')
    size = f'viewBox="0 0 {width:g} {bottom + 14:g}" width="{width:g}" height="{bottom + 14:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title, quote=True)}">'
        f'<style>{_PLOT_STYLE}</style><rect width="100%" height="100%" rx="8" class="paper"/>{"".join(parts)}</svg>\n'
    )


def _plot_keys(panel: Panel, right: float, y: float) -> Iterator[str]:
    """The names of the lines at the right edge, last to first."""
    for line in reversed(panel.lines):
        yield f'<text x="{right:.1f}" y="{y}" class="end">{escape(line.name)}</text>'
        right -= 6.6 * len(line.name) + 8
        yield f'<g class="{_classes(line)}"><path d="M{right - 24:.1f} {y - 4}h24"{_dash(line)} class="line"/></g>'
        right -= 24 + 16


def _curve(
    line: Line, span_s: float, low: float, high: float, left: float, top: float, width: float, height: float
) -> str:
    """The line, broken where a value is unknown; one value alone is a dot."""
    runs: list[list[str]] = [[]]
    for t_s, value in thinned(line.points):
        if value is None:
            runs.append([])
            continue
        share = min(1.05, max(-0.05, (value - low) / (high - low)))
        runs[-1].append(f"{left + width * t_s / span_s:.1f} {top + height * (1.0 - share):.2f}")
    path = "".join(f"M{run[0]}h.1" if len(run) == 1 else f"M{'L'.join(run)}" for run in runs if run)
    return f'<g class="{_classes(line)}"><path d="{path}"{_dash(line)} class="line"/></g>'


def _classes(line: Line) -> str:
    return "limit" if line.limit else f"s{line.look % COLOURS}"


def _dash(line: Line) -> str:
    dash = "6 4" if line.limit else DASHES[line.look % len(DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def _marks(marks: Sequence[Stretch], span_s: float) -> str:
    return "".join(
        f'<i class="broken" style="left:{100 * one.begin_s / span_s:.3f}%;'
        f'width:{max(0.2, 100 * (one.end_s - one.begin_s) / span_s):.3f}%"></i>'
        for one in marks
    )


def _percent(value: float, low: float, high: float) -> str:
    return f"{100 * (value - low) / (high - low):.2f}%"


_PLOT_STYLE = """
svg{--paper:#fff;--ink:#1c2127;--dim:#68727d;--line:#e1e4e8;--bad:#b3261e;
--s0:#0072b2;--s1:#d55e00;--s2:#009e73;--s3:#b8569a;--s4:#a07800;--s5:#2f9bd6;
font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
@media(prefers-color-scheme:dark){svg{--paper:#191d22;--ink:#e4e7ea;--dim:#95a0ab;--line:#2b3138;--bad:#f28b82;
--s0:#56b4e9;--s1:#f0854a;--s2:#2fc79a;--s3:#df8fc2;--s4:#e0bd3c;--s5:#8fa8ff}}
.paper{fill:var(--paper)}text{fill:var(--dim)}.title{font-size:15px;font-weight:600;fill:var(--ink)}
.head{font-weight:600;fill:var(--ink)}.end{text-anchor:end}.tick{text-anchor:middle}.rule{stroke:var(--line)}
.line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}.limit{color:var(--bad)}
.s0{color:var(--s0)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}.s5{color:var(--s5)}
.ran{fill:var(--s0);opacity:.8}
"""
