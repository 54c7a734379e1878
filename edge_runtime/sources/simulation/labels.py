"""Exact labels of one picture: what is where, how far away, and how much of it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .camera import Camera
from .road import STRAIGHT, Road
from .things import Thing
from .view import Box, View, views

GRID = 96  # cells along the longer side of a thing when its visible share is counted


@dataclass(frozen=True, slots=True)
class Label:
    """What one thing is and where it is in the picture.

    `xyxy` in pixels, clipped to the picture. `distance_m` is how far ahead of the camera its nearest point is.
    `visibility` is the share of its outline that is inside the picture and not behind anything. `identity` stays
    from picture to picture. `state` and `arrow` are those of a traffic light, `sign` says which sign it is.
    """

    identity: int
    category: str
    xyxy: Box
    distance_m: float
    visibility: float
    state: str | None = None
    arrow: str | None = None
    sign: str | None = None


def labels_of(things: Sequence[Thing], camera: Camera, road: Road = STRAIGHT) -> tuple[Label, ...]:
    """Of what is seen at all, the nearest last. `things` in the order they are painted."""
    seen_things = views(things, camera, road)
    boxes = np.array([seen.box for seen in seen_things]).reshape(-1, 4)
    labels = []
    for number, seen in enumerate(seen_things):
        thing = seen.thing
        if thing.category is None:
            continue
        nearer = boxes[number + 1 :]
        x0, y0, x1, y1 = seen.box
        covers = np.flatnonzero((nearer[:, 0] < x1) & (nearer[:, 2] > x0) & (nearer[:, 1] < y1) & (nearer[:, 3] > y0))
        visible = _visible_share(seen, [seen_things[number + 1 + cover] for cover in covers], camera.size)
        if visible > 0:
            width, height = camera.size
            clipped = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height), seen.ground_px))
            sign = thing.model if thing.category == "traffic sign" else None
            labels.append(
                Label(thing.identity, thing.category, clipped, seen.nearest_m, visible, thing.state, thing.arrow, sign)
            )
    return tuple(labels)


def _visible_share(seen: View, covers: list[View], size: tuple[int, int]) -> float:
    x0, y0, x1, y1 = seen.box
    inside = x0 >= 0 and y0 >= 0 and x1 <= size[0] and y1 <= min(size[1], seen.ground_px)
    if inside and not covers:
        return 1.0
    scale = GRID / max(x1 - x0, y1 - y0, 1e-6)
    grid = np.zeros((int((y1 - y0) * scale) + 2, int((x1 - x0) * scale) + 2), np.uint8)

    def paint(one: View, value: int) -> None:
        starts = one.mesh.starts
        points = ((one.pixels - (x0, y0)) * (16 * scale) - 8).clip(-32_000, 32_000).round().astype(np.int32)
        for face in np.flatnonzero(one.shown & one.mesh.is_solid).tolist():
            cv2.fillConvexPoly(grid, points[starts[face] : starts[face + 1]], value, cv2.LINE_8, 4)

    paint(seen, 1)
    whole = cv2.countNonZero(grid)
    for cover in covers:
        paint(cover, 0)
    left, top = (max(0, round(-edge * scale)) for edge in (x0, y0))
    right, bottom = max(0, round((size[0] - x0) * scale)), max(0, round((min(size[1], seen.ground_px) - y0) * scale))
    return cv2.countNonZero(np.ascontiguousarray(grid[top:bottom, left:right])) / max(whole, 1)
