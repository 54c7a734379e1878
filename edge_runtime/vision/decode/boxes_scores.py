"""Decoded boxes beside class scores, as SSD heads and many exporters write them (the Intel ADAS detectors here).

Outputs (batch, n, 4) boxes and (batch, n, classes) scores. A background column takes no part when `classes` names the
others by index.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.config.schema import BoxesScoresDecode, InputBlock
from edge_runtime.core import ClassTable
from edge_runtime.core.reduction import RowSelection, SelectedRows

from .boxes import Candidates, corners
from .class_map import ClassMap
from .contract import Mismatch, Shapes, check_output
from .select import RowDecoder


class BoxesScores(RowDecoder):
    def __init__(self, block: BoxesScoresDecode, input_block: InputBlock, table: ClassTable) -> None:
        super().__init__(block, table)
        self._block = block
        self._scale = np.array(input_block.size * 2 if block.normalized else (1, 1, 1, 1), np.float32)

    def check(self, outputs: Shapes) -> list[Mismatch]:
        return check_pair(outputs, self._block.boxes, self._block.scores, self.classes)

    def selection(self, outputs: Shapes) -> RowSelection:
        names = (self._block.boxes, self._block.scores)
        return RowSelection(names, 1, self.classes.indices, None, self.confidence)

    def read(self, selected: SelectedRows) -> Candidates:
        boxes, scores = selected.columns
        score, class_id = self.classes.best(scores)
        xyxy = boxes * self._scale
        if self._block.box_format == "cxcywh":
            xyxy = corners(xyxy[:, :2], xyxy[:, 2:])
        return Candidates(xyxy, score, class_id)


def check_pair(outputs: Shapes, boxes: str, scores: str, classes: ClassMap) -> list[Mismatch]:
    """Whether a (batch, n, 4) output and a (batch, n, classes) output are there and belong together."""
    problems = check_output(outputs, boxes, "decode.boxes", ("batch", "n", "4"), {2: 4})
    problems += check_output(outputs, scores, "decode.scores", ("batch", "n", "classes"))
    if problems:
        return problems
    rows, (_, score_rows, columns) = outputs[boxes][1], outputs[scores]
    if rows != score_rows and None not in (rows, score_rows):
        what = f"output '{scores}' has {score_rows} rows, output '{boxes}' has {rows} boxes"
        problems.append(Mismatch("decode.scores", what))
    return problems + classes.check(scores, columns)
