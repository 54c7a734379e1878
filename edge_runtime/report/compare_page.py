"""A replay beside its golden as one HTML page: the verdict in words, the tables, the worst frames side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

from edge_runtime.config.words import either
from edge_runtime.core import FrameKey
from edge_runtime.evaluate.boxes_compared import CLASS, MATCHED, MOVED, STATE, FrameBoxes, FrameDifference, told
from edge_runtime.evaluate.compare import Comparison
from edge_runtime.evaluate.compare_checks import Times
from edge_runtime.evaluate.settings_compared import Change
from edge_runtime.sinks.draw import Image

from .box_picture import STYLE, around, rect, stored_picture, window
from .compare import verdict
from .compare_tables import TABLE_STYLE, counts_section, settings_section
from .page import head, page, warnings
from .terminal import clock_text

MOST_FRAMES, MOST_CLOSE, QUALITY = 6, 10, 80
LOST, NEW, SAME, FLIP = "lost", "new", "same", "flip"
SORT = {MATCHED: SAME, MOVED: MOVED, STATE: FLIP, CLASS: FLIP}
WORDS = {
    SAME: "in both",
    LOST: "lost",
    NEW: "new",
    MOVED: "moved",
    FLIP: "another class or state",
}
STATES = {True: ("held", "held"), False: ("broken", "not held"), None: ("aside", "not judged")}


def worth_seeing(comparison: Comparison) -> list[FrameKey]:
    """The frames of which the page shows the pictures."""
    return [found.key for found in _worst(comparison)]


def _worst(comparison: Comparison) -> list[FrameDifference]:
    """The worst frames of the worst seconds, among them one of each camera that changed."""
    first = {found.key[0]: found for found in reversed(comparison.worst)}
    others = [found for found in comparison.worst if found is not first[found.key[0]]]
    return [*sorted(first.values(), key=lambda found: -found.score), *others][:MOST_FRAMES]


def compare_page(
    comparison: Comparison,
    title: str,
    beside: str,
    pictures: Mapping[FrameKey, Image],
    changes: Sequence[Change] | None = None,
) -> str:
    """`title` is the drive's name, `beside` the golden's, `pictures` those of `worth_seeing` that were recorded."""
    shown = sorted(_worst(comparison), key=lambda found: found.t_s)
    several = len(comparison.cameras) > 1
    parts = [
        head(f"{title} beside {beside}", _lead(comparison), _tiles(comparison)),
        f'<p class="verdict {"broken" if comparison.broken else "held"}">{escape(verdict(comparison))}</p>',
        settings_section(changes),
        _checks(comparison),
        counts_section(comparison.document()) if comparison.counts else "",
        _seconds(comparison),
        _decision(comparison),
        _times(comparison),
        _frames(shown, pictures, several),
    ]
    return page(f"{title} · replay", parts, _STYLE)


def _lead(comparison: Comparison) -> str:
    tolerances, cameras = comparison.tolerances, comparison.cameras
    of = f" of {either(cameras, 'and')}" if len(cameras) > 1 else ""
    return (
        f"Boxes of the stage {comparison.stage}, in {comparison.frames['both']} frames{of}. Two of one class are the "
        f"same object from IoU {tolerances.iou:g} on, and have moved below {tolerances.moved_below_iou:g}."
    )


def _tiles(comparison: Comparison) -> list[tuple[str, str, str]]:
    golden, flips = comparison.total("golden"), comparison.total("class_flips") + comparison.total("state_flips")
    share = f"{100 * comparison.total('matched') / golden:.1f} % of the golden's" if golden else ""
    breaks = comparison.total("breaks")
    return [
        ("boxes found again", f"{comparison.total('matched')}", share),
        ("lost", f"{comparison.total('lost')}", f"of {golden}"),
        ("new", f"{comparison.total('new')}", f"{comparison.total('now')} boxes now"),
        (
            "moved, or otherwise changed",
            f"{comparison.total('moved') + flips}",
            f"{flips} of another class or state, {breaks} track breaks",
        ),
    ]


def _checks(comparison: Comparison) -> str:
    rows = ""
    for check in sorted(comparison.checks, key=lambda one: {False: 0, True: 1, None: 2}[one.held]):
        sort, word = STATES[check.held]
        rows += f'<tr><th>{escape(check.name)}</th><td class="{sort}">{word}</td><td>{escape(check.told)}</td></tr>'
    return f'<section class="checks"><h2>Conditions</h2><div class="scroll"><table>{rows}</table></div></section>'


def _seconds(comparison: Comparison) -> str:
    """Lost boxes upwards, new ones downwards, over the seconds of the drive."""
    seconds = comparison.by_second
    changed = [max(one.get("lost", 0), one.get("new", 0)) for one in seconds.values()]
    if len(seconds) < 2 or not max(changed):
        return ""
    last, most = max(seconds), max(changed)
    bar, bars = 1000 / (last + 1), ""
    for second, counts in seconds.items():
        lost, new = counts.get("lost", 0), counts.get("new", 0)
        tall, deep = 60 * lost / most, 60 * new / most
        x, wide = second * bar, max(bar - 1.5, 0.8)
        note = f"<title>{clock_text(second)}: {lost} lost, {new} new</title>"
        bars += (
            f'<g>{note}<rect class="lost" x="{x:.1f}" y="{66 - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
            f'<rect class="new" x="{x:.1f}" y="66" width="{wide:.1f}" height="{deep:.1f}"/></g>'
        )
    axis = '<line x1="0" x2="1000" y1="66" y2="66" class="grid"/>'
    keys = (
        f'<ul class="keys"><li><i class="lost"></i>lost</li><li><i class="new"></i>new</li>'
        f"<li>at most {most} a second</li></ul>"
    )
    svg = (
        '<svg viewBox="0 0 1000 132" preserveAspectRatio="none" role="img" aria-label="lost and new boxes by second">'
        f"{axis}{bars}</svg>"
    )
    ends = f'<p class="ends"><span>{clock_text(0)}</span><span>{clock_text(last + 1)}</span></p>'
    return f'<section class="seconds"><h2>Where in the drive</h2><figure>{keys}{svg}{ends}</figure></section>'


def _decision(comparison: Comparison) -> str:
    first = comparison.decisions.first
    if first is None:
        return ""
    rows = "".join(
        f"<tr><th>{word}</th><td>{escape(str(one['point']))}</td><td>{escape(str(one['reason']))}</td></tr>"
        for word, one in (("golden", first["golden"]), ("now", first["now"]))
    )
    inputs = first["inputs"]
    block = ""
    if inputs:
        text = escape(json.dumps(inputs, indent=2, ensure_ascii=False))
        block = f"<details><summary>What the governor was told</summary><pre>{text}</pre></details>"
    return (
        f"<section class='checks'><h2>The first decision that differs, number {first['n']}</h2>"
        f'<div class="scroll"><table>{rows}</table></div><br>{block}</section>'
    )


def _times(comparison: Comparison) -> str:
    golden, now = comparison.golden_times, comparison.now_times
    if golden is None or now is None:
        return ""
    rows = "".join(_time_row(word, times) for word, times in (("golden", golden), ("now", now)))
    heads = "<tr><th></th><th>latency p50</th><th>p95</th><th>p99</th><th>frames a second</th></tr>"
    return f'<section><h2>Times</h2><div class="scroll"><table>{heads}{rows}</table></div></section>'


def _time_row(word: str, times: Times) -> str:
    values = [(times.p50_ms, " ms"), (times.p95_ms, " ms"), (times.p99_ms, " ms"), (times.fps, "")]
    cells = "".join(f"<td>{'–' if value is None else f'{value:.1f}{unit}'}</td>" for value, unit in values)
    return f"<tr><th>{word}</th>{cells}</tr>"


def _frames(shown: Sequence[FrameDifference], pictures: Mapping[FrameKey, Image], several: bool) -> str:
    if not shown:
        return ""
    keys = "".join(
        f'<li><svg viewBox="0 0 26 16">{rect((2, 2, 24, 14), sort)}</svg>{text}</li>' for sort, text in WORDS.items()
    )
    seen = "".join(_frame(found, pictures[found.key], several) for found in shown if found.key in pictures)
    absent = sum(found.key not in pictures for found in shown)
    note = warnings([f"{absent} of the worst frames have no recorded picture"]) if absent else ""
    return f'<section><h2>The worst frames</h2><ul class="keys boxes">{keys}</ul>{note}</section>{seen}'


def _frame(found: FrameDifference, image: Image, several: bool) -> str:
    """The picture as it was seen then and as it is now, and below it everything that differs, closely."""
    camera, frame_id = found.key
    key, size = f"f{frame_id}-{camera}" if several else f"f{frame_id}", (image.shape[1], image.shape[0])
    then = dict.fromkeys(found.lost, LOST) | {pair.golden: SORT[pair.change] for pair in found.pairs}
    now = dict.fromkeys(found.new, NEW) | {pair.now: SORT[pair.change] for pair in found.pairs}
    panels = _panel("golden", found.golden, then, key, size) + _panel("now", found.now, now, key, size)
    flips = [pair for pair in found.pairs if SORT[pair.change] == FLIP]
    rows = (
        _close("Lost", [(found.golden, row, "") for row in found.lost], LOST, key, size)
        + _close("New", [(found.now, row, "") for row in found.new], NEW, key, size)
        + _close(
            "Another class or state",
            [(found.now, pair.now, f"was {_named(found.golden, pair.golden)}") for pair in flips],
            FLIP,
            key,
            size,
        )
    )
    title = f"{clock_text(found.t_s)}, {f'{camera}, ' if several else ''}frame {frame_id}"
    body = f'<div class="panels">{panels}</div><div class="rows">{rows}</div>'
    return f"<section><h3>{title}</h3>{stored_picture(key, image, QUALITY)}{body}</section>"


def _panel(side: str, boxes: FrameBoxes, sorts: Mapping[int, str], key: str, size: tuple[int, int]) -> str:
    order = (SAME, MOVED, FLIP, NEW, LOST)  # what matters most lies on top
    rows = sorted(sorts, key=lambda row: order.index(sorts[row]))
    drawn = [rect(boxes.xyxy[row], sorts[row], told(boxes, row)) for row in rows]
    counts = {WORDS[sort]: sum(one == sort for one in sorts.values()) for sort in order[1:]}
    number = "1 box" if len(boxes) == 1 else f"{len(boxes)} boxes"
    caption = ", ".join([number, *(f"{count} {word}" for word, count in counts.items() if count)])
    view = (0.0, 0.0, float(size[0]), float(size[1]))
    return f"<figure>{window(view, key, drawn)}<figcaption>{side}<small>{caption}</small></figcaption></figure>"


def _close(
    title: str, chosen: Sequence[tuple[FrameBoxes, int, str]], sort: str, key: str, size: tuple[int, int]
) -> str:
    """Boxes each through a window of its own, the surest first."""
    if not chosen:
        return ""
    ranked = sorted(chosen, key=lambda one: -one[0].confidence[one[1]])[:MOST_CLOSE]
    cards = "".join(
        f"<figure>{window(around(boxes.xyxy[row], size), key, [rect(boxes.xyxy[row], sort, told(boxes, row))])}"
        f"<figcaption>{escape(_named(boxes, row))} {boxes.confidence[row]:.2f}"
        f"<small>{escape(note) or f'{boxes.height_px[row]:.0f} px high'}</small></figcaption></figure>"
        for boxes, row, note in ranked
    )
    more = f" <small>the surest {MOST_CLOSE} of {len(chosen)}</small>" if len(chosen) > MOST_CLOSE else ""
    return f'<div><h4>{title}{more}</h4><div class="close">{cards}</div></div>'


def _named(boxes: FrameBoxes, row: int) -> str:
    return f"{boxes.name[row]} ({boxes.state[row]})" if boxes.state[row] else boxes.name[row]


_STYLE = (
    STYLE
    + TABLE_STYLE
    + """
.verdict{margin:18px 0 0;padding:12px 16px;border-radius:10px;background:var(--paper);border:1px solid var(--line);
border-left:6px solid var(--good);font-size:17px;font-weight:600}.verdict.broken{border-left-color:var(--bad)}
.checks td{text-align:left;white-space:normal}.checks td.held{color:var(--good)}.checks td.aside{color:var(--dim)}
.checks td.broken{color:var(--bad);font-weight:600}.checks td:nth-child(2){white-space:nowrap}
.checks tr:first-child th{color:inherit;font-size:inherit;font-weight:500}
.seconds figure{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.seconds .lost{fill:#e8532b;background:#e8532b}.seconds .new{fill:#f0a800;background:#f0a800}
.seconds g{stroke:none}.seconds svg{height:132px;margin-top:10px}.seconds .keys{margin:0}
.ends{display:flex;justify-content:space-between;margin:6px 0 0;color:var(--dim);font-size:12.5px}
.keys i{width:14px;height:10px;border-radius:2px;flex:none}
.seen .lost,.boxes .lost{stroke:#ff5a36;stroke-width:2.5}.seen .new,.boxes .new{stroke:#ffb000;stroke-width:2.5}
.seen .moved,.boxes .moved{stroke:#56b4e9;stroke-width:2;stroke-dasharray:5 3}
.seen .flip,.boxes .flip{stroke:#ff4fa3;stroke-width:2.5}
"""
)
