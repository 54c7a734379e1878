"""YOLOX (Ge et al. 2021), raw head as Megvii's exporter writes it without `--decode_in_inference`.

Output (batch, boxes, 5 + classes): x, y, w, h, objectness, class scores, the last two through a sigmoid already. With
the cells of every stride's grid one after the other, centre = (x, y + cell) * stride and size = exp(w, h) * stride;
score = objectness * class.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.config.schema import InputBlock, YoloxDecode
from edge_runtime.core import ClassTable
from edge_runtime.core.reduction import RowSelection, SelectedRows

from .boxes import Candidates, corners
from .contract import Mismatch, Shapes, check_output, the_output
from .select import RowDecoder

_WIDEST = 20.0  # exp of it is past any picture, and not yet past a float


class Yolox(RowDecoder):
    def __init__(self, block: YoloxDecode, input_block: InputBlock, table: ClassTable) -> None:
        super().__init__(block, table)
        self._output = block.output
        self._size = input_block.size
        self._strides = block.strides
        levels = [_grid(*input_block.size, stride) for stride in block.strides]
        self._cell = np.concatenate(levels)
        strides = [np.full((len(level), 1), stride) for level, stride in zip(levels, block.strides, strict=True)]
        self._stride = np.concatenate(strides).astype(np.float32)

    def check(self, outputs: Shapes) -> list[Mismatch]:
        if problems := check_output(outputs, self._output, "decode.output", ("batch", "boxes", "5 + classes")):
            return problems
        name = the_output(outputs, self._output)
        _, boxes, columns = outputs[name]
        problems = self.classes.check(name, None if columns is None else columns - 5)
        if boxes not in (None, len(self._cell)):
            width, height = self._size
            makes = f"size [{width}, {height}] with strides {list(self._strides)} makes {len(self._cell)}"
            fix = "Write the strides of the network's levels, and the size it was exported for"
            problems.append(Mismatch("decode.strides", f"output '{name}' has {boxes} boxes, {makes}", fix))
        return problems

    def selection(self, outputs: Shapes) -> RowSelection:
        return RowSelection((the_output(outputs, self._output),), 1, self.classes.indices + 5, 4, self.confidence)

    def read(self, selected: SelectedRows) -> Candidates:
        (likely,) = selected.columns
        score, class_id = self.classes.best(likely[:, 5:])
        stride = self._stride.take(selected.index, axis=0)
        centre = (likely[:, :2] + self._cell.take(selected.index, axis=0)) * stride
        size = np.exp(np.minimum(likely[:, 2:4], _WIDEST)) * stride
        return Candidates(corners(centre, size), score * likely[:, 4], class_id)


def _grid(width: int, height: int, stride: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Cells (n, 2) as x, y of the grid that one stride lays over the input, row by row."""
    y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
