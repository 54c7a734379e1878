"""Networks with suppression already in the graph.

Either one output (batch, n, 6) of x0, y0, x1, y1, confidence, class index (YOLOv10, YOLO26, Ultralytics `nms=True`), or
four: how many (batch, 1), boxes (batch, n, 4), scores (batch, n), class indices (batch, n), as NVIDIA's EfficientNMS
and BatchedNMS plugins write them; what lies beyond the count is not read.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edge_runtime.config.schema import End2EndDecode, InputBlock
from edge_runtime.core import ClassTable
from edge_runtime.errors import OutputError

from .boxes import Candidates, DetectionDecoder
from .contract import Array, Mismatch, Outputs, Shapes, check_output, require_finite, the_output

Quartet = tuple[str, str, str, str]
USUAL_NAMES = (
    ("num_dets", "num_detections", "num"),
    ("boxes", "det_boxes", "bboxes", "detection_boxes", "nmsed_boxes"),
    ("scores", "det_scores", "detection_scores", "nmsed_scores"),
    ("classes", "det_classes", "labels", "detection_classes", "nmsed_classes"),
)


class End2End(DetectionDecoder):
    def __init__(self, block: End2EndDecode, input_block: InputBlock, table: ClassTable) -> None:
        super().__init__(block, table)
        self._output, self._outputs = block.output, block.outputs
        self._scale = np.array(input_block.size * 2 if block.normalized else (1, 1, 1, 1), np.float32)

    def check(self, outputs: Shapes) -> list[Mismatch]:
        names = self._quartet(outputs)
        if names is None:
            axes = ("batch", "n", "6")
            return check_output(outputs, self._output, "decode.output", axes, {2: 6})
        count, boxes, scores, classes = names
        key, flat = "decode.outputs", len(outputs.get(count, ())) == 1
        problems = [] if flat else check_output(outputs, count, key, ("batch", "1"), {1: 1})
        problems += check_output(outputs, boxes, key, ("batch", "n", "4"), {2: 4})
        problems += check_output(outputs, scores, key, ("batch", "n"))
        problems += check_output(outputs, classes, key, ("batch", "n"))
        if not problems:
            rows = {name: outputs[name][1] for name in (boxes, scores, classes)}
            if len({n for n in rows.values() if n is not None}) > 1:
                problems.append(Mismatch(key, f"the outputs differ in their number of boxes: {rows}"))
        return problems

    def candidates(self, outputs: Outputs, row: int) -> Candidates:
        names = self._quartet(outputs)
        if names is None:
            name = source = the_output(outputs, self._output)
            values = outputs[name][row]
            require_finite(name, values)
            boxes, scores, indices = values[:, :4], values[:, 4], values[:, 5]
        else:
            source = names[3]
            boxes, scores, indices = self._counted(outputs, names, row)
        likely = np.flatnonzero(scores >= self.confidence)
        class_id = self.classes.lookup(indices[likely], source)
        chosen = self.admit(scores[likely], class_id)
        rows = likely[chosen]
        xyxy = boxes.take(rows, axis=0).astype(np.float32, copy=False) * self._scale
        return Candidates(xyxy, scores[rows], class_id[chosen])

    @staticmethod
    def _counted(outputs: Outputs, names: Quartet, row: int) -> tuple[Array, Array, Array]:
        require_finite(names[0], outputs[names[0]][row])
        count, room = int(outputs[names[0]][row].ravel()[0]), outputs[names[1]].shape[1]
        if not 0 <= count <= room:
            raise OutputError(f"output '{names[0]}' counts {count} boxes, output '{names[1]}' has room for {room}")
        boxes, scores, indices = (outputs[name][row][:count] for name in names[1:])
        for name, values in zip(names[1:], (boxes, scores, indices), strict=True):
            require_finite(name, values)
        return boxes, scores, indices

    def _quartet(self, outputs: Iterable[str]) -> Quartet | None:
        """The names of the four outputs; None for a network with a single one."""
        if self._outputs is not None:
            return self._outputs
        present = set(outputs)
        if self._output is not None or len(present) == 1:
            return None
        found = [next((name for name in names if name in present), None) for names in USUAL_NAMES]
        count, boxes, scores, classes = found
        if count is None or boxes is None or scores is None or classes is None:
            return None
        return count, boxes, scores, classes
