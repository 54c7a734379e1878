"""The picture a person looks at: a frame with its result drawn on a copy of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from edge_runtime.core import UNLABELLED, ClassTable, Detections, Frame, FrameResult

from .base import SinkContext
from .draw import (
    VERMILLION,
    Image,
    Style,
    class_color,
    draw_banner,
    draw_box,
    draw_label,
    draw_mask,
    draw_region,
    label_size,
    place_labels,
)

RATE_WINDOW_NS = 1_000_000_000

# Up to so many boxes each gets its label, however small it is.
FEW = 8


class RateMeter:
    """Frames a second over the last second of capture times."""

    def __init__(self) -> None:
        self._times: deque[int] = deque()

    def update(self, t_capture_ns: int) -> float | None:
        """The rate including this frame; None until there are two."""
        self._times.append(t_capture_ns)
        while t_capture_ns - self._times[0] > RATE_WINDOW_NS:
            self._times.popleft()
        span_ns = t_capture_ns - self._times[0]
        return (len(self._times) - 1) * 1e9 / span_ns if span_ns > 0 else None


class Overlay:
    """Draws the stages that the context names as shown: masks, where regions were, boxes, and text on top."""

    def __init__(self, context: SinkContext) -> None:
        self._shown, self._instead = context.shown, context.instead
        self._classes = context.classes
        self._rate = RateMeter()

    def skip(self, result: FrameResult) -> None:
        """A frame that is not drawn counts for the rate that the next picture states."""
        self._rate.update(result.t_capture_ns)

    def draw(self, frame: Frame, result: FrameResult) -> Image:
        found = result.boxes(self._shown, self._instead)
        image = draw_result(frame.image.copy(), result, self._shown, found, self._classes)
        style = Style(frame.height)
        below = draw_banner(image, head_line(result, self._rate.update(result.t_capture_ns)), 0, None, style)
        if result.error is not None:
            draw_banner(image, f"FAILED  {result.error}", below, VERMILLION, style)
        return image


def draw_result(
    image: Image, result: FrameResult, shown: Sequence[str], found: Detections, classes: ClassTable
) -> Image:
    """Draw the masks of the stages `shown`, where regions were, and the boxes `found` into the picture; returns it."""
    style = Style(image.shape[0])
    for stage in shown:
        if (masks := result.masks.get(stage)) is not None:
            for plane, class_id in zip(masks.planes, masks.class_id.tolist(), strict=True):
                draw_mask(image, plane, masks.xyxy, class_color(classes[class_id]), style)
    for regions in result.regions.values():
        for region in regions:
            draw_region(image, region.xyxy, region.reason, style)
    draw_detections(image, found, classes, style)
    return image


def head_line(result: FrameResult, fps: float | None) -> str:
    rate = "-" if fps is None else f"{fps:.1f}"
    return f"{rate} fps   {result.latency_ms:.0f} ms   frame {result.frame_id}   {result.point.name}   {result.camera}"


def label_text(name: str, confidence: float, track_id: int, label: str = "") -> str:
    return " ".join(
        part for part in (name, label, f"{confidence:.2f}", f"#{track_id}" if track_id >= 0 else "") if part
    )


def draw_detections(image: Image, found: Detections, classes: ClassTable, style: Style) -> None:
    """Boxes first, then all labels, so that no label is crossed by a line."""
    height, width = image.shape[:2]
    boxes = np.rint(np.clip(found.xyxy, 0, (width, height, width, height))).astype(np.int32)
    names = [classes[class_id] for class_id in found.class_id.tolist()]
    labels = [""] * len(found)
    if found.label is not None:
        labels = [classes[label] if label != UNLABELLED else "" for label in found.label.tolist()]
    columns = zip(names, found.confidence.tolist(), found.track_id.tolist(), labels, strict=True)
    texts = [label_text(*row) for row in columns]
    # A label would hide what is smaller than itself, and its neighbours: there the colour must do, and the state.
    _, high = label_size("0", style)
    small = (boxes[:, 3] - boxes[:, 1] < high) & (len(found) > FEW)
    texts = [label if tiny else text for text, label, tiny in zip(texts, labels, small.tolist(), strict=True)]
    for (x0, y0, x1, y1), name in zip(boxes.tolist(), names, strict=True):
        draw_box(image, (x0, y0, x1, y1), class_color(name), style)
    told = [row for row, text in enumerate(texts) if text]
    sizes = [label_size(texts[row], style) for row in told]
    places = place_labels(boxes[told], sizes, (width, height), style.line + 2)
    for row, rect in zip(told, places, strict=True):
        draw_label(image, texts[row], rect, class_color(names[row]), style)
