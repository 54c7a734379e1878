"""YOLOv5 (Ultralytics), as its `export.py` writes it.

Output (batch, boxes, 5 + classes): centre and size in pixels of the input, objectness, class scores, all decoded;
score = objectness * class.
"""

from __future__ import annotations

from edge_runtime.config.schema import Yolov5Decode
from edge_runtime.core import ClassTable
from edge_runtime.core.reduction import RowSelection, SelectedRows

from .boxes import Candidates, corners
from .contract import Mismatch, Shapes, check_output, the_output
from .select import RowDecoder


class Yolov5(RowDecoder):
    def __init__(self, block: Yolov5Decode, table: ClassTable) -> None:
        super().__init__(block, table)
        self._output = block.output

    def check(self, outputs: Shapes) -> list[Mismatch]:
        if problems := check_output(outputs, self._output, "decode.output", ("batch", "boxes", "5 + classes")):
            return problems
        name = the_output(outputs, self._output)
        _, boxes, columns = outputs[name]
        if boxes is not None and columns is not None and boxes < columns and not self.classes.check(name, boxes - 4):
            what = f"output '{name}' has {columns} columns for {boxes} boxes: its axes are the other way round"
            return [Mismatch("decode.family", what, "Write family: yolov8, as YOLOv8 and YOLO11 put it")]
        return self.classes.check(name, None if columns is None else columns - 5)

    def selection(self, outputs: Shapes) -> RowSelection:
        return RowSelection((the_output(outputs, self._output),), 1, self.classes.indices + 5, 4, self.confidence)

    def read(self, selected: SelectedRows) -> Candidates:
        (likely,) = selected.columns
        score, class_id = self.classes.best(likely[:, 5:])
        return Candidates(corners(likely[:, :2], likely[:, 2:4]), score * likely[:, 4], class_id)
