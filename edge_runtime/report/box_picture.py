"""Boxes over a picture in an HTML page: the picture is there once, boxes are drawn over it as SVG.

So they stay sharp at any size, and a close look is the same picture through a smaller window.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

import cv2

from edge_runtime.sinks.draw import Image

QUALITY = 85
CONTEXT, LEAST_PX = 3.0, 48.0  # a close look is so much larger than its box, and at least so large
Window = tuple[float, float, float, float]


def stored_picture(key: str, image: Image, quality: int = QUALITY) -> str:
    """The picture, shown nowhere, for `window` to look at."""
    height, width = image.shape[:2]
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return (
        f'<svg class="store"><image id="{key}" width="{width}" height="{height}" '
        f'href="data:image/jpeg;base64,{b64encode(data.tobytes()).decode()}"/></svg>'
    )


def window(view: Window, key: str, drawn: Sequence[str]) -> str:
    """A part of the picture with what is drawn over it."""
    x0, y0, x1, y1 = view
    box = f"{x0:.1f} {y0:.1f} {x1 - x0:.1f} {y1 - y0:.1f}"
    return f'<svg class="seen" viewBox="{box}"><use href="#{key}"/>{"".join(drawn)}</svg>'


def around(xyxy: Any, size: tuple[int, int]) -> Window:
    """A square window with the box in its middle, inside the picture."""
    x0, y0, x1, y1 = xyxy.tolist()
    side = min(max(LEAST_PX, CONTEXT * max(x1 - x0, y1 - y0)), *size)
    left = min(max((x0 + x1 - side) / 2, 0.0), size[0] - side)
    top = min(max((y0 + y1 - side) / 2, 0.0), size[1] - side)
    return left, top, left + side, top + side


def rect(xyxy: Any, sort: str, told: str = "") -> str:
    """A box with a dark edge that keeps it visible on any ground, and what is said when it is touched."""
    x0, y0, x1, y1 = (float(value) for value in xyxy)
    place = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
    title = f"<title>{escape(told)}</title>" if told else ""
    return f'<rect class="edge" {place}/><rect class="{sort}" {place}>{title}</rect>'


STYLE = """
h3{font-size:15px;margin:34px 0 8px;overflow-wrap:anywhere}h4{font-size:13px;font-weight:600;margin:12px 0 6px}
h4 small{display:inline;margin-left:6px}
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
.seen rect:not(.edge){pointer-events:all}@media print{.panels figure,.close figure{break-inside:avoid}}
@media(max-width:520px){.rows,.rows>div{width:100%}.close{display:grid;grid-template-columns:repeat(3,minmax(0,1fr))}
.close figure{width:auto}}
"""
