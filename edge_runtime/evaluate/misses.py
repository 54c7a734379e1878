"""The objects whose loss weighs most, and pictures of them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import CameraSource, ImagesSource
from edge_runtime.vision.nms import iou_matrix

from .evaluation import Evaluation
from .matching import Indices, Values
from .placing import pictures

MOST = 24
# Misses of one class within this time that overlap a little are one object, where the labels do not say so.
SAME_S, SAME_IOU = 1.0, 0.1
SIDE_PX, CONTEXT, LEAST_PX, QUALITY = 320, 3.0, 96, 82


@dataclass(frozen=True, slots=True, eq=False)
class Miss:
    """A labelled object that nothing was matched with, in picture `number` of the source."""

    number: int
    name: str
    xyxy: Values
    distance_m: float | None

    @property
    def height_px(self) -> float:
        return float(self.xyxy[3] - self.xyxy[1])


def worst_misses(evaluation: Evaluation, most: int = MOST) -> list[Miss]:
    """The tallest in the picture first, each object once: what is near is easiest to see and matters soonest."""
    matches, objects = evaluation.matches, evaluation.labels.objects
    missed = np.flatnonzero(matches.counted & ~matches.found[matches.at(evaluation.rules.iou)])
    missed = missed[np.argsort(-objects.height_px[matches.sought.row[missed]], kind="stable")]
    rows, numbers = matches.sought.row[missed], evaluation.numbers[matches.sought.frame[missed]]
    chosen: list[int] = []
    for place in range(len(rows)):
        if not _shown_before(evaluation, rows[: place + 1], numbers[: place + 1]):
            chosen.append(place)
        if len(chosen) == most:
            break
    return [
        Miss(
            int(numbers[place]),
            evaluation.labels.names[objects.category[row]],
            objects.xyxy[row],
            None if np.isnan(objects.distance_m[row]) else float(objects.distance_m[row]),
        )
        for place, row in ((place, int(rows[place])) for place in chosen)
    ]


def _shown_before(evaluation: Evaluation, rows: Indices, numbers: Indices) -> bool:
    """Whether the last of these misses is an object that one of the others is."""
    objects, row = evaluation.labels.objects, rows[-1]
    others = rows[:-1]
    alike = objects.category[others] == objects.category[row]
    if objects.object_id[row] is not None:
        return any(objects.object_id[other] == objects.object_id[row] for other in others[alike])
    if isinstance(evaluation.config.one_source, ImagesSource):
        return False
    near = others[alike & (np.abs(numbers[:-1] - numbers[-1]) <= SAME_S * evaluation.fps)]
    return bool((iou_matrix(objects.xyxy[near], objects.xyxy[[row]]) > SAME_IOU).any())


def pictures_of(evaluation: Evaluation, misses: list[Miss]) -> list[bytes]:
    """A JPEG of each miss with its surroundings."""
    source = evaluation.config.one_source
    assert not isinstance(source, CameraSource)
    crops = [b""] * len(misses)
    for number, image in pictures(source, {miss.number for miss in misses}):
        for place, miss in enumerate(misses):
            if miss.number == number:
                crops[place] = crop(image, miss.xyxy)
    return crops


def crop(image: npt.NDArray[np.uint8], xyxy: Values) -> bytes:
    """The box, framed, with as much around it again on each side, as a square JPEG."""
    height, width = image.shape[:2]
    side = round(max(LEAST_PX, CONTEXT * max(xyxy[2] - xyxy[0], xyxy[3] - xyxy[1])))
    side = min(side, width, height)
    left = int(np.clip((xyxy[0] + xyxy[2]) / 2 - side / 2, 0, width - side))
    top = int(np.clip((xyxy[1] + xyxy[3]) / 2 - side / 2, 0, height - side))
    scale = SIDE_PX / side
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    shown = cv2.resize(image[top : top + side, left : left + side], (SIDE_PX, SIDE_PX), interpolation=smooth)
    x0, y0, x1, y1 = np.rint((xyxy - (left, top, left, top)) * scale).astype(int).tolist()
    for colour, thickness in (((0, 0, 0), 3), ((0, 200, 255), 1)):
        cv2.rectangle(shown, (x0 - 3, y0 - 3), (x1 + 3, y1 + 3), colour, thickness, cv2.LINE_AA)
    _, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
