"""From the boxes of a network's input to the detections of a frame."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import DetectDecodeBlock, NmsDecodeBlock
from edge_runtime.core import ClassTable, Detections

from ..nms import nms
from ..resize import ViewTransform, to_frame
from .class_map import DROPPED, ClassMap
from .contract import Decoder, Outputs

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes (n, 4) xyxy in pixels of the network's input, before suppression, with confidence and shared class id.

    `view` (n,), ascending, numbers the view that each is of; None where there is only one.
    """

    xyxy: Array
    confidence: Array
    class_id: npt.NDArray[np.int32]
    view: npt.NDArray[np.intp] | None = None

    def take(self, rows: npt.NDArray[np.intp]) -> Candidates:
        view = None if self.view is None else self.view[rows]
        return Candidates(self.xyxy.take(rows, axis=0), self.confidence[rows], self.class_id[rows], view)


class DetectionDecoder(Decoder):
    """A decoder of boxes: the family reads candidates out of its outputs, the rest is the same for all.

    Boxes come out best first in full-frame pixels, cut at the edges of the view; one that lies outside it (in the
    padding) is dropped. Blocks with `iou` get class-aware suppression.
    """

    def __init__(self, block: DetectDecodeBlock, table: ClassTable) -> None:
        self.classes = ClassMap(block, table, block.keep)
        self.confidence = block.confidence
        self._limit = block.max_detections
        self._iou = block.iou if isinstance(block, NmsDecodeBlock) else None

    @abstractmethod
    def candidates(self, outputs: Outputs, row: int) -> Candidates:
        """The boxes of a batch row that reach `confidence` and whose class is kept."""

    def decode(self, outputs: Outputs, row: int, view: ViewTransform) -> Detections:
        self._require(outputs)
        return self.finish(self.candidates(outputs, row), (view,))[0]

    def finish(self, found: Candidates, views: Sequence[ViewTransform]) -> list[Detections]:
        """Candidates in the network's pixels to detections of the frame, by view: all views in one go."""
        if not len(found.xyxy):
            return [Detections.empty()] * len(views)
        xyxy = to_frame(found.xyxy, views, found.view)
        if self._iou is None:
            order = np.argsort(-found.confidence, kind="stable")
            best = order[(xyxy[order, :2] < xyxy[order, 2:]).all(axis=1)]
        else:
            # What one view found suppresses nothing in another: to `nms` these are different classes.
            apart = found.class_id if found.view is None else found.class_id + found.view * self.classes.end
            best = nms(xyxy, found.confidence, apart, self._iou)
        if found.view is None:
            best = best[: self._limit]
            return [Detections.of(xyxy.take(best, axis=0), found.confidence[best], found.class_id[best])]
        best = best[found.view[best].argsort(kind="stable")]
        ends = found.view[best].searchsorted(np.arange(len(views) + 1)).tolist()
        boxes = Detections.of(xyxy.take(best, axis=0), found.confidence[best], found.class_id[best])
        return [boxes.take(slice(begin, min(end, begin + self._limit))) for begin, end in pairwise(ends)]

    def admit(self, confidence: Array, class_id: Array) -> npt.NDArray[np.intp]:
        """Which of (n,) candidates are confident enough and of a class that is kept."""
        rows: npt.NDArray[np.intp] = ((confidence >= self.confidence) & (class_id != DROPPED)).nonzero()[0]
        return rows


def corners(centre: Array, size: Array) -> Array:
    """Boxes (n, 4) as x0, y0, x1, y1."""
    half = size / 2
    return np.concatenate([centre - half, centre + half], axis=1)
