"""Sources that know places of the picture: rectangles of the file, tiles in turn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edge_runtime.config.schema import ExploreRegions, FixedRegions
from edge_runtime.core import Detections

from .proposals import Flags, Floats, LastLooks, Picture, Proposals
from .scene import Looked, Scene


class Fixed:
    """Rectangles of the file, cut at the frame's edges; one outside the frame is not looked at."""

    def __init__(self, block: FixedRegions) -> None:
        self._block = block
        self._rects = np.array(block.rects, np.float64)
        self.reset()

    def reset(self) -> None:
        self._looks = LastLooks(len(self._rects))

    def propose(self, scene: Scene, picture: Picture) -> Proposals:
        xyxy = np.minimum(self._rects, np.array(picture.frame * 2, np.float64))
        there = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
        return Proposals.open(xyxy, there * self._block.weight * self._looks.staleness(scene.t_ns))

    def reason(self, row: int) -> str:
        return "fixed"

    def chosen(self, rows: Flags, t_ns: int) -> None:
        self._looks.look(rows, t_ns)

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        """Nothing that is seen moves them."""


class Explore:
    """Tiles that cover the whole frame, the one that was not looked at for longest first, so that none never is."""

    def __init__(self, block: ExploreRegions, most: int) -> None:
        self._block, self._most = block, most
        self.reset()

    def reset(self) -> None:
        self._picture: Picture | None = None

    def propose(self, scene: Scene, picture: Picture) -> Proposals:
        if picture != self._picture:
            self._picture = picture
            self._tiles = _tiles(picture, self._block.overlap)
            self._looks = LastLooks(len(self._tiles))
        staleness = self._looks.staleness(scene.t_ns)
        self._rows = np.argsort(-staleness, kind="stable")[: self._most]
        return Proposals.open(self._tiles[self._rows], self._block.weight * staleness[self._rows])

    def reason(self, row: int) -> str:
        return "explore"

    def chosen(self, rows: Flags, t_ns: int) -> None:
        self._looks.look(self._rows[rows], t_ns)

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        """Every tile is looked at in turn, whatever was found."""


def _tiles(picture: Picture, overlap: float) -> Floats:
    """(n, 4), row by row from the top left."""
    starts = []
    for frame, tile in zip(picture.frame, picture.region, strict=True):
        step = tile * (1 - overlap)
        count = 1 + math.ceil((frame - tile) / step - 1e-9)
        starts.append(np.round(np.linspace(0, frame - tile, count)))
    x, y = np.meshgrid(*starts)
    corner = np.stack([x.ravel(), y.ravel()], axis=1)
    return np.concatenate([corner, corner + np.array(picture.region)], axis=1)
