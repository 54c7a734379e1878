"""Per-pixel classes: each head is one output (batch, classes, h, w) of logits or scores, the largest of which wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import InputBlock, SegmentationDecode
from edge_runtime.core import ClassTable, Masks
from edge_runtime.core.reduction import PlaneSelection, Selected, SelectedPlanes

from ..resize import ViewTransform
from .class_map import ClassMap
from .contract import Mismatch, Outputs, SelectiveDecoder, Shapes, check_output, describe, require_finite


class SegmentationDecoder(SelectiveDecoder):
    """One mask for every named class of every head, at the heads' own resolution, without the padding."""

    def __init__(self, block: SegmentationDecode, input_block: InputBlock, table: ClassTable) -> None:
        self._heads = [(head.output, ClassMap(head, table)) for head in block.heads]
        self._class_id = np.concatenate([classes.ids for _, classes in self._heads])
        self._size = input_block.size

    def check(self, outputs: Shapes) -> list[Mismatch]:
        problems: list[Mismatch] = []
        for number, (name, classes) in enumerate(self._heads):
            key = f"decode.heads.{number}"
            missing = check_output(outputs, name, f"{key}.output", ("batch", "classes", "height", "width"))
            problems += missing or classes.check(name, outputs[name][1], f"{key}.classes")
        if problems:
            return problems
        sizes = {name: outputs[name][2:] for name, _ in self._heads if None not in outputs[name][2:]}
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"'{name}' {describe(size)}" for name, size in sizes.items())
            problems.append(Mismatch("decode.heads", f"the heads differ in height and width: {found}"))
        return problems

    def decode(self, outputs: Outputs, row: int, view: ViewTransform) -> Masks:
        self._require(outputs)
        height, width = outputs[self._heads[0][0]].shape[2:]
        left, top, right, bottom = self._picture(view, width, height)
        planes = np.empty((len(self._class_id), bottom - top, right - left), np.uint8)
        first = 0
        for name, classes in self._heads:
            values = outputs[name][row, :, top:bottom, left:right]
            require_finite(name, values)
            _winners(values, classes.indices, planes[first : first + len(classes.ids)])
            first += len(classes.ids)
        return self._masks(planes, view, (left, top, right, bottom), width, height)

    def selection(self, outputs: Shapes) -> PlaneSelection:
        return PlaneSelection(tuple((name, classes.indices) for name, classes in self._heads))

    def decode_selected(self, selected: Selected, views: Sequence[ViewTransform]) -> list[Masks]:
        if not isinstance(selected, SelectedPlanes):
            raise TypeError(f"masks are read from selected planes, not from {type(selected).__name__}")
        found = []
        for planes, view in zip(selected.planes, views, strict=True):
            height, width = planes.shape[1:]
            left, top, right, bottom = picture = self._picture(view, width, height)
            found.append(self._masks(planes[:, top:bottom, left:right].copy(), view, picture, width, height))
        return found

    def _picture(self, view: ViewTransform, width: int, height: int) -> tuple[int, int, int, int]:
        """The cells of a head that lie inside the picture and not in its padding."""
        x, y = width / self._size[0], height / self._size[1]
        left, right = _inside(view.picture[0] * x, view.picture[2] * x, width)
        top, bottom = _inside(view.picture[1] * y, view.picture[3] * y, height)
        return left, top, right, bottom

    def _masks(
        self,
        planes: npt.NDArray[np.uint8],
        view: ViewTransform,
        cells: tuple[int, int, int, int],
        width: int,
        height: int,
    ) -> Masks:
        corner = np.array([cells]) / np.array([width, height] * 2) * np.array(self._size * 2)
        x0, y0, x1, y1 = view.clip(view.to_frame(corner))[0].tolist()
        return Masks(planes, self._class_id, (x0, y0, x1, y1))


def _inside(low: float, high: float, length: int) -> tuple[int, int]:
    """The whole cells between two edges, at least one."""
    first = min(math.ceil(low - 1e-6), length - 1)
    return first, max(math.floor(high + 1e-6), first + 1)


def _winners(values: npt.NDArray[Any], indices: npt.NDArray[np.intp], planes: npt.NDArray[np.uint8]) -> None:
    """Set planes (n, h, w) to where each of n indices has the largest of values (classes, h, w); the first of equals.

    Going through the classes one plane at a time is several times faster than `argmax` across planes.
    """
    best = values[0].copy()
    winner = np.zeros(best.shape, np.uint16)
    higher = np.empty(best.shape, bool)
    for index in range(1, len(values)):
        np.greater(values[index], best, out=higher)
        np.copyto(best, values[index], where=higher)
        np.copyto(winner, index, where=higher)
    for plane, index in zip(planes, indices, strict=True):
        np.equal(winner, index, out=plane.view(bool))
