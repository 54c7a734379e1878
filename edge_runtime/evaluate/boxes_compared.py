"""The boxes of one frame, then and now: which are the same object, lost, new, moved, or of another class or state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.core import FrameKey
from edge_runtime.vision.nms import iou_matrix

from .matching import Values

MATCHED, MOVED, STATE, CLASS = "matched", "moved", "state", "class"


@dataclass(frozen=True, slots=True, eq=False)
class FrameBoxes:
    """n boxes of one stage; track and state (the second class, such as a light's) are None where unknown."""

    xyxy: Values
    confidence: tuple[float, ...]
    name: tuple[str, ...]
    track: tuple[int | None, ...]
    state: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.name)

    @property
    def height_px(self) -> Values:
        return np.asarray(self.xyxy[:, 3] - self.xyxy[:, 1])

    @classmethod
    def of(cls, line: Mapping[str, Any] | None, stage: str) -> FrameBoxes:
        """Those of a line of results; a frame that failed has none."""
        columns = (line or {}).get("stages", {}).get(stage) or {}
        names = tuple(columns.get("class_name", ()))
        return cls(
            np.array(columns.get("xyxy", ()), np.float64).reshape(-1, 4),
            tuple(columns.get("confidence", ())),
            names,
            tuple(columns.get("track_id", ())),
            tuple(columns.get("label") or [None] * len(names)),
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """A box of the golden and the same object now. `change` is the weightiest: class, then state, then place."""

    golden: int
    now: int
    iou: float
    change: str


@dataclass(frozen=True, slots=True, eq=False)
class FrameDifference:
    """One frame of both: `lost` and `new` are rows of `golden` and `now` without a partner."""

    key: FrameKey
    t_s: float
    golden: FrameBoxes
    now: FrameBoxes
    pairs: tuple[Pair, ...]
    lost: tuple[int, ...]
    new: tuple[int, ...]

    @property
    def score(self) -> int:
        """How much there is to see; what is lost or turned into something else counts twice."""
        weight = {MATCHED: 0, MOVED: 1, STATE: 2, CLASS: 2}
        return 2 * len(self.lost) + len(self.new) + sum(weight[pair.change] for pair in self.pairs)

    def sentence(self) -> str | None:
        """The first thing that differs; None when boxes differ by nothing that is counted."""
        for row in self.lost[:1]:
            return f"lost: {told(self.golden, row)}"
        for pair in self.pairs:
            then, now = told(self.golden, pair.golden), told(self.now, pair.now)
            if pair.change != MATCHED:
                return f"{then} is now {now}, IoU {pair.iou:.2f}"
        return next((f"new: {told(self.now, row)}" for row in self.new), None)


def told(boxes: FrameBoxes, row: int) -> str:
    """car 0.81 at 640, 380, 30 px high."""
    x, y = boxes.xyxy[row, :2]
    state = f" ({boxes.state[row]})" if boxes.state[row] else ""
    high = boxes.height_px[row]
    return f"{boxes.name[row]}{state} {boxes.confidence[row]:.2f} at {x:.0f}, {y:.0f}, {high:.0f} px high"


def compare_frame(
    golden: FrameBoxes, now: FrameBoxes, iou: float, moved_below_iou: float, key: FrameKey, t_s: float
) -> FrameDifference:
    """Boxes pair off one to one, the most alike first: within a class, and what is left over across classes."""
    overlap = iou_matrix(golden.xyxy, now.xyxy)
    same = np.array(golden.name, object)[:, None] == np.array(now.name, object)[None, :]
    free_golden, free_now = set(range(len(golden))), set(range(len(now)))
    pairs = []
    for allowed in (same, ~same):
        rows, columns = np.nonzero((overlap >= iou) & allowed)
        for place in np.argsort(-overlap[rows, columns], kind="stable").tolist():
            a, b = int(rows[place]), int(columns[place])
            if a not in free_golden or b not in free_now:
                continue
            free_golden.remove(a)
            free_now.remove(b)
            alike = float(overlap[a, b])
            if golden.name[a] != now.name[b]:
                change = CLASS
            elif golden.state[a] != now.state[b]:
                change = STATE
            else:
                change = MOVED if alike < moved_below_iou else MATCHED
            pairs.append(Pair(a, b, alike, change))
    pairs.sort(key=lambda pair: pair.golden)
    return FrameDifference(key, t_s, golden, now, tuple(pairs), tuple(sorted(free_golden)), tuple(sorted(free_now)))
