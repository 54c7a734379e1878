"""Heads that give one box for each cell of some grids laid over the input."""

from __future__ import annotations

import numpy as np

from .facts import Array, mostly

_STRIDES = (4, 8, 16, 32, 64)


def levels(size: tuple[int, int], count: int) -> tuple[int, ...] | None:
    """The three or more strides whose grids have so many cells together, None where none do."""
    width, height = size
    cells = {stride: -(-width // stride) * -(-height // stride) for stride in _STRIDES}
    for length in (3, 4, 5):
        for first in (1, 0, 2):
            strides = _STRIDES[first : first + length]
            if len(strides) == length and sum(cells[stride] for stride in strides) == count:
                return strides
    return None


def on_the_grid(rows: Array, size: tuple[int, int], strides: tuple[int, ...]) -> bool:
    """Whether boxes lie where their cells are: a head that is decoded already."""
    centres, reach = [], []
    for stride in strides:
        y, x = np.mgrid[: -(-size[1] // stride), : -(-size[0] // stride)]
        centres.append((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride)
        reach.append(np.full(x.size, 3.0 * stride))
    away = np.abs(rows[:, :2] - np.concatenate(centres)).max(axis=1)
    return mostly(away <= np.concatenate(reach), 0.8)
