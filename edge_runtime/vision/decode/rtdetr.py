"""RT-DETR (Zhao et al. 2023): a box a query, nothing to suppress.

Either one output (batch, queries, 4 + classes), as Ultralytics exports it, or boxes (batch, queries, 4) and scores
(batch, queries, classes), as in the authors' and Hugging Face's code. Boxes are centre and size, 0..1 of the input.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.config.schema import InputBlock, RtdetrDecode
from edge_runtime.core import ClassTable

from .boxes import Candidates, DetectionDecoder, corners
from .boxes_scores import check_pair
from .contract import Array, Mismatch, Outputs, Shapes, check_output, require_finite, the_output


class Rtdetr(DetectionDecoder):
    def __init__(self, block: RtdetrDecode, input_block: InputBlock, table: ClassTable) -> None:
        super().__init__(block, table)
        self._boxes, self._scores = block.boxes, block.scores
        self._sigmoid = block.activation == "sigmoid"
        self._size = np.array(input_block.size * 2, np.float32)

    def check(self, outputs: Shapes) -> list[Mismatch]:
        if self._boxes is not None and self._scores is not None:
            return check_pair(outputs, self._boxes, self._scores, self.classes)
        if self._boxes is not None or self._scores is not None:
            given, missing = ("boxes", "scores") if self._scores is None else ("scores", "boxes")
            fix = f"Name both, or neither for one (n, 4 + classes) output; the outputs are {', '.join(outputs)}"
            return [Mismatch(f"decode.{missing}", f"decode.{given} is named and decode.{missing} is not", fix)]
        if problems := check_output(outputs, None, "decode.boxes", ("batch", "queries", "4 + classes")):
            return problems
        name = the_output(outputs, None)
        columns = outputs[name][2]
        return self.classes.check(name, None if columns is None else columns - 4)

    def candidates(self, outputs: Outputs, row: int) -> Candidates:
        boxes, scores = self._read(outputs, row)
        score, class_id = self.classes.best(scores.astype(np.float32, copy=False))
        if self._sigmoid:
            score = 1 / (1 + np.exp(-np.maximum(score, -80)))
        chosen = self.admit(score, class_id)
        boxes = boxes.take(chosen, axis=0).astype(np.float32, copy=False)
        return Candidates(corners(boxes[:, :2], boxes[:, 2:]) * self._size, score[chosen], class_id[chosen])

    def _read(self, outputs: Outputs, row: int) -> tuple[Array, Array]:
        if self._boxes is not None and self._scores is not None:
            boxes, scores = outputs[self._boxes][row], outputs[self._scores][row]
            require_finite(self._boxes, boxes)
            require_finite(self._scores, scores)
            return boxes, scores
        name = the_output(outputs, None)
        values = outputs[name][row]
        require_finite(name, values)
        return values[:, :4], values[:, 4:]
