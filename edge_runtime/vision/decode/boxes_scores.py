"""Decoded boxes beside class scores, as SSD heads and many exporters write them (the Intel ADAS detectors here).

Outputs (batch, n, 4) boxes and (batch, n, classes) scores. A background column takes no part when `classes` names the
others by index.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.config.schema import BoxesScoresDecode, InputBlock
from edge_runtime.core import ClassTable

from .boxes import Candidates, DetectionDecoder, corners
from .class_map import ClassMap
from .contract import Mismatch, Outputs, Shapes, check_output, require_finite


class BoxesScores(DetectionDecoder):
    def __init__(self, block: BoxesScoresDecode, input_block: InputBlock, table: ClassTable) -> None:
        super().__init__(block, table)
        self._block = block
        self._scale = np.array(input_block.size * 2 if block.normalized else (1, 1, 1, 1), np.float32)

    def check(self, outputs: Shapes) -> list[Mismatch]:
        return check_pair(outputs, self._block.boxes, self._block.scores, self.classes)

    def candidates(self, outputs: Outputs, row: int) -> Candidates:
        boxes, scores = outputs[self._block.boxes][row], outputs[self._block.scores][row]
        require_finite(self._block.boxes, boxes)
        require_finite(self._block.scores, scores)
        score, class_id = self.classes.best(scores)
        rows, confidence, class_id = self.admit(np.arange(len(boxes)), score, class_id)
        xyxy = boxes[rows].astype(np.float32, copy=False) * self._scale
        return Candidates(corners(xyxy) if self._block.box_format == "cxcywh" else xyxy, confidence, class_id)


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
