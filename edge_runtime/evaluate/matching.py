"""Detections against labelled objects, by the COCO evaluation that everyone compares with (pycocotools).

pycocotools because it is the reference itself, its outcome never changes, and it needs nothing but NumPy: 0.5 MB, BSD,
wheels for aarch64 and every Python from 3.9 on. faster-coco-eval (Apache-2.0) counts quicker, but hands back totals,
and tables by distance and bootstrap intervals need every single match.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.core.extras import missing
from edge_runtime.errors import MissingPart

from .kinds import OUTSIDE

COCO_IOU = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALL_STEPS = 101
# COCO judges the best 100 boxes of a picture; a pipeline's own max_detections is the only limit here.
MOST_BOXES = 10_000

Indices = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """n labelled objects of evaluated frames: `row` in the labels, `frame` from 0, `kind`; `ignored` is not judged."""

    row: Indices
    frame: Indices
    kind: Indices
    xyxy: Values
    ignored: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """n detections of the evaluated frames: `frame` from 0, class id, and the id of a second class or -1."""

    frame: Indices
    xyxy: Values
    confidence: Values
    class_id: Indices
    label: Indices


@dataclass(frozen=True, eq=False)
class Matches:
    """Who matched whom at each IoU of `thresholds` (t): greedily, the most confident first, one to one, within a kind.

    Of detections, best first: `detection` (n,) the row of `Found`, its `frame` and `kind`, and (t, n) whether it is a
    `hit`, or `void` because it fell on something that is ignored; else it is a false positive. `partner` (t, n) is
    the place in `sought` of what a hit has hit, -1 without one. `found` (t, m) says which of `sought` were hit.
    """

    kinds: tuple[str, ...]
    frames: int
    thresholds: tuple[float, ...]
    sought: Sought
    detection: Indices
    frame: Indices
    kind: Indices
    confidence: Values
    hit: Flags
    void: Flags
    partner: Indices
    found: Flags
    precision: Values  # (t, 101 recall steps, kinds), NaN for a kind without objects

    @property
    def counted(self) -> Flags:
        """Which of `sought` are judged."""
        return ~self.sought.ignored

    def at(self, iou: float) -> int:
        """The place of an IoU among the thresholds."""
        return self.thresholds.index(round(iou, 4))

    def ap(self, iou: float | None = None) -> Values:
        """Average precision of each kind, over COCO's ten IoUs or at one; NaN without objects."""
        chosen = [self.at(value) for value in (COCO_IOU if iou is None else (iou,))]
        return np.asarray(self.precision[chosen].mean(axis=(0, 1)))


def match(sought: Sought, found: Found, kind: Indices, kinds: tuple[str, ...], frames: int, iou: float) -> Matches:
    """Match at COCO's ten IoUs and at `iou`; `kind` (n,) is that of each row of `found`, `OUTSIDE` leaves it out."""
    thresholds = tuple(sorted({*COCO_IOU, round(iou, 4)}))
    outcome = _evaluated(sought, found, kind, len(kinds), frames, thresholds)
    parts = [entry for entry in outcome.evalImgs if entry is not None]
    ids = _joined([entry["dtIds"] for entry in parts], np.intp) - 1
    order = np.argsort(-found.confidence[ids], kind="stable")
    ids = ids[order]
    partner = _stacked([entry["dtMatches"] for entry in parts], len(thresholds))[:, order].astype(np.intp) - 1
    void = _stacked([entry["dtIgnore"] for entry in parts], len(thresholds))[:, order].astype(bool)
    hit_objects = np.zeros((len(thresholds), len(sought.row)), bool)
    for entry in parts:
        hit_objects[:, np.array(entry["gtIds"], np.intp) - 1] = entry["gtMatches"] > 0
    precision = np.asarray(outcome.eval["precision"][:, :, :, 0, 0], np.float64)
    return Matches(
        kinds=kinds,
        frames=frames,
        thresholds=thresholds,
        sought=sought,
        detection=ids,
        frame=found.frame[ids],
        kind=kind[ids],
        confidence=found.confidence[ids],
        hit=(partner >= 0) & ~void,
        void=void,
        partner=np.where((partner >= 0) & ~void, partner, -1),
        found=hit_objects & ~sought.ignored,
        precision=np.where(precision < 0, np.nan, precision),
    )


def _evaluated(
    sought: Sought, found: Found, kind: Indices, kinds: int, frames: int, thresholds: tuple[float, ...]
) -> Any:
    """pycocotools' own evaluation object, accumulated. Ids count from 1: it takes 0 for "matched nothing"."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingPart(missing("eval", "pycocotools", "eval")) from error

    def dataset(rows: Indices, frame: Indices, of_kind: Indices, xyxy: Values, more: dict[str, Any]) -> Any:
        xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(frames)],
            "categories": [{"id": number} for number in range(kinds)],
            "annotations": [
                {
                    "id": int(row) + 1,
                    "image_id": int(frame[row]),
                    "category_id": int(of_kind[row]),
                    "bbox": xywh[row].tolist(),
                    "area": float(xywh[row, 2] * xywh[row, 3]),
                    **{key: values[row].item() for key, values in more.items()},
                }
                for row in rows
            ],
        }
        coco.createIndex()
        return coco

    with redirect_stdout(io.StringIO()):  # it prints its progress
        truth = dataset(
            np.flatnonzero(sought.kind != OUTSIDE),
            sought.frame,
            sought.kind,
            sought.xyxy,
            {"iscrowd": sought.ignored.astype(np.intp)},
        )
        boxes = dataset(np.flatnonzero(kind != OUTSIDE), found.frame, kind, found.xyxy, {"score": found.confidence})
        evaluation = COCOeval(truth, boxes, "bbox")
        evaluation.params.imgIds = list(range(frames))
        evaluation.params.catIds = list(range(kinds))
        evaluation.params.iouThrs = np.array(thresholds)
        evaluation.params.maxDets = [MOST_BOXES]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def weighted_ap(matches: Matches, weight: npt.NDArray[np.integer[Any]], thresholds: list[int]) -> float:
    """Mean AP over kinds and some of the thresholds when frame f occurs `weight[f]` times, as COCO interpolates it.

    With every weight 1 this is COCO's AP; a bootstrap needs it a thousand times over without matching again.
    """
    values = []
    steps = np.linspace(0.0, 1.0, RECALL_STEPS)
    counted = np.where(matches.counted, weight[matches.sought.frame], 0)
    for number in range(len(matches.kinds)):
        sought = counted[matches.sought.kind == number].sum()
        if not sought:
            continue
        mine = matches.kind == number
        times = weight[matches.frame[mine]]
        for threshold in thresholds:
            hits = np.cumsum(matches.hit[threshold, mine] * times)
            judged = np.cumsum(~matches.void[threshold, mine] * times)
            precision = np.divide(hits, judged, out=np.zeros(len(hits)), where=judged > 0)
            best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
            values.append(best[np.searchsorted(hits / sought, steps, side="left")].mean())
    return float(np.mean(values)) if values else float("nan")


def _joined(parts: list[Any], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.asarray(part, dtype) for part in parts]) if parts else np.empty(0, dtype)


def _stacked(parts: list[Any], rows: int) -> npt.NDArray[Any]:
    return np.concatenate(parts, axis=1) if parts else np.empty((rows, 0))
