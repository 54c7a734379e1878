"""YOLOv8 and YOLO11 (Ultralytics), as `yolo export format=onnx` writes them.

Output (batch, 4 + classes, boxes): centre and size in pixels of the input, then class scores, all decoded; there is no
objectness.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.config.schema import Yolov8Decode
from edge_runtime.core import ClassTable

from .boxes import Candidates, DetectionDecoder, corners
from .contract import Mismatch, Outputs, Shapes, check_output, require_finite, the_output


class Yolov8(DetectionDecoder):
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

    def candidates(self, outputs: Outputs, row: int) -> Candidates:
        name = the_output(outputs, self._output)
        values = outputs[name][row]
        require_finite(name, values)
        likely = values[:, values[4:].max(axis=0) >= self.confidence].T.astype(np.float32, copy=False)
        score, class_id = self.classes.best(likely[:, 4:])
        chosen, confidence, class_id = self.admit(np.arange(len(likely)), score, class_id)
        return Candidates(corners(likely[chosen, :4]), confidence, class_id)
