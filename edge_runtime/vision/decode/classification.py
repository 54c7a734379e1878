"""One class for a whole view: an output (batch, classes), also with trailing axes of length 1."""

from __future__ import annotations

import numpy as np

from edge_runtime.config.schema import ClassificationDecode
from edge_runtime.core import ClassTable, Detections

from ..resize import ViewTransform
from .class_map import ClassMap
from .contract import Array, Decoder, Mismatch, Outputs, Shapes, check_output, require_finite, the_output


class ClassificationDecoder(Decoder):
    """The best of the named classes, as one box around the view."""

    def __init__(self, block: ClassificationDecode, table: ClassTable) -> None:
        self.classes = ClassMap(block, table)
        self._output = block.output
        self._activation = block.activation

    def check(self, outputs: Shapes) -> list[Mismatch]:
        flat = {name: _without_ones(shape) for name, shape in outputs.items()}
        if problems := check_output(flat, self._output, "decode.output", ("batch", "classes")):
            return problems
        name = the_output(outputs, self._output)
        return self.classes.check(name, flat[name][1])

    def decode(self, outputs: Outputs, row: int, view: ViewTransform) -> Detections:
        self._require(outputs)
        name = the_output(outputs, self._output)
        values = outputs[name][row].reshape(1, -1).astype(np.float32, copy=False)
        require_finite(name, values)
        confidence, class_id = self.classes.best(self._probabilities(values))
        return Detections.of([view.view], confidence, class_id)

    def _probabilities(self, values: Array) -> Array:
        if self._activation == "softmax":
            powers = np.exp(values - values.max())
            return np.asarray(powers / powers.sum())
        if self._activation == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-np.maximum(values, -80))))
        return values


def _without_ones(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return shape
