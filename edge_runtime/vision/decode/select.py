"""Boxes out of raw heads with a score column for each class: most candidates go before anything else is computed.

`select_rows` defines what `cuda/select.cu` does on a GPU.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge_runtime.core import Detections
from edge_runtime.core.reduction import RowSelection, Selected, SelectedRows

from ..resize import ViewTransform
from .boxes import Candidates, DetectionDecoder
from .class_map import DROPPED
from .contract import Array, Outputs, SelectiveDecoder, Shapes, require_finite


class RowDecoder(DetectionDecoder, SelectiveDecoder):
    """A family that computes boxes only of the candidates whose best class is likely enough."""

    _selection: RowSelection | None = None

    @abstractmethod
    def selection(self, outputs: Shapes) -> RowSelection: ...

    @abstractmethod
    def read(self, selected: SelectedRows) -> Candidates:
        """A box for each of the selected candidates, in their order, also where its class is not kept."""

    def candidates(self, outputs: Outputs, row: int) -> Candidates:
        if self._selection is None:
            self._selection = self.selection({name: value.shape for name, value in outputs.items()})
        return self._kept(select_rows(outputs, row, self._selection))

    def decode_selected(self, selected: Selected, views: Sequence[ViewTransform]) -> list[Detections]:
        if not isinstance(selected, SelectedRows):
            raise TypeError(f"boxes are read from selected rows, not from {type(selected).__name__}")
        return self.finish(self._kept(selected), views)

    def _kept(self, selected: SelectedRows) -> Candidates:
        """Their best class is likely enough, which is why they were selected; it may be one that is dropped."""
        found = self.read(selected)
        if len(selected.counts) > 1:
            found = replace(found, view=np.arange(len(selected.counts)).repeat(selected.counts))
        return found.take((found.class_id != DROPPED).nonzero()[0]) if self.classes.drops else found


def select_rows(outputs: Outputs, row: int, selection: RowSelection) -> SelectedRows:
    """The candidates of a batch row that `selection` keeps. Raises OutputError for NaN or infinity anywhere in it."""
    tables: list[Array] = []
    for name in selection.outputs:
        require_finite(name, outputs[name][row])
        tables.append(outputs[name][row] if selection.axis == 1 else outputs[name][row].T)
    scores = tables[-1]
    if selection.objectness is None:
        good = np.flatnonzero(_best(scores, selection.columns) >= selection.threshold)
    else:  # a class score is at most 1, so objectness alone rules most of them out
        objectness = scores[:, selection.objectness].astype(np.float32, copy=False)
        likely = np.flatnonzero(objectness >= selection.threshold)
        best = _best(scores[likely], selection.columns) * objectness[likely]
        good = likely[best >= selection.threshold]
    columns = tuple(table[good].astype(np.float32, copy=False) for table in tables)
    return SelectedRows(good, columns, (len(good),))


def _best(scores: Array, columns: npt.NDArray[np.intp]) -> Array:
    """The largest of some columns (k,) of scores (n, …); a slice of them is a view, where a list would be a copy."""
    first, last = int(columns[0]), int(columns[-1])
    chosen = scores[:, first : last + 1] if last - first + 1 == len(columns) else scores[:, columns]
    best: Array = chosen.max(axis=1, initial=-np.inf).astype(np.float32, copy=False)
    return best
