"""What pipelines find in unlabelled pictures, as one HTML page: the pictures side by side, what one adds seen closely.

Each picture is in the page once, as it is; boxes are drawn over it as SVG, so that they stay sharp at any size, and the
close looks are the same picture through a smaller window.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import cv2
import numpy as np

from edge_runtime.evaluate.agreement import Agreement, Boxes, Look, Side
from edge_runtime.evaluate.matching import Flags
from edge_runtime.evaluate.placing import Image

from .evaluation import COUNTS, band, counted
from .page import configuration, head, page, warnings

QUALITY = 85
MOST_CLOSE = 12  # close looks of one sort below a picture
CONTEXT, LEAST_PX = 3.0, 48.0  # a close look is so much larger than its box, and at least so large

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
        f'<li><svg viewBox="0 0 26 16">{_rect((2, 2, 24, 14), sort)}</svg>{text}</li>' for sort, text in WORDS.items()
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
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    store = (
        f'<svg class="store"><image id="{key}" width="{width}" height="{height}" '
        f'href="data:image/jpeg;base64,{b64encode(data.tobytes()).decode()}"/></svg>'
    )
    panels = "".join(_panel(side, base.looks[place], place, key, (width, height)) for side in (base, *others))
    close = "".join(
        _close_row(title, boxes, chosen, sort, key, (width, height))
        for side in others
        for title, boxes, chosen, sort in _differences(base, side, place, len(others) > 1)
    )
    seen = f'<div class="panels">{panels}</div><div class="rows">{close}</div>'
    return f"<section><h3>{escape(name)}</h3>{store}{seen}</section>"


def _panel(side: Side, before: Look, place: int, key: str, size: tuple[int, int]) -> str:
    look = side.looks[place]
    counts = {"added": look.added.sum(), "no longer found": look.gone.sum(), "found twice": look.twice.sum()}
    boxes = "1 box" if len(look.found) == 1 else f"{len(look.found)} boxes"
    told = ", ".join([boxes, *(f"{count} {word}" for word, count in counts.items() if count)])
    drawn = [_rect(region.xyxy, "region", region.reason) for region in look.regions]
    drawn += _boxes(look.found, ~(look.added | look.twice), SAME)
    drawn += _boxes(before.found, look.gone, GONE)
    drawn += _boxes(look.found, look.added & ~look.twice, ADDED)
    drawn += _boxes(look.found, look.twice, TWICE)
    window = (0.0, 0.0, float(size[0]), float(size[1]))
    caption = f"{escape(side.name)}<small>{told}</small>"
    return f"<figure>{_window(window, key, drawn)}<figcaption>{caption}</figcaption></figure>"


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
        f"<figure>{_window(_around(boxes.xyxy[row], size), key, [_rect(boxes.xyxy[row], sort)])}"
        f"<figcaption>{escape(boxes.name[row])} {boxes.confidence[row]:.2f}<small>{_height(boxes, row)}</small>"
        "</figcaption></figure>"
        for row in rows[:MOST_CLOSE]
    )
    more = f" <small>the surest {MOST_CLOSE} of {len(rows)}</small>" if len(rows) > MOST_CLOSE else ""
    return f'<div><h4>{escape(title)}{more}</h4><div class="close">{cards}</div></div>'


def _around(xyxy: Any, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """A square window with the box in its middle, inside the picture."""
    x0, y0, x1, y1 = xyxy.tolist()
    side = min(max(LEAST_PX, CONTEXT * max(x1 - x0, y1 - y0)), *size)
    left = min(max((x0 + x1 - side) / 2, 0.0), size[0] - side)
    top = min(max((y0 + y1 - side) / 2, 0.0), size[1] - side)
    return left, top, left + side, top + side


def _window(window: tuple[float, float, float, float], key: str, drawn: Sequence[str]) -> str:
    x0, y0, x1, y1 = window
    view = f"{x0:.1f} {y0:.1f} {x1 - x0:.1f} {y1 - y0:.1f}"
    return f'<svg class="seen" viewBox="{view}"><use href="#{key}"/>{"".join(drawn)}</svg>'


def _boxes(boxes: Boxes, chosen: Flags, sort: str) -> list[str]:
    return [
        _rect(boxes.xyxy[row], sort, f"{boxes.name[row]} {boxes.confidence[row]:.2f}, {_height(boxes, row)}")
        for row in np.flatnonzero(chosen)
    ]


def _height(boxes: Boxes, row: Any) -> str:
    return f"{boxes.xyxy[row, 3] - boxes.xyxy[row, 1]:.0f} px high"


def _rect(xyxy: Any, sort: str, told: str = "") -> str:
    """A box with a dark edge that keeps it visible on any ground, and what is said when it is touched."""
    x0, y0, x1, y1 = (float(value) for value in xyxy)
    place = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
    title = f"<title>{escape(told)}</title>" if told else ""
    return f'<rect class="edge" {place}/><rect class="{sort}" {place}>{title}</rect>'


_STYLE = """
h3{font-size:15px;margin:34px 0 8px;overflow-wrap:anywhere}h4{font-size:13px;font-weight:600;margin:12px 0 6px}
h4 small{display:inline;margin-left:6px}td i{font-style:normal;color:var(--dim);font-size:12.5px;margin-right:6px}
.pair{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start;margin-top:20px}.pair table{min-width:0}
.store{position:absolute;width:0;height:0}.panels{display:grid;gap:12px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.panels figure,.close figure{background:var(--paper);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.panels figcaption{padding:7px 12px;font-size:14px}.rows{display:flex;flex-wrap:wrap;column-gap:28px}
.close{display:flex;flex-wrap:wrap;gap:8px}.close figure{width:122px}
.close figcaption{padding:4px 8px 6px;font-size:13px;line-height:1.35}.boxes svg{width:26px;flex:none}
.seen rect,.boxes rect{fill:none;vector-effect:non-scaling-stroke;stroke-width:1.5}
.seen .edge,.boxes .edge{stroke:#000;stroke-opacity:.55;stroke-width:3.5}
.seen .same,.boxes .same{stroke:#e9eef2}.seen .added,.boxes .added{stroke:#ffb000;stroke-width:2.5}
.seen .gone,.boxes .gone{stroke:#56b4e9;stroke-width:2;stroke-dasharray:5 3}
.seen .twice,.boxes .twice{stroke:#ff4fa3;stroke-width:2.5}
.seen .region,.boxes .region{stroke:#fff;stroke-opacity:.85;stroke-width:1;stroke-dasharray:1 4}
.seen .edge:has(+.region),.boxes .edge:has(+.region){stroke-width:1;stroke-opacity:.4}
.seen rect:not(.edge){pointer-events:all}@media print{.panels figure,.close figure{break-inside:avoid}}
"""
