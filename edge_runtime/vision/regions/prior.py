"""The source that knows the map: where lights and signs are expected, before anything has been seen of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from edge_runtime.config.block_file import load_block
from edge_runtime.config.schema import Block, CalibrationBlock, Float, Positive, PriorRegions, Text
from edge_runtime.config.words import did_you_mean, either
from edge_runtime.core import Detections
from edge_runtime.errors import ConfigError, Problem

from .camera import project
from .proposals import NEVER_SHED, ClassValues, Flags, Floats, Ints, Picture, Proposals, staleness
from .scene import Looked, PriorCallback, Scene

_ENOUGH_PX = 32.0  # of network height: the whole frame shows it well
_LEAST_PX = 3.0  # of network height: below it a region shows nothing either
_SOON_NS = 1_000_000_000  # a point that was not looked at for longer is not more urgent

Metres = Annotated[Float, Field(ge=-1e8, le=1e8)]


class MapPoint(Block):
    """One light or sign: the middle of it, and its size across and up."""

    class_name: Text = Field(alias="class", description="the name the network has for it", examples=["traffic light"])
    xyz_m: tuple[Metres, Metres, Metres] = Field(
        description="[x, y, z] in metres: ahead, to the left, up", examples=[[150.0, 3.5, 5.2]]
    )
    size_m: tuple[Positive, Positive] = Field(description="[width, height] in metres", examples=[[0.35, 1.0]])


class MapFile(Block):
    points: tuple[MapPoint, ...] = Field(
        description="lights and signs",
        examples=[[{"class": "traffic light", "xyz_m": [150.0, 3.5, 5.2], "size_m": [0.35, 1.0]}]],
    )


class Prior:
    """A map file, a callback or both. A frame whose pose is not known gets nothing from the file."""

    def __init__(
        self,
        block: PriorRegions,
        calibration: CalibrationBlock | None,
        classes: ClassValues,
        callback: PriorCallback | None,
    ) -> None:
        self._block, self._calibration, self._classes, self._callback = block, calibration, classes, callback
        points: Sequence[MapPoint] = ()
        if block.file is not None:
            if calibration is None:
                what = "a map needs to know how the camera looks at the road"
                fix = "add `calibration: {focal_px: [1660, 1660], centre_px: [960, 540], height_m: 1.4}` to the source"
                raise ConfigError([Problem("source.calibration", what, fix)])
            points = _read(block.file, classes)
        elif callback is None:
            raise ConfigError([Problem("regions.from.prior", "has no map", "write `prior: {file: map.json}`")])
        self._xyz = np.array([point.xyz_m for point in points], np.float64).reshape(-1, 3)
        self._size = np.array([point.size_m for point in points], np.float64).reshape(-1, 2)
        self._class_id = np.array([classes.ids[point.class_name] for point in points], np.int64)
        self.reset()

    def reset(self) -> None:
        self._looked_ns = np.full(len(self._xyz), np.iinfo(np.int64).min)
        self._rows = np.empty(0, np.intp)

    def propose(self, scene: Scene, picture: Picture) -> Proposals:
        xyxy, class_id = self._on_map(scene)
        known_ns: Ints = np.maximum(self._looked_ns[self._rows], scene.t_ns - _SOON_NS)
        if self._callback is not None:
            expected = self._callback(scene)
            called = np.array([one.xyxy for one in expected], np.float64).reshape(-1, 4)
            ids = [self._classes.ids.get(one.class_name, -1) for one in expected]
            xyxy, class_id = np.concatenate([xyxy, called]), np.concatenate([class_id, np.array(ids, np.int64)])
            known_ns = np.concatenate([known_ns, np.full(len(ids), scene.t_ns, np.int64)])
        height = xyxy[:, 3] - xyxy[:, 1]
        width, frame_height = picture.frame
        with np.errstate(invalid="ignore"):
            there = np.isfinite(xyxy).all(axis=1) & (height * picture.region_scale >= _LEAST_PX)
            there &= (xyxy[:, 0] < width) & (xyxy[:, 1] < frame_height) & (xyxy[:, 2] > 0) & (xyxy[:, 3] > 0)
        xyxy = np.where(there[:, None], xyxy, 0.0)
        gain = picture.seen_better(np.where(there, height, 0.0), _ENOUGH_PX)
        margin = self._block.margin_px
        value = self._block.weight * self._classes.weight[class_id] * gain * staleness(known_ns, scene.t_ns)
        tier = np.where(self._classes.never_shed[class_id], NEVER_SHED, 0)
        self._names = class_id
        return Proposals(xyxy + np.array((-margin, -margin, margin, margin)), value, tier)

    def _on_map(self, scene: Scene) -> tuple[Floats, Ints]:
        """Boxes of the points ahead of the camera, and their classes."""
        if scene.pose is None or self._calibration is None or not len(self._xyz):
            self._rows = np.empty(0, np.intp)
            return np.empty((0, 4)), np.empty(0, np.int64)
        pixels, scale = project(self._xyz, scene.pose, self._calibration)
        self._rows = np.flatnonzero(scale[:, 0] > 0)
        half = self._size[self._rows] * scale[self._rows] / 2
        middle = pixels[self._rows]
        return np.concatenate([middle - half, middle + half], axis=1), self._class_id[self._rows]

    def reason(self, row: int) -> str:
        name = next((name for name, class_id in self._classes.ids.items() if class_id == self._names[row]), "")
        return f"prior {name}".rstrip()

    def chosen(self, rows: Flags, t_ns: int) -> None:
        self._looked_ns[self._rows[rows[: len(self._rows)]]] = t_ns

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        """A map is not corrected by what is seen."""


def _read(file: Path, classes: ClassValues) -> Sequence[MapPoint]:
    """The points whose class the network knows; a map may hold more. Raises `ConfigError`."""
    points = load_block(file, MapFile).points
    known = [point for point in points if point.class_name in classes.ids]
    if points and not known:
        names = list(dict.fromkeys(point.class_name for point in points))
        guess = did_you_mean(names[0], classes.ids) or f"the network knows {either(list(classes.ids)[:10], 'and')}"
        what = f"the network knows none of its classes: {either(names[:5], 'and')}"
        raise ConfigError([Problem("points", what, guess, str(file))])
    return known
