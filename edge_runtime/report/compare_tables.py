"""Tables that a comparison of one drive and one of many have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_runtime.evaluate.settings_compared import Change

from .compare import BAD, COLUMNS
from .evaluation import band

TABLE_STYLE = """
.hit{color:var(--bad);font-weight:600}.none{color:var(--dim)}code{font:13px ui-monospace,Menlo,Consolas,monospace}
th code{white-space:normal;overflow-wrap:anywhere}.settings th:first-child{white-space:normal}
"""


def settings_section(changes: Sequence[Change] | None, drives: Mapping[str, int] | None = None) -> str:
    """What is set otherwise than in the recordings; None where that is not known.

    `drives` says of each key in how many drives it is, for those that are not the same in all.
    """
    if changes is None:
        return ""
    if not changes:
        return "<section><p>The pipeline is that of the recording.</p></section>"
    rows = ""
    for one in changes:
        of = (drives or {}).get(one.key)
        note = "" if of is None else f"<small>in {of} drive{'s' * (of != 1)}</small>"
        then, now = _value(one.then), _value(one.now)
        rows += f"<tr><th><code>{escape(one.key)}</code>{note}</th><td>{then}</td><td>{now}</td></tr>"
    table = f'<div class="scroll"><table><tr><th></th><th>recorded</th><th>now</th></tr>{rows}</table></div>'
    return f'<section class="settings"><h2>What is set otherwise</h2>{table}</section>'


def _value(value: Any) -> str:
    text = "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= 60 else f"{text[:59]}…")


def counts_section(figures: Mapping[str, Any]) -> str:
    """Golden, now, matched, lost, … by class, height, distance and camera, of a document of `replay --against`."""
    columns = {key: label for key, label in COLUMNS.items() if key not in BAD[2:] or figures[key]}
    cameras = figures["by_camera"] if len(figures["by_camera"]) > 1 else {}
    tables = [
        ("By camera", list(cameras.items())),
        ("By class", list(figures["by_class"].items())),
        ("By height", [(f"{band(row, 'px')} px", row) for row in figures["by_height_px"]]),
        ("By distance", [(f"{band(row, 'm')} m", row) for row in figures["by_distance"]]),
    ]
    heads = "".join(f"<th>{label}</th>" for label in columns.values())
    shown = ""
    for title, rows in tables:
        if not rows:
            continue
        body = "".join(
            f"<tr><th>{escape(name)}</th>{''.join(_cell(key, row[key]) for key in columns)}</tr>" for name, row in rows
        )
        shown += f'<h2>{title}</h2><div class="scroll"><table><tr><th></th>{heads}</tr>{body}</table></div>'
    return f'<section class="counts">{shown}</section>'


def _cell(key: str, count: int) -> str:
    if key not in BAD:
        return f"<td>{count}</td>"
    return f'<td class="{"hit" if count else "none"}">{count or "–"}</td>'
