"""What is worth fetching of a network's raw outputs, so that a GPU can leave the rest where it is.

A decoder says which (`vision.decode`), `cuda.reduce` does it on the GPU, and the decoder reads the outcome. Nothing is
lost: the outcome is exactly what the decoder would have picked out of the whole outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class RowSelection:
    """Keep the candidates whose best score reaches `threshold`.

    Candidates lie along axis `axis` (1 or 2) of every output named in `outputs`, their columns along the other one. A
    score is the largest of `columns` of the last output, times its column `objectness` if there is one, in float32.
    """

    outputs: tuple[str, ...]
    axis: int
    columns: npt.NDArray[np.intp]
    objectness: int | None
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class PlaneSelection:
    """Keep, for each output (batch, classes, h, w), where each of its class indices has the largest value.

    `heads` are pairs of an output's name and indices (n,) into its classes; the first of equal values wins. All outputs
    have the same height and width.
    """

    heads: tuple[tuple[str, npt.NDArray[np.intp]], ...]


Selection = RowSelection | PlaneSelection


@dataclass(frozen=True, slots=True, eq=False)
class SelectedRows:
    """Candidates of one or several batch rows, one row after another. Belongs to the caller.

    `index` (k,) ascends within a row, `columns` are (k, columns) of each output, `counts` says how many each row has.
    """

    index: npt.NDArray[np.intp]
    columns: tuple[Array, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SelectedPlanes:
    """For each batch row (n, h, w) uint8, 1 where the class is, all heads' indices one after the other.

    Valid as long as the outputs it was made of.
    """

    planes: tuple[npt.NDArray[np.uint8], ...]


Selected = SelectedRows | SelectedPlanes
