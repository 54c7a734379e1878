"""What pipelines find in unlabelled pictures, as one HTML page: the pictures side by side, what one adds seen closely.

Each picture is in the page once; close looks are the same picture through a smaller window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

from edge_runtime.evaluate.agreement import Agreement, Boxes, Look, Side
from edge_runtime.evaluate.matching import Flags
from edge_runtime.evaluate.placing import Image

from .box_picture import STYLE, around, rect, stored_picture, window
from .evaluation import COUNTS, band, counted
from .page import configuration, head, page, warnings

MOST_CLOSE = 12  # close looks of one sort below a picture

SAME, ADDED, GONE, TWICE = "same", "added", "gone", "twice"
WORDS = {
    SAME: "found by both",
    ADDED: "added",
    GONE: "no longer found",
    TWICE: "one object found twice",
    "region": "looked at closely",
}


def agreement_page(agreement: Agreement, shown: Sequence[tuple[int, str, Image]]) -> str:
    """`shown` are pictures: their place in the sides' looks, their name, and their pixels."""
    document = agreement.document
    base, *others = agreement.sides
    title = " against ".join(side.name for side in agreement.sides)
    lead = (
        f"{document['frames']} pictures that nobody has labelled, so these are differences, not mistakes. Boxes of one "
        f"kind are the same object from IoU {document['iou']:g} on. Found twice: two boxes of one kind that overlap by "
        "more, or one lies in the other and is at least half as high or as wide."
    )
    odd = dict.fromkeys(text for side in agreement.sides for text in side.warnings)
    keys = "".join(
        f'<li><svg viewBox="0 0 26 16">{rect((2, 2, 24, 14), sort)}</svg>{text}</li>' for sort, text in WORDS.items()
    )
    parts = [
        head(title, lead, []),
        warnings(list(odd)),
        _figures(document),
        f'<section><h2>Pictures</h2><ul class="keys boxes">{keys}</ul></section>',
        *(_picture(base, others, *one) for one in shown),
        configuration({name: one["config"] for name, one in document["pipelines"].items()}),
    ]
    return page(f"{title} · differences", parts, _STYLE)


def _figures(document: dict[str, Any]) -> str:
    pipelines = document["pipelines"]
    heads = "".join(f"<th>{escape(name)}</th>" for name in pipelines)
    rows = "".join(
        f"<tr><th>{label}</th>{''.join(f'<td>{counted(key, one[key])}</td>' for one in pipelines.values())}</tr>"
        for key, (label, *_) in COUNTS.items()
    )
    heights = "".join(
        f"<tr><th>{band(bands[0], 'px')} px high</th>{''.join(f'<td>{_changed(one)}</td>' for one in bands)}</tr>"
        for bands in zip(*(one["by_height_px"] for one in pipelines.values()), strict=True)
        if any(one["boxes"] for one in bands)
    )
    tables = (
        f'<div class="scroll"><table><tr><th>{what}</th>{heads}</tr>{body}</table></div>'
        for what, body in (("", rows), ("boxes", heights))
    )
    return f'<section class="pair">{"".join(tables)}</section>'


def _changed(row: dict[str, Any]) -> str:
    """12, or 12 with what came and went: +5 −1."""
    signs = ((row["added"], "+"), (row["gone"], "−"))
    changes = " ".join(f"{sign}{count}" for count, sign in signs if count)
    return f"{f'<i>{changes}</i> ' if changes else ''}{row['boxes']}"


def _picture(base: Side, others: Sequence[Side], place: int, name: str, image: Image) -> str:
    """The picture as each pipeline sees it, and below it everything that differs, closely."""
    key = f"p{place}"
    height, width = image.shape[:2]
    panels = "".join(_panel(side, base.looks[place], place, key, (width, height)) for side in (base, *others))
    close = "".join(
        _close_row(title, boxes, chosen, sort, key, (width, height))
        for side in others
        for title, boxes, chosen, sort in _differences(base, side, place, len(others) > 1)
    )
    seen = f'<div class="panels">{panels}</div><div class="rows">{close}</div>'
    return f"<section><h3>{escape(name)}</h3>{stored_picture(key, image)}{seen}</section>"


def _panel(side: Side, before: Look, place: int, key: str, size: tuple[int, int]) -> str:
    look = side.looks[place]
    counts = {"added": look.added.sum(), "no longer found": look.gone.sum(), "found twice": look.twice.sum()}
    boxes = "1 box" if len(look.found) == 1 else f"{len(look.found)} boxes"
    told = ", ".join([boxes, *(f"{count} {word}" for word, count in counts.items() if count)])
    drawn = [rect(region.xyxy, "region", region.reason) for region in look.regions]
    drawn += _boxes(look.found, ~(look.added | look.twice), SAME)
    drawn += _boxes(before.found, look.gone, GONE)
    drawn += _boxes(look.found, look.added & ~look.twice, ADDED)
    drawn += _boxes(look.found, look.twice, TWICE)
    whole = (0.0, 0.0, float(size[0]), float(size[1]))
    caption = f"{escape(side.name)}<small>{told}</small>"
    return f"<figure>{window(whole, key, drawn)}<figcaption>{caption}</figcaption></figure>"


def _differences(base: Side, side: Side, place: int, named: bool) -> Iterator[tuple[str, Boxes, Flags, str]]:
    look, before = side.looks[place], base.looks[place]
    by = f" by {side.name}" if named else ""
    yield f"Added{by}", look.found, look.added & ~look.twice, ADDED
    yield f"No longer found{by}", before.found, look.gone, GONE
    yield f"Found twice{by}", look.found, look.twice, TWICE


def _close_row(title: str, boxes: Boxes, chosen: Flags, sort: str, key: str, size: tuple[int, int]) -> str:
    """The chosen boxes, each through a window of its own, the surest first."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(-boxes.confidence[rows], kind="stable")]
    if not len(rows):
        return ""
    cards = "".join(
        f"<figure>{window(around(boxes.xyxy[row], size), key, [rect(boxes.xyxy[row], sort)])}"
        f"<figcaption>{escape(boxes.name[row])} {boxes.confidence[row]:.2f}<small>{_height(boxes, row)}</small>"
        "</figcaption></figure>"
        for row in rows[:MOST_CLOSE]
    )
    more = f" <small>the surest {MOST_CLOSE} of {len(rows)}</small>" if len(rows) > MOST_CLOSE else ""
    return f'<div><h4>{escape(title)}{more}</h4><div class="close">{cards}</div></div>'


def _boxes(boxes: Boxes, chosen: Flags, sort: str) -> list[str]:
    return [
        rect(boxes.xyxy[row], sort, f"{boxes.name[row]} {boxes.confidence[row]:.2f}, {_height(boxes, row)}")
        for row in np.flatnonzero(chosen)
    ]


def _height(boxes: Boxes, row: Any) -> str:
    return f"{boxes.xyxy[row, 3] - boxes.xyxy[row, 1]:.0f} px high"


_STYLE = (
    STYLE
    + """
td i{font-style:normal;color:var(--dim);font-size:12.5px;margin-right:6px}
.seen .twice,.boxes .twice{stroke:#ff4fa3;stroke-width:2.5}
.seen .region,.boxes .region{stroke:#fff;stroke-opacity:.85;stroke-width:1;stroke-dasharray:1 4}
.seen .edge:has(+.region),.boxes .edge:has(+.region){stroke-width:1;stroke-opacity:.4}
"""
)
