"""YOLOv8 and YOLO11 (Ultralytics), as `yolo export format=onnx` writes them.

Output (batch, 4 + classes, boxes): centre and size in pixels of the input, then class scores, all decoded; there is no
objectness.
"""

from __future__ import annotations

from edge_runtime.config.schema import Yolov8Decode
from edge_runtime.core import ClassTable
from edge_runtime.core.reduction import RowSelection, SelectedRows

from .boxes import Candidates, corners
from .contract import Mismatch, Shapes, check_output, the_output
from .select import RowDecoder


class Yolov8(RowDecoder):
    def __init__(self, block: Yolov8Decode, table: ClassTable) -> None:
        super().__init__(block, table)
        self._output = block.output

    def check(self, outputs: Shapes) -> list[Mismatch]:
        if problems := check_output(outputs, self._output, "decode.output", ("batch", "4 + classes", "boxes")):
            return problems
        name = the_output(outputs, self._output)
        _, rows, boxes = outputs[name]
        if boxes is not None and rows is not None and boxes < rows and not self.classes.check(name, boxes - 5):
            what = f"output '{name}' has {rows} rows for {boxes} boxes: its axes are the other way round"
            return [Mismatch("decode.family", what, "Write family: yolov5, as YOLOv5 puts it")]
        return self.classes.check(name, None if rows is None else rows - 4)

    def selection(self, outputs: Shapes) -> RowSelection:
        return RowSelection((the_output(outputs, self._output),), 2, self.classes.indices + 4, None, self.confidence)

    def read(self, selected: SelectedRows) -> Candidates:
        (likely,) = selected.columns
        score, class_id = self.classes.best(likely[:, 4:])
        return Candidates(corners(likely[:, :2], likely[:, 2:4]), score, class_id)
