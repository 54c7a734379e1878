"""What a run found in a frame drawn on its picture, from a line of `detections.jsonl` or a recorded result."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_runtime.core import UNLABELLED, ClassTable, Detections
from edge_runtime.core.detections import UNTRACKED
from edge_runtime.sinks.draw import Image, Style, class_color, draw_mask, draw_region
from edge_runtime.sinks.overlay import draw_detections


def draw_result(image: Image, line: Mapping[str, Any], shown: Sequence[str] = (), masks_at: Path | None = None) -> None:
    """In place: masks, where regions were, and the boxes of the stages that are `shown`.

    Without those, the boxes of the last stage, which has the final word. Masks are in a recorded line; those that a
    line of a file names are files in `masks_at`.
    """
    style, classes = Style(image.shape[0]), ClassTable()
    for masks in (line.get("masks") or {}).values():
        for name, png in masks["png"].items():
            if (plane := _plane(png, masks_at)) is not None:
                draw_mask(image, plane, masks["xyxy"], class_color(name), style)
    for regions in (line.get("regions") or {}).values():
        for (x0, y0, x1, y1), reason in zip(regions["xyxy"], regions["reason"], strict=True):
            draw_region(image, (x0, y0, x1, y1), reason, style)
    stages = line.get("stages") or {}
    drawn = [stages[stage] for stage in shown if stage in stages] or list(stages.values())[-1:]
    found = [_detections(boxes, classes) for boxes in drawn]
    draw_detections(image, Detections.concatenate(found), classes, style)


def _detections(boxes: Mapping[str, Any], classes: ClassTable) -> Detections:
    found = Detections.of(
        boxes["xyxy"],
        boxes["confidence"],
        [classes.add(name) for name in boxes["class_name"]],
        [UNTRACKED if track is None else track for track in boxes["track_id"]],
    )
    if (names := boxes.get("label")) is None:
        return found
    label = [UNLABELLED if name is None else classes.add(name) for name in names]
    return replace(found, label=np.array(label, np.int32))


def _plane(png: str, masks_at: Path | None) -> Image | None:
    """A mask as 0 and 1, None where it cannot be read."""
    try:
        data = base64.b64decode(png, validate=True) if masks_at is None else (masks_at / png).read_bytes()
        plane = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    except (binascii.Error, OSError, cv2.error):
        return None
    return None if plane is None else np.asarray(plane > 127, np.uint8)
