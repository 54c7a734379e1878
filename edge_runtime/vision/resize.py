"""How a rectangle of the frame is fitted into a network's input, and the way back for what the network finds.

Coordinates are continuous: a pixel is the unit square between its edges, 0 is the left edge of the first pixel. This
is the convention of box corners, and `cv2.resize` with INTER_LINEAR samples in it (half-pixel centres), so a scale
alone maps one picture onto the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Resize = Literal["stretch", "letterbox", "letterbox_top_left"]
Rect = tuple[int, int, int, int]
Boxes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ViewTransform:
    """Between full-frame pixels and network-input pixels, for one view.

    `view` is the rectangle of the frame that the network sees, `picture` the rectangle of its input which that view
    fills (the rest is padding), both x0, y0, x1, y1 in whole pixels; `input_size` is (width, height). The scale is the
    ratio of the two rectangles along each axis, hence exact although the picture has a whole number of pixels.
    """

    view: Rect
    picture: Rect
    input_size: tuple[int, int]

    def __post_init__(self) -> None:
        px0, py0, px1, py1 = self.picture
        width, height = self.input_size
        if not (self.view[0] < self.view[2] and self.view[1] < self.view[3]):
            raise ValueError(f"view {self.view} is empty")
        if not (0 <= px0 < px1 <= width and 0 <= py0 < py1 <= height):
            raise ValueError(f"picture {self.picture} is empty or leaves the input of {width}x{height}")

    def to_frame(self, xyxy: npt.NDArray[Any]) -> Boxes:
        """Boxes (n, 4) of the network's input, in full-frame pixels; what lies in the padding lies outside the view."""
        return _map(xyxy, self.picture, self.view)

    def to_network(self, xyxy: npt.NDArray[Any]) -> Boxes:
        """Boxes (n, 4) in full-frame pixels, in pixels of the network's input."""
        return _map(xyxy, self.view, self.picture)

    def clip(self, xyxy: npt.NDArray[Any]) -> Boxes:
        """Boxes (n, 4) in full-frame pixels, cut at the edges of the view; one outside it is left without area."""
        low, high = _limits(self.view)
        return np.asarray(np.minimum(np.maximum(xyxy, low), high), np.float32)


def to_frame(xyxy: npt.NDArray[Any], views: Sequence[ViewTransform], view_of: npt.NDArray[np.intp] | None) -> Boxes:
    """Boxes (n, 4) of network inputs, cut at the edges of their views, in full-frame pixels.

    `view_of` (n,) says which of the views each box is of; None means the only one.
    """
    rows = _to_frame(views[0].picture, views[0].view)
    if view_of is not None:
        rows = np.concatenate([_to_frame(view.picture, view.view) for view in views]).take(view_of, axis=0)
    moved = np.asarray(xyxy, np.float32) * rows[:, :4] + rows[:, 4:8]
    return np.asarray(np.minimum(np.maximum(moved, rows[:, 8:12]), rows[:, 12:]))


@lru_cache(maxsize=256)
def _to_frame(picture: Rect, view: Rect) -> Boxes:
    """Scale, shift and limits of one view, as a row (1, 16)."""
    return np.concatenate([*_affine(picture, view), *_limits(view)])[None]


def _map(xyxy: npt.NDArray[Any], source: Rect, target: Rect) -> Boxes:
    scale, shift = _affine(source, target)
    return np.asarray(xyxy, np.float32) * scale + shift


@lru_cache(maxsize=256)
def _affine(source: Rect, target: Rect) -> tuple[Boxes, Boxes]:
    """What takes boxes of one rectangle to the other: times the first, plus the second."""
    sx0, sy0, sx1, sy1 = source
    tx0, ty0, tx1, ty1 = target
    x, y = (tx1 - tx0) / (sx1 - sx0), (ty1 - ty0) / (sy1 - sy0)
    return np.array((x, y, x, y), np.float32), np.array((tx0 - sx0 * x, ty0 - sy0 * y) * 2, np.float32)


@lru_cache(maxsize=256)
def _limits(rect: Rect) -> tuple[Boxes, Boxes]:
    """The least and the largest coordinates of boxes inside it."""
    x0, y0, x1, y1 = rect
    return np.array((x0, y0, x0, y0), np.float32), np.array((x1, y1, x1, y1), np.float32)


@lru_cache(maxsize=256)
def plan_view(view_xyxy: Rect, input_size: tuple[int, int], resize: Resize) -> ViewTransform:
    """Fit a rectangle of the frame (whole pixels) into an input of (width, height).

    `stretch` fills the input; the letterboxes keep the picture's shape and centre it (an odd row or column of padding
    goes right and below, as Ultralytics does) or put it at the top left (as Megvii YOLOX does).
    """
    x0, y0, x1, y1 = view_xyxy
    width, height = input_size
    if resize == "stretch":
        return ViewTransform(view_xyxy, (0, 0, width, height), input_size)
    scale = min(width / (x1 - x0), height / (y1 - y0))
    w = min(max(round((x1 - x0) * scale), 1), width)
    h = min(max(round((y1 - y0) * scale), 1), height)
    left, top = ((width - w) // 2, (height - h) // 2) if resize == "letterbox" else (0, 0)
    return ViewTransform(view_xyxy, (left, top, left + w, top + h), input_size)
