"""Drawing on a picture, in place: boxes, labels, masks and lines of text. Everything here is a pure function."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Color = tuple[int, int, int]
Rect = tuple[int, int, int, int]

# Okabe and Ito (2008), "Color universal design": told apart by everyone; BGR, without the black.
ORANGE, SKY, GREEN, YELLOW = (0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240)
BLUE, VERMILLION, PURPLE = (178, 114, 0), (0, 94, 213), (167, 121, 204)
PALETTE: tuple[Color, ...] = (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE)
WHITE, DARK = (255, 255, 255), (24, 24, 24)
ROAD_COLORS: dict[str, Color] = {
    "car": SKY, "vehicle": SKY, "truck": GREEN, "bus": YELLOW, "person": ORANGE, "pedestrian": ORANGE,
    "bicycle": PURPLE, "motorcycle": PURPLE, "traffic light": VERMILLION, "stop sign": VERMILLION,
    "drivable": GREEN, "lane": ORANGE,
}  # fmt: skip
FONT = cv2.FONT_HERSHEY_SIMPLEX
TINT = 0.3


def class_color(name: str) -> Color:
    """The colour of a class: the same in every run, picture and pipeline."""
    return ROAD_COLORS.get(name) or PALETTE[zlib.crc32(name.encode()) % len(PALETTE)]


def text_color(background: Color) -> Color:
    """Dark or white, whichever is read more easily (luminance of ITU-R BT.601)."""
    blue, green, red = background
    return DARK if 0.114 * blue + 0.587 * green + 0.299 * red > 125 else WHITE


class Style:
    """Sizes that fit a picture `height` pixels high, so that 540p and 4K look alike."""

    def __init__(self, height: int) -> None:
        self.line = max(1, round(height / 480))
        self.scale = max(0.36, height / 1600)
        self.stroke = max(1, round(height / 900))
        self.pad = max(2, round(height / 270))


@lru_cache(maxsize=4096)
def text_size(text: str, scale: float, stroke: int) -> tuple[int, int, int]:
    """Width, height above and depth below the baseline, in pixels."""
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, stroke)
    return width, height, min(baseline, round(height * 0.4))


def draw_text(image: Image, text: str, left: int, baseline: int, color: Color, style: Style) -> None:
    cv2.putText(image, text, (left, baseline), FONT, style.scale, color, style.stroke, cv2.LINE_AA)


def draw_box(image: Image, box: Rect, color: Color, style: Style) -> None:
    """A frame around the object, outside of its pixels, with a thin dark edge that keeps it visible on any ground."""
    x0, y0, x1, y1 = box
    reach = style.line if min(x1 - x0, y1 - y0) > 12 * style.line else 1
    cv2.rectangle(image, (x0 - reach - 1, y0 - reach - 1), (x1 + reach, y1 + reach), DARK, 1)
    for step in range(1, reach + 1):
        cv2.rectangle(image, (x0 - step, y0 - step), (x1 + step - 1, y1 + step - 1), color, 1)


def draw_region(image: Image, rect: Rect, reason: str, style: Style) -> None:
    """Corners of where a network looked closely, and why: there, but behind what was found."""
    x0, y0, x1, y1 = rect
    arm = min(x1 - x0, y1 - y0) // 10
    for color, thick in ((DARK, style.line + 2), (WHITE, style.line)):
        for x, to_x in ((x0, 1), (x1 - 1, -1)):
            for y, to_y in ((y0, 1), (y1 - 1, -1)):
                cv2.line(image, (x, y), (x + to_x * arm, y), color, thick)
                cv2.line(image, (x, y), (x, y + to_y * arm), color, thick)
    wide, high = label_size(reason, style)
    left, top = x0 + style.line + 1, y0 + style.line + 1
    draw_label(image, reason, (left, top, left + wide, top + high), DARK, style)


def draw_label(image: Image, text: str, rect: Rect, color: Color, style: Style) -> None:
    """A filled box with text, where `place_labels` put it."""
    x0, y0, x1, y1 = rect
    _, _, below = text_size(text, style.scale, style.stroke)
    cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), color, cv2.FILLED)
    draw_text(image, text, x0 + style.pad, y1 - style.pad // 2 - below, text_color(color), style)


def label_size(text: str, style: Style) -> tuple[int, int]:
    width, above, below = text_size(text, style.scale, style.stroke)
    return width + 2 * style.pad, above + below + 2 * (style.pad // 2) + 1


def place_labels(
    boxes: npt.NDArray[np.int32], sizes: Sequence[tuple[int, int]], picture: tuple[int, int], gap: int
) -> list[Rect]:
    """A rectangle for each label (sizes as width, height) inside the picture (width, height), beside its box.

    Of the places around the box the one is taken that hides least: its own object counts most, then labels already
    placed, then other objects. Large objects, which come first, get their choice first.
    """
    if not len(boxes):
        return []
    size = np.array(sizes, np.int32)
    corners = _corners(boxes, size, picture, gap)
    low = np.maximum(corners[:, :, None], boxes[None, None, :, :2])
    high = np.minimum((corners + size[:, None])[:, :, None], boxes[None, None, :, 2:])
    hidden = np.clip(high - low, 0, None).prod(axis=3)
    every = np.arange(len(boxes))
    costs = hidden.sum(axis=2) + 8 * hidden[every, :, every]
    cheapest = costs.argsort(axis=1, kind="stable").tolist()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    places, costs = corners.tolist(), costs.tolist()
    placed: dict[int, Rect] = {}
    for index in np.argsort(-area, kind="stable").tolist():
        w, h = sizes[index]
        least = math.inf
        for place in cheapest[index]:
            cost, (x, y) = costs[index][place], places[index][place]
            if cost >= least:
                break
            cost += 4 * sum(
                (min(x + w, x1) - max(x, x0)) * (min(y + h, y1) - max(y, y0))
                for x0, y0, x1, y1 in placed.values()
                if x < x1 and x0 < x + w and y < y1 and y0 < y + h
            )
            if cost < least:
                least, placed_at = cost, (x, y, x + w, y + h)
        placed[index] = placed_at
    return [placed[index] for index in range(len(boxes))]


def _corners(
    boxes: npt.NDArray[np.int32], size: npt.NDArray[np.int32], picture: tuple[int, int], gap: int
) -> npt.NDArray[np.int32]:
    """Upper left corners (n, 8, 2) of the places around each box where its label could go."""
    (x0, y0, x1, y1), (w, h), (width, height) = boxes.T, size.T, picture
    places = [
        (x0 - gap, y0 - gap - h), (x1 + gap - w, y0 - gap - h), (x0 - gap, y1 + gap), (x1 + gap - w, y1 + gap),
        (x1 + gap, y0 - gap), (x0 - gap - w, y0 - gap), (x1 + gap, y1 + gap - h), (x0 - gap - w, y1 + gap - h),
    ]  # fmt: skip
    room = np.maximum(0, (width, height) - size)
    corners: npt.NDArray[np.int32] = np.array(places, np.int32).transpose(2, 0, 1)
    return corners.clip(0, room[:, None])


def draw_mask(image: Image, plane: npt.NDArray[np.uint8], xyxy: Sequence[float], color: Color, style: Style) -> None:
    """Tint where the plane is 1 and draw its contour; `xyxy` is where the plane lies in the picture.

    The mask is traced at its own resolution and drawn as polygons at the picture's, which is cheaper than resizing
    it and has no stairs at its edge.
    """
    contours, _ = cv2.findContours(plane, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return
    offset = np.array(xyxy[:2])
    scale = np.array([xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]]) / plane.shape[::-1]
    lines = [
        np.rint((cv2.approxPolyDP(contour, 1.0, True) + 0.5) * scale + offset).astype(np.int32) for contour in contours
    ]
    x, y, width, height = cv2.boundingRect(np.concatenate(lines))
    left, top = max(0, x), max(0, y)
    part = image[top : max(top, y + height), left : max(left, x + width)]
    if part.size:
        covered = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(covered, lines, 1, offset=(-left, -top))
        paint = np.array([*color, 0]) * TINT  # four doubles are a scalar to OpenCV
        cv2.copyTo(cv2.add(cv2.convertScaleAbs(part, alpha=1 - TINT), paint), covered, part)
    cv2.polylines(image, lines, True, color, style.line, cv2.LINE_AA)


def draw_banner(image: Image, text: str, top: int, color: Color | None, style: Style) -> int:
    """A line of text on a bar as wide as it, from the left edge; returns where the next one may start.

    Without a colour the bar is the picture, darkened. Text too wide for the picture ends in dots.
    """
    width = image.shape[1]
    while len(text) > 4 and label_size(text, style)[0] + 2 * style.pad > width:
        text = text[: max(4, int(len(text) * 0.95)) - 3] + "..."
    w, h = label_size(text, style)
    w, h = min(width, w + 2 * style.pad), h + style.pad
    bar = image[top : top + h, :w]
    if color is None:
        np.copyto(bar, cv2.convertScaleAbs(bar, alpha=0.35))
    else:
        bar[:] = color
    _, _, below = text_size(text, style.scale, style.stroke)
    ink = WHITE if color is None else text_color(color)
    draw_text(image, text, 2 * style.pad, top + h - style.pad - below, ink, style)
    return top + h
