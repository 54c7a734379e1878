"""Boxes found in one frame, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

UNTRACKED = -1
UNLABELLED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """n boxes of one frame.

    `xyxy` (n, 4) float32 in full-frame pixels, x0 <= x1 and y0 <= y1; `confidence` (n,) float32 in 0..1;
    `class_id` (n,) int32 into the pipeline's class table; `track_id` (n,) int32, `UNTRACKED` (-1) where no
    tracker has named the object. `label` (n,) int32 is a second class of the object, such as the state of a traffic
    light, into the same table, `UNLABELLED` (-1) where there is none; None where nobody looked for one. Order carries
    no meaning.
    """

    xyxy: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int32]
    track_id: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        n = self.xyxy.shape[:1]
        if self.xyxy.shape != (*n, 4):
            raise ValueError(f"xyxy must be (n, 4), got {self.xyxy.shape}")
        if n == self.confidence.shape == self.class_id.shape == self.track_id.shape and self.label is None:
            return  # as a rule
        for name in ("confidence", "class_id", "track_id", "label"):
            column = getattr(self, name)
            if column is not None and column.shape != n:
                raise ValueError(f"{name} must be ({n[0]},), got {column.shape}")

    @classmethod
    def of(cls, xyxy: Any, confidence: Any, class_id: Any, track_id: Any = None) -> Detections:
        """Build from anything array-like, converting to the column types; `track_id` None means untracked."""
        boxes = np.ascontiguousarray(xyxy, np.float32).reshape(-1, 4)
        if track_id is None:
            track_id = np.full(len(boxes), UNTRACKED, np.int32)
        return cls(
            boxes,
            np.ascontiguousarray(confidence, np.float32),
            np.ascontiguousarray(class_id, np.int32),
            np.ascontiguousarray(track_id, np.int32),
        )

    @classmethod
    def empty(cls) -> Detections:
        return cls.of(np.empty((0, 4)), np.empty(0), np.empty(0))

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        if not parts:
            return cls.empty()
        if len(parts) == 1:
            return parts[0]
        labels = None
        if any(part.label is not None for part in parts):
            none = (np.full(len(part), UNLABELLED, np.int32) for part in parts)
            labels = np.concatenate(
                [label if part.label is None else part.label for part, label in zip(parts, none, strict=True)]
            )
        return cls(
            np.concatenate([part.xyxy for part in parts]),
            np.concatenate([part.confidence for part in parts]),
            np.concatenate([part.class_id for part in parts]),
            np.concatenate([part.track_id for part in parts]),
            labels,
        )

    def __len__(self) -> int:
        return len(self.xyxy)

    def take(self, rows: Any) -> Detections:
        """The chosen rows: an index array, a boolean mask or a slice."""
        label = None if self.label is None else self.label[rows]
        return Detections(self.xyxy[rows], self.confidence[rows], self.class_id[rows], self.track_id[rows], label)

    def with_tracks(self, track_id: npt.NDArray[np.int32]) -> Detections:
        return Detections(self.xyxy, self.confidence, self.class_id, track_id, self.label)

    def with_labels(self, label: npt.NDArray[np.int32]) -> Detections:
        return Detections(self.xyxy, self.confidence, self.class_id, self.track_id, label)
