"""Painting the ground in perspective, along a road that bends and climbs.

For every 48th column of the picture it is worked out which place of the road each row shows; between these columns the
places lie on straight lines. Rows are painted in bands, each from textures that are averaged as much as a pixel there
sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from .camera import Camera
from .layout import Layout
from .light import Light
from .mesh import Array
from .paint import Image
from .road import Road
from .things import BACKDROP_M, TILE_M
from .tiles import ACROSS_M, ALONG_M, HALF_M, VARIANTS, averaged

_COLUMN_PX = 48
_FARTHEST_M = 480.0  # what lies further ahead looks as it does there
_AHEAD_M = np.geomspace(1.2, 20_000.0, 130)  # where the ground is looked up


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """What the rows from `first` on show: metres `along` the road and `aside` of it (rows, columns), `ahead` of the
    camera in its middle (rows,). The ground ends at the rows `top` (columns,).
    """

    first: int
    along: Array
    aside: Array
    ahead: Array
    top: Array


def spots_of(camera: Camera, road: Road) -> Spots | None:
    """None when the camera sees no ground."""
    along_m = camera.along_m
    width, height = camera.size
    near = road.part(along_m - 30.0, along_m + BACKDROP_M)
    columns = (np.arange(-1, math.ceil(width / _COLUMN_PX) + 1) + 0.5) * _COLUMN_PX
    sin, cos = math.sin(camera.pitch_rad), math.cos(camera.pitch_rad)
    above = near.at(along_m + _AHEAD_M)[:, 2] - camera.xyz_m[2]
    left = ((camera.centre_px[0] - columns) / camera.focal_px) * (_AHEAD_M * cos - above * sin)[:, None]
    yaw_sin, yaw_cos = math.sin(camera.yaw_rad), math.cos(camera.yaw_rad)
    ahead = _AHEAD_M[:, None]
    x = camera.xyz_m[0] + ahead * yaw_cos - left * yaw_sin
    y = camera.xyz_m[1] + ahead * yaw_sin + left * yaw_cos
    along, aside, up = near.nearest(x, y, along_m + np.broadcast_to(ahead, x.shape))
    above = up - camera.xyz_m[2]
    rows = camera.centre_px[1] - camera.focal_px * (ahead * sin + above * cos) / np.maximum(
        ahead * cos - above * sin, 0.3
    )
    edge = np.minimum.accumulate(rows, axis=0)[::-1]  # what lies lower than something nearer is hidden by it
    top = edge[0]
    first = max(0, math.floor(float(top.min())))
    if first >= height:
        return None
    wanted = np.arange(first, height) + 0.5
    places = np.empty((2, len(columns), len(wanted)))
    for column in range(len(columns)):
        for found, values in zip(places, (along, aside), strict=True):
            found[column] = np.interp(wanted, edge[:, column], values[::-1, column])
    middle = np.interp(wanted, edge[:, len(columns) // 2], _AHEAD_M[::-1])
    return Spots(first, np.minimum(places[0].T, along_m + _FARTHEST_M), places[1].T, middle, top)


def paint_ground(image: Image, camera: Camera, layout: Layout, light: Light, travels_m: float = 0.0) -> None:
    """The ground over the sky; `travels_m` is how far the camera gets while the shutter is open."""
    spots = spots_of(camera, layout.road)
    if spots is None:
        return
    uneven = min(math.ceil(float(spots.top.max())) + 1, image.shape[0])
    sky = image[spots.first : uneven].copy()
    _lay_tiles(image, camera, layout, spots, travels_m)
    _light_up(image[spots.first :], camera, spots, light)
    if len(sky):
        top = _widened(spots.top[None], image.shape[1])[0]
        is_sky = np.arange(spots.first, uneven)[:, None] + 0.5 < top
        np.copyto(image[spots.first : uneven], sky, where=is_sky[..., None])


def _lay_tiles(image: Image, camera: Camera, layout: Layout, spots: Spots, travels_m: float) -> None:
    middle = spots.along[:, spots.along.shape[1] // 2]
    seen_m = np.maximum(np.abs(np.gradient(middle)) if len(middle) > 1 else 1.0, travels_m)
    along = np.clip(np.rint(np.log2(np.maximum(seen_m, 1e-3) / ALONG_M)), 0, 8).astype(int)
    across = np.clip(np.rint(np.log2(spots.ahead / camera.focal_px / ACROSS_M)), 0, 6).astype(int)
    tiles = np.floor((spots.along - layout.x0_m) / TILE_M).astype(int)
    low, high = tiles.min(axis=1), tiles.max(axis=1)
    steps = np.flatnonzero(np.diff(along * 16 + across)) + 1
    for start, stop in pairwise([0, *steps.tolist(), len(middle)]):
        level = int(along[start]), int(across[start])
        x, y = _in_texture(spots, slice(start, stop), image.shape[1], level, layout.x0_m)
        for index in range(low[start:stop].min(), high[start:stop].max() + 1):
            rows = np.flatnonzero((low[start:stop] <= index) & (index <= high[start:stop]))
            if len(rows):
                part = slice(int(rows[0]), int(rows[-1]) + 1)
                source = averaged(layout.tile(index), index % VARIANTS, *level)
                down = y[part] - np.float32(index * (source.shape[0] - 2))
                first = spots.first + start + part.start
                cv2.remap(
                    source, x[part], down, cv2.INTER_LINEAR, dst=image[first : first + len(down)],
                    borderMode=cv2.BORDER_TRANSPARENT,
                )  # fmt: skip


def _in_texture(
    spots: Spots, rows: slice, width: int, level: tuple[int, int], x0_m: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """For all pixels of some rows: the column in the textures, and the row as if all tiles were one texture."""
    height, columns = averaged("street", 0, *level).shape[:2]
    along_m, across_m = TILE_M / (height - 2), 2 * HALF_M / columns
    aside = np.clip(spots.aside[rows], -HALF_M + 2 * across_m, HALF_M - 2 * across_m)
    x = (HALF_M - aside) / across_m - 0.5
    y = (spots.along[rows] - x0_m) / along_m + 0.5
    return _widened(x, width), _widened(y, width)


def _widened(values: npt.NDArray[np.generic], width: int) -> npt.NDArray[np.float32]:
    """Every 48th column as all columns of the picture."""
    rows, columns = values.shape[:2]
    size = (columns * _COLUMN_PX, rows)
    return np.asarray(cv2.resize(np.asarray(values, np.float32), size)[:, _COLUMN_PX : _COLUMN_PX + width], np.float32)


def _light_up(ground: Image, camera: Camera, spots: Spots, light: Light) -> None:
    """Noon becomes the light of the moment, and far becomes hazy."""
    ahead = spots.ahead[:, None]
    count, width = ground.shape[:2]
    if light.night == 0 and light.rain == 0:  # near the camera noon stays what it is
        count = int(np.searchsorted(-spots.ahead, -12.0))
        ahead = ahead[:count]
    if count == 0:
        return
    columns = (np.arange(-1, math.ceil(width / _COLUMN_PX) + 1) + 0.5) * _COLUMN_PX
    haze = 1 - np.exp(-ahead * light.haze_per_m)
    noon = np.array(light.ambient) + 0.85 * np.array(light.sun)
    wet = 1 - 0.30 * min(1.0, 2 * light.rain)
    gain = np.broadcast_to(wet * noon, (count, len(columns), 3))
    if light.headlights > 0:
        beam = 0.80 * light.beam(ahead, (camera.centre_px[0] - columns) / camera.focal_px * ahead)
        beam *= np.clip((ahead - 2.0) / 8.0, 0.25, 1.0)
        gain = gain + beam[..., None] * np.array([0.84, 0.95, 1.0])
    gain = np.minimum(gain, 1.0) * (1 - haze[..., None]) * 255 + 0.5
    size = (len(columns) * _COLUMN_PX, count)
    wide = cv2.resize(gain.astype(np.uint8), size)[:, _COLUMN_PX : _COLUMN_PX + width]
    added = (haze[..., None] * np.array(light.haze)).astype(np.uint8)
    part = ground[:count]
    cv2.multiply(part, wide, dst=part, scale=1 / 255)
    cv2.add(part, cv2.resize(added, (width, count), interpolation=cv2.INTER_NEAREST), dst=part)
