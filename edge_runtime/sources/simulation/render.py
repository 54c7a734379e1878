"""Painting a drive: any picture of it, whole or only a part, without painting others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from . import ground, paint, sky, sprites, weather
from .camera import Camera
from .figures import TREES
from .light import STEPS, Light, light_at
from .materials import LIT, has_lamps_on, lit
from .mesh import Mesh
from .paint import Image
from .scene import Drive
from .things import Thing
from .view import View, views

SHARPER = 0.35  # of two sizes of a sprite, rather the larger
_CLIP_M = 3.0  # a house begins no nearer than this; at its distance aside, that is outside of every picture


class Renderer:
    """Paints the pictures of one drive. Nothing is kept between two pictures but what only saves time."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive

    def picture(self, index: int, xyxy: tuple[int, int, int, int] | None = None) -> Image:
        """(H, W, 3) uint8 BGR; `xyxy` is the part of the picture to paint, at its own resolution."""
        drive = self._drive
        camera = drive.camera(index)
        if xyxy is not None:
            camera = camera.cropped(xyxy)
        light = light_at(round(drive.night(index) * STEPS), drive.block.rain)
        width, height = camera.size
        image = np.empty((height, width, 3), np.uint8)
        sky.paint_sky(image, camera, light, drive.block.seed)
        ground.paint_ground(image, camera, drive.layout, drive.speed_mps(index) * drive.exposure_s(index))
        ground.light_ground(image, camera, light)
        speed_mps, exposure_s = drive.speed_mps(index), drive.exposure_s(index)
        paint_things(image, drive.things(index), camera, light, speed_mps, exposure_s)
        nod_rad = math.radians(drive.nod_deg(drive.t_s(index) + exposure_s) - drive.nod_deg(drive.t_s(index)))
        paint.smear_rows(image, abs(nod_rad) * camera.focal_px)
        weather.paint_weather(image, drive, index, light)
        return image


def paint_things(
    image: Image, things: Sequence[Thing], camera: Camera, light: Light, speed_mps: float = 0.0, exposure_s: float = 0.0
) -> None:
    """The things over what is painted already, in their order; what moves past the camera is smeared."""
    seen_things = views(things, camera)
    for seen, colours in zip(seen_things, lit(seen_things, camera, light), strict=True):
        thing = seen.thing
        smear = _smear(seen, camera, (speed_mps - thing.along_mps) * exposure_s)
        if thing.model == "tree":
            _paint_tree(image, thing, camera, light, smear)
        elif thing.model in ("house", "row house"):
            _paint_house(image, seen, camera, light)
        elif thing.category == "traffic sign":
            ahead = max(seen.nearest_m, 1.0)
            beam = min(16, round(16 * 1.6 * float(light.beam(ahead, 0.5 * (thing.xyz_m[1] - camera.xyz_m[1])))))
            level = paint.level_of(sprites.sign(thing.model), seen.box[3] - seen.box[1], SHARPER)
            face = sprites.lit_sign(thing.model, level, light, beam, _haze_step(light, ahead))
            paint.sprite(image, face, seen.box, smear)
        else:
            paint.faces(image, seen, colours, smear)
            _paint_glow(image, seen, light)


def _smear(seen: View, camera: Camera, nearer_m: float) -> tuple[float, float]:
    """By how many pixels a thing moves while it comes this much nearer."""
    x0, y0, x1, y1 = seen.box
    share = nearer_m / max(seen.thing.xyz_m[0] - camera.xyz_m[0], 3.0)
    return share * ((x0 + x1) / 2 - camera.centre_px[0]), share * ((y0 + y1) / 2 - camera.horizon_px)


def _haze_step(light: Light, ahead_m: float) -> int:
    return round(float(light.haze_at(ahead_m)) * sprites.HAZE_STEPS)


def _paint_tree(image: Image, thing: Thing, camera: Camera, light: Light, smear: tuple[float, float]) -> None:
    (foot, top), depth = camera.project(np.array([thing.xyz_m, (*thing.xyz_m[:2], thing.scale)]))
    if depth[0] < 2.0:
        return
    half = sprites.TREE_HALF * (foot[1] - top[1])
    variant = thing.shape % TREES
    level = paint.level_of(sprites.tree(variant), foot[1] - top[1], SHARPER)
    face = sprites.lit_tree(variant, level, light, _haze_step(light, float(depth[0])))
    paint.sprite(image, face, (foot[0] - half, top[1], foot[0] + half, foot[1]), smear)


def _paint_house(image: Image, seen: View, camera: Camera, light: Light) -> None:
    """The two fronts that can be seen: the one along the road and the one that faces the camera."""
    thing = seen.thing
    length, depth, height = thing.size_m
    x, y, _ = thing.xyz_m
    side = -1.0 if y < camera.xyz_m[1] else 1.0
    near_y = y - side * depth / 2
    start, stop = x - length / 2, x + length / 2
    first = max(start, camera.xyz_m[0] + _CLIP_M)
    if first >= stop:
        return
    shape = thing.shape
    if thing.model == "house" and start > camera.xyz_m[0] + _CLIP_M:
        quad = [
            (start, y + side * depth / 2, height),
            (start, near_y, height),
            (start, near_y, 0.0),
            (start, y + side * depth / 2, 0.0),
        ]
        shaded: tuple[int, int, int] = tuple(round(0.82 * tone) for tone in thing.colour)  # type: ignore[assignment]
        _warp(image, camera, light, sprites.front(shaded, depth, height, shape + 1, light), quad, (0.0, 1.0))
    quad = [(first, near_y, height), (stop, near_y, height), (stop, near_y, 0.0), (first, near_y, 0.0)]
    mips = sprites.front(thing.colour, round(length, 1), height, shape, light)
    _warp(image, camera, light, mips, quad, ((first - start) / length, 1.0))


def _warp(
    image: Image, camera: Camera, light: Light, mips: tuple[Image, ...], quad: list[tuple[float, float, float]],
    across: tuple[float, float],
) -> None:  # fmt: skip
    pixels, _ = camera.project(np.array(quad))
    tall = max(pixels[3, 1] - pixels[0, 1], pixels[2, 1] - pixels[1, 1])
    wide = abs(pixels[1, 0] - pixels[0, 0])
    # A front along the road is seen at a slant: the mean of what its rows and its columns need.
    wanted = math.sqrt(max(tall, 1.0) * max(1.0, wide * mips[0].shape[0] / mips[0].shape[1]))
    source = mips[paint.level_of(mips, min(wanted, tall))]
    height, width = image.shape[:2]
    x0, y0 = (max(0, math.floor(edge)) for edge in pixels.min(axis=0))
    x1, y1 = min(width, math.ceil(pixels[:, 0].max())), min(height, math.ceil(pixels[:, 1].max()))
    if x0 >= x1 or y0 >= y1:
        return
    middle = np.mean([point[0] for point in quad]) - camera.xyz_m[0]
    haze = float(light.haze_at(float(middle)))
    if haze > 0.02:
        fade = np.column_stack([np.eye(3) * (1 - haze), np.array(light.haze) * haze])
        source = np.asarray(cv2.transform(source, fade), np.uint8)
    rows, columns = source.shape[:2]
    left, right = across[0] * columns - 0.5, across[1] * columns - 0.5
    corners = np.array([[left, -0.5], [right, -0.5], [right, rows - 0.5], [left, rows - 0.5]], np.float32)
    matrix = cv2.getPerspectiveTransform((pixels - (x0 + 0.5, y0 + 0.5)).astype(np.float32), corners)
    part = image[y0:y1, x0:x1]
    cv2.warpPerspective(
        source, matrix, (x1 - x0, y1 - y0), dst=part, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip


def _paint_glow(image: Image, seen: View, light: Light) -> None:
    """The bloom of lamps: small by day, wide at night."""
    mesh, dark = seen.mesh, min(1.0, light.night)
    for face, name in _blooming(mesh, has_lamps_on(seen.thing, light)):
        if not seen.shown[face]:
            continue
        points = seen.pixels[mesh.starts[face] : mesh.starts[face + 1]]
        x, y = points.mean(axis=0).tolist()
        day, night, strength = _BLOOM[name]
        radius_px = float(np.ptp(points[:, 1])) / 2 * (day * (1 - dark) + night * dark)
        radius_px = min(max(radius_px, 1.6 + 5.0 * dark), 220.0)
        paint.glow(image, (x, y), radius_px, LIT[name], strength * (0.35 + 0.65 * dark))


@lru_cache(maxsize=512)
def _blooming(mesh: Mesh, lamps_on: bool) -> tuple[tuple[int, str], ...]:
    """The faces with a bloom and their materials."""
    named = enumerate(mesh.material)
    return tuple((face, name) for face, name in named if name in _BLOOM and (lamps_on or name.startswith("lit")))


# How many times its radius a lamp blooms by day and at night, and how strongly.
_BLOOM = {
    "lit red": (1.8, 5.0, 0.9),
    "lit yellow": (1.8, 5.0, 0.9),
    "lit green": (1.8, 5.0, 0.9),
    "tail high": (1.5, 6.0, 0.7),
    "head": (2.0, 16.0, 1.0),
    "street lamp": (2.0, 16.0, 0.9),
}
