"""A run as one HTML page that needs nothing else: no network, no library, light and dark, on a phone and on paper."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import yaml

from .chart import Series, band_chart
from .run_look import SCRIPT, STYLE
from .run_panels import panels, point_order
from .run_words import account, budget_limit, budget_name, budget_sentence, held_share, verdict, when
from .story import RunStory, Stretch
from .time_chart import Panel, lanes_html, panel_html, thinned, time_text

_MARKS = {"held": "✓", "broken": "✗", "unsure": "?", "unjudged": "?"}
# Longer lists are cut: what follows has been said before.
_MOST_ROWS = 200
_UNFOLDED = 12
_PARTS = {"preprocess": "preprocessing", "": "network", "decode": "decoding"}
_WAITING = ("source", "queue")


def run_page(story: RunStory) -> str:
    """The page as text, to be written to a file."""
    shown = panels(story)
    parts = [
        _head(story),
        _budgets(story),
        _timeline(story, shown),
        _cameras(story),
        _stills(story),
        '<div class="pair">',
        _frames(story),
        _stages(story),
        "</div>",
        _recall(story.evaluation),
        _alarms(story),
        _events(story),
        _decisions(story),
        _notices(story),
        _configuration(story),
    ]
    data = json.dumps(_series(story, shown), separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';"
        " script-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(story.name)} · run</title>\n<style>{STYLE}</style></head>\n"
        f'<body><main>{"".join(parts)}</main>\n<script type="application/json" id="series">{data}</script>\n'
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _head(story: RunStory) -> str:
    said = verdict(story)
    latency, power = story.latency_ms, story.power_w
    tiles = [
        (_number(story.fps), "frames a second", f"slowest of {len(story.cameras)} cameras" if story.several else ""),
        (_number(latency.get("p50")), "ms latency", f"p99 {_number(latency.get('p99'))} ms"),
        (
            str(story.frames.get("published", "–")),
            "frames published",
            f"of {story.frames.get('captured', '–')} captured",
        ),
    ]
    if power is not None:
        tiles.append((_number(power.get("mean")), "W on average", f"highest second {_number(power.get('max'))} W"))
    if story.points:
        points = len({one.name for one in story.points})
        tiles.append((str(story.changes), f"{_changes(story)} of the operating point", f"{points} in use"))
    shown = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(label)}</span><small>{escape(more)}</small></div>"
        for value, label, more in tiles
    )
    sentence = escape(said.sentence[:1].upper() + said.sentence[1:])
    return (
        f'<header><p class="over">Run of {escape(time_text(story.seconds))} · {escape(story.origin)}</p>'
        f"<h1>{escape(story.name)}</h1>"
        f'<p class="verdict {said.state}"><i>{_MARKS[said.state]}</i><span>{sentence}.</span></p>'
        f'<div class="tiles">{shown}</div></header>'
    )


def _budgets(story: RunStory) -> str:
    cards = "".join(
        f'<div class="budget {one.state}"><h3><i>{_MARKS[one.state]}</i> {escape(budget_name(name).capitalize())}</h3>'
        f"<b>{held_share(one)}</b><span>{escape(budget_limit(name, one.limit))}</span>"
        f'<div class="meter"><i style="width:{100 * one.held / one.windows if one.windows else 0:.1f}%"></i></div>'
        f"<small>{escape(budget_sentence(one))}</small></div>"
        for name, one in story.budgets.items()
    )
    return f'<section><h2>Budgets</h2><div class="budgets">{cards}</div></section>' if cards else ""


def _changes(story: RunStory) -> str:
    return "change" if story.changes == 1 else "changes"


def _timeline(story: RunStory, shown: Sequence[Panel]) -> str:
    """All charts over one time axis, and a slider that reads them at a second."""
    if not shown:
        return ""
    marks, series, charts = story.violations(), 0, []
    for panel in shown:
        broken = story.violations(panel.budget) if panel.budget else []
        charts.append(panel_html(panel, story.span_s, broken, series))
        series += len(panel.lines)
    if story.points:
        lanes = lanes_html(story.points, point_order(story), story.span_s, marks)
        charts.append(
            f'<figure class="panel"><figcaption><h3>Operating point <small>{story.changes} {_changes(story)}</small>'
            f"</h3></figcaption>{lanes}</figure>"
        )
    lead = '<p class="key"><i class="broken"></i> the budget was not held in these seconds</p>' if marks else ""
    scrub = (
        f'<div class="scrub" hidden><output></output><input type="range" min="0" max="{story.span_s:.1f}" step="0.2"'
        ' aria-label="Second of the run"></div>'
    )
    return f'<section><h2>Over time</h2>{lead}{scrub}<div class="panels">{"".join(charts)}</div></section>'


def _series(story: RunStory, shown: Sequence[Panel]) -> dict[str, Any]:
    """What the script looks up: every line of every panel, the points and the alarms."""

    def stretches(found: Sequence[Stretch]) -> list[list[Any]]:
        return [[round(one.begin_s, 1), round(one.end_s, 1), one.name, one.reason] for one in found]

    first = next(iter(story.violations()), None)
    return {
        "span": story.span_s,
        "at": story.span_s / 2 if first is None else first.end_s,
        "lines": [
            [[round(t_s, 1), None if value is None else round(value, 2)] for t_s, value in thinned(line.points)]
            for panel in shown
            for line in panel.lines
        ],
        "points": stretches(story.points),
        "broken": [
            [round(one.begin_s, 1), round(one.end_s, 1), ", ".join(map(budget_name, one.name.split(", ")))]
            for one in story.violations()
        ],
    }


def _cameras(story: RunStory) -> str:
    """A row for each of several cameras, and the error of one that ended before the run did."""
    if not story.several:
        return ""
    met = [name for one in story.cameras.values() for name, count in one.frames.items() if count]
    fates = list(dict.fromkeys(("captured", "published", *met)))
    columns = ("fps", "p50 ms", "p99 ms", *fates, "outages")
    wide = {name: ' class="wide"' if name in ("p50 ms", "captured") else "" for name in columns}
    rows = f"<tr><th></th>{''.join(f'<th{wide[name]}>{escape(name)}</th>' for name in columns)}</tr>"
    for name, one in story.cameras.items():
        times = [_number(one.fps), *(_number(one.latency_ms.get(q)) for q in ("p50", "p99"))]
        away = f" <small>of up to {one.longest_s:.1f} s</small>" if one.outages and one.longest_s else ""
        values = [*times, *(str(one.frames.get(fate, 0)) for fate in fates), f"{one.outages or '–'}{away}"]
        cells = "".join(f"<td{wide[column]}>{value}</td>" for column, value in zip(columns, values, strict=True))
        rows += f"<tr><th>{escape(name)}</th>{cells}</tr>"
    ended = "".join(
        f"<p><b>{escape(name)}</b> ended early: {escape(one.error)}</p>"
        for name, one in story.cameras.items()
        if one.error is not None
    )
    card = f'<div class="card scroll"><table>{rows}</table></div>{f"<div class=ended>{ended}</div>" if ended else ""}'
    return f'<section class="cameras"><h2>Cameras</h2>{card}</section>'


def _stills(story: RunStory) -> str:
    cards = "".join(
        f'<figure><label><input type="checkbox" aria-label="larger"><img alt="{escape(one.title)}"'
        f' src="data:image/jpeg;base64,{b64encode(one.jpeg).decode()}"></label>'
        f"<figcaption>{escape(one.title)}<small>{escape(one.told)}</small></figcaption></figure>"
        for one in story.stills
    )
    return f'<section><h2>Frames</h2><div class="stills">{cards}</div></section>' if cards else ""


def _frames(story: RunStory) -> str:
    frames = {name: count for name, count in story.frames.items() if name != "captured"}
    if not frames:
        return ""
    whole = sum(frames.values()) or 1
    bar = "".join(
        f'<i class="f{look}" style="flex:{count}" title="{count} {escape(name)}"></i>'
        for look, (name, count) in enumerate(frames.items())
        if count
    )
    rows = "".join(
        f'<tr><th><i class="f{look}"></i>{escape(name)}</th><td>{count}</td><td>{100 * count / whole:.1f} %</td></tr>'
        for look, (name, count) in enumerate(frames.items())
    )
    failures = "".join(f"<li>{count} × {escape(reason)}</li>" for reason, count in story.failures.items())
    return (
        f'<section><h2>What became of every frame</h2><div class="card"><div class="bar">{bar}</div>'
        f"<table>{rows}</table><p>{escape(account(story.frames))}</p>"
        f"{f'<ul class=plain>{failures}</ul>' if failures else ''}</div></section>"
    )


def _stages(story: RunStory) -> str:
    """The median of each stage as a bar, its p99 as a line behind it."""
    rows = {name: spread for name, spread in story.stage_ms.items() if spread.get("p99")}
    if not rows:
        return ""
    most = max(spread.get("p99") or spread["p50"] or 0.0 for spread in rows.values()) or 1.0
    networks = {str(stage.get("name")) for stage in story.config.get("stages") or () if stage.get("model")}
    shown = []
    for name, spread in rows.items():
        p50, p99 = spread["p50"] or 0.0, spread.get("p99") or spread["p50"] or 0.0
        stage, _, part = name.partition(".")
        kind = "waits" if name in _WAITING else "host" if part or name not in networks else "network"
        told = f"{escape(stage)} <small>{_PARTS[part]}</small>"
        label = told if stage in networks and part in _PARTS else escape(name)
        shown.append(
            f'<tr class="{kind}"><th>{label}</th><td class="time">'
            f'<i class="p99" style="width:{100 * p99 / most:.1f}%"></i>'
            f'<i class="p50" style="width:{100 * p50 / most:.1f}%"></i></td><td>{p50:.2f}</td><td>{p99:.2f}</td></tr>'
        )
    head = "<tr><th>stage</th><th></th><th>p50 ms</th><th>p99 ms</th></tr>"
    return (
        f'<section><h2>Time of the stages</h2><div class="card"><table class="stages">{head}{"".join(shown)}</table>'
        "<p>Stages overlap: while one frame is in the networks, the one before it is decoded and the next is read.</p>"
        "</div></section>"
    )


def _recall(document: Mapping[str, Any] | None) -> str:
    """Of everything and of the groups or classes, from the first distance with an object to the last."""
    if document is None:
        return ""
    split = document.get("by_group") or document.get("by_class") or {}
    rows = {"all": document["recall_by_distance"]}
    rows |= {name: one["recall_by_distance"] for name, one in list(split.items())[:5] if one.get("recall_by_distance")}
    first = rows["all"]
    used = [place for place, band in enumerate(first) if band["count"]]
    if not used:
        return ""
    places = range(used[0], used[-1] + 1)
    series = [
        Series(name, [one[place]["recall"] for place in places], look) for look, (name, one) in enumerate(rows.items())
    ]
    end = first[places[-1]]["to_m"]
    edges = [*(f"{first[place]['from_m']:g}" for place in places), "" if end is None else f"{end:g}"]
    chart = band_chart(series, edges, "recall", "distance in metres")
    return f'<section class="recall"><h2>Recall over distance</h2><div class="card">{chart}</div></section>'


def _alarms(story: RunStory) -> str:
    rows = "".join(
        f"<tr><td>{when(one.begin_s, one.end_s)}</td><td>{escape(one.name)}</td></tr>"
        for one in story.alarms[:_MOST_ROWS]
    )
    if not rows:
        return ""
    opened = " open" if len(story.alarms) <= _UNFOLDED else ""
    summary = f"<summary>{len(story.alarms)} times, one after another</summary>"
    table = f'<div class="scroll"><table class="list">{rows}</table></div>'
    return f"<section><h2>Alarms</h2><details{opened}>{summary}{table}</details></section>"


def _events(story: RunStory) -> str:
    rows = "".join(
        f'<tr class="{"serious" if one.serious else "usual"}"><td>{when(one.t_s, one.t_s)}</td>'
        f"<td><b>{escape(one.name)}</b> {escape(one.message)}</td></tr>"
        for one in story.events[:_MOST_ROWS]
    )
    if not rows:
        return ""
    left = len(story.events) - _MOST_ROWS
    more = f"<p>and {left} more in the recording's topic /log</p>" if left > 0 else ""
    opened = " open" if len(story.events) <= _UNFOLDED else ""
    summary = f"<summary>{len(story.events)} logged</summary>"
    table = f'<div class="scroll"><table class="list">{rows}</table></div>{more}'
    return f"<section><h2>Events</h2><details{opened}>{summary}{table}</details></section>"


def _decisions(story: RunStory) -> str:
    if not story.points:
        return ""
    rows = "".join(
        f"<tr><td>{when(one.begin_s, one.end_s)}</td><td><b>{escape(one.name)}</b></td>"
        f"<td>{escape(one.reason.removeprefix(f'{one.name}: '))}</td></tr>"
        for one in story.points[:_MOST_ROWS]
    )
    left = len(story.points) - _MOST_ROWS
    more = f"<p>and {left} more</p>" if left > 0 else ""
    head = "<tr><th>when</th><th>point</th><th>why it was chosen</th></tr>"
    opened = " open" if len(story.points) <= _UNFOLDED else ""
    return (
        f"<section><h2>Decisions</h2><details{opened}>"
        f"<summary>{len(story.points)} stretches at one point each</summary>"
        f'<div class="scroll"><table class="list">{head}{rows}</table></div>{more}</details></section>'
    )


def _notices(story: RunStory) -> str:
    dropped = [
        f"sink {name}: {one['dropped']} results dropped{', it ended: ' + str(one['error']) if one.get('error') else ''}"
        for name, one in story.sinks.items()
        if one.get("dropped") or one.get("error")
    ]
    said = "".join(f"<li>{_prose(text)}</li>" for text in [*story.warnings, *dropped])
    gaps = "".join(f"<li>{_prose(text)}</li>" for text in story.gaps)
    warnings = f'<section><h2>What the run warned of</h2><ul class="notes warn">{said}</ul></section>' if said else ""
    missing = f'<section><h2>What is not in this report</h2><ul class="notes">{gaps}</ul></section>' if gaps else ""
    return warnings + missing


def _prose(text: str) -> str:
    """What is to be typed stands between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _configuration(story: RunStory) -> str:
    facts = {**story.versions, **{f"model {name}": on for name, on in story.backends.items()}}
    facts |= {f"file of model {name}": f"SHA-256 {digest}" for name, digest in story.models.items()}
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    versions = (
        f'<details><summary>Versions and networks</summary><table class="list">{rows}</table></details>' if rows else ""
    )
    text = yaml.safe_dump(dict(story.config), sort_keys=False, allow_unicode=True)
    config = f"<details><summary>Configuration</summary><pre>{escape(text)}</pre></details>" if story.config else ""
    return f"<section><h2>What ran</h2>{versions}{config}</section>" if versions or config else ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
