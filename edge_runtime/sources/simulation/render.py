"""Painting a drive: any picture of it, whole or only a part, without painting others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from . import ground, paint, sky, sprites, weather
from .camera import Camera
from .cover import hidden
from .figures import TREES, TRUNK, mesh_of
from .light import STEPS, Light, light_at
from .materials import LIT, lit, shining
from .mesh import Array, Mesh
from .paint import Image
from .road import STRAIGHT, Road
from .scene import Drive
from .things import Thing
from .view import View, model_of, views

SHARPER = 0.35  # of two sizes of a sprite, rather the larger
_SIDES, _ENDS, _TOP = (0, 1), (2, 3), 4  # faces of a house
_ALONG = ("rail", "barrier", "hedge")
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
        speed_mps, exposure_s = drive.speed_mps(index), drive.exposure_s(index)
        ground.paint_ground(image, camera, drive.layout, light, speed_mps * exposure_s)
        paint_things(image, drive.things(index), camera, light, drive.road, speed_mps, exposure_s)
        nod_rad = math.radians(drive.nod_deg(drive.t_s(index) + exposure_s) - drive.nod_deg(drive.t_s(index)))
        turn_rad = drive.road.bend(camera.along_m) * speed_mps * exposure_s
        paint.smear(image, abs(turn_rad) * camera.focal_px, abs(nod_rad) * camera.focal_px)
        weather.paint_weather(image, drive, index, light)
        return image


def paint_things(
    image: Image, things: Sequence[Thing], camera: Camera, light: Light, road: Road = STRAIGHT,
    speed_mps: float = 0.0, exposure_s: float = 0.0,
) -> None:  # fmt: skip
    """The things over what is painted already, in their order; what moves past the camera is smeared."""
    seen_things = views(things, camera, road)
    seen_things = [one for one, is_hidden in zip(seen_things, hidden(seen_things), strict=True) if not is_hidden]
    for seen, colours in zip(seen_things, lit(seen_things, camera, light), strict=True):
        thing, whole = seen.thing, image
        if seen.ground_px < image.shape[0]:
            image = image[: max(math.ceil(seen.ground_px), 0)]
        smear = _smear(seen, camera, (speed_mps - thing.along_mps) * exposure_s)
        if thing.model == "tree":
            _paint_tree(image, seen, light, smear)
        elif thing.model in ("house", "row house"):
            _paint_house(image, seen, camera, light, road)
        elif thing.category == "traffic sign":
            ahead = max(seen.nearest_m, 1.0)
            aside = (camera.centre_px[0] - seen.box[0]) / camera.focal_px * ahead
            beam = min(16, round(16 * 1.6 * float(light.beam(ahead, 0.5 * aside))))
            level = paint.level_of(sprites.sign(thing.model), seen.box[3] - seen.box[1], SHARPER)
            face = sprites.lit_sign(thing.model, level, light, beam, _haze_step(light, ahead))
            paint.sprite(image, face, seen.box, smear)
        else:
            paint.faces(image, seen, colours, smear)
            _paint_glow(image, seen, light)
        image = whole


def _smear(seen: View, camera: Camera, nearer_m: float) -> tuple[float, float]:
    """By how many pixels a thing moves while it comes this much nearer; what runs along the road looks the same."""
    if seen.thing.model.startswith(_ALONG):
        return paint.STILL
    x0, y0, x1, y1 = seen.box
    share = nearer_m / max(seen.nearest_m, 3.0)
    return share * ((x0 + x1) / 2 - camera.centre_px[0]), share * ((y0 + y1) / 2 - camera.horizon_px)


def _haze_step(light: Light, ahead_m: float) -> int:
    return round(float(light.haze_at(ahead_m)) * sprites.HAZE_STEPS)


def _paint_tree(image: Image, seen: View, light: Light, smear: tuple[float, float]) -> None:
    if seen.nearest_m < 2.0:
        return
    (x, foot), (_, fork) = seen.pixels[:2].mean(axis=0).tolist(), seen.pixels[2:4].mean(axis=0).tolist()
    tall = (foot - fork) / TRUNK
    half, variant = sprites.TREE_HALF * tall, seen.thing.shape % TREES
    level = paint.level_of(sprites.tree(variant), tall, SHARPER)
    face = sprites.lit_tree(variant, level, light, _haze_step(light, seen.nearest_m))
    paint.sprite(image, face, (x - half, foot - tall, x + half, foot), smear)


def _paint_house(image: Image, seen: View, camera: Camera, light: Light, road: Road) -> None:
    """The walls and the roof that are turned to the camera."""
    thing = seen.thing
    length, depth, height = thing.size_m
    start, stop = thing.xyz_m[0] - length / 2, thing.xyz_m[0] + length / 2
    near = max(start, camera.along_m + _CLIP_M)
    if near >= stop:
        return
    pixels = seen.pixels if near == start else _clipped(thing, near, camera, road)
    shown = seen.shown.tolist()
    if shown[_TOP]:
        corners = np.rint(pixels[4 * _TOP :].clip(-8000, 8000) * 16).astype(np.int32)
        cv2.fillConvexPoly(image, corners, _roof(thing, light), cv2.LINE_AA, 4)
    haze = float(light.haze_at(seen.nearest_m + length / 2))
    for wall in (*_ENDS, *_SIDES):
        is_side = wall in _SIDES
        if not shown[wall] or (not is_side and (thing.model == "row house" or near != start)):
            continue
        colour: tuple[int, int, int] = thing.colour
        if not is_side:
            colour = tuple(round(0.82 * tone) for tone in colour)  # type: ignore[assignment]
        wide = round(length, 1) if is_side else depth
        mips = sprites.front(colour, wide, height, thing.shape + (not is_side), light)
        foot = pixels[4 * wall : 4 * wall + 4]
        # Painted from its top left: from where the road comes, or from the left of who looks along it.
        quad = foot[[2, 3, 0, 1]] if wall == _ENDS[0] else foot[[3, 2, 1, 0]]
        _warp(image, light, haze, mips, quad, (near - start) / length if is_side else 0.0)


def _clipped(thing: Thing, near: float, camera: Camera, road: Road) -> Array:
    """The corners of a house, in the order of its mesh, of which a part is beside or behind the camera."""
    x, y, _ = thing.xyz_m
    points = mesh_of(model_of(thing), 0, None, None).vertices + np.array((x, y, 0.0))
    points[:, 0] = np.maximum(points[:, 0], near)
    return camera.project(road.world(points))[0]


def _roof(thing: Thing, light: Light) -> list[float]:
    """Tiles and tar: the darker half of the house's colour."""
    return [
        (60 + 0.25 * tone) * (a + 0.8 * s) for tone, a, s in zip(thing.colour, light.ambient, light.sun, strict=True)
    ]


def _warp(image: Image, light: Light, haze: float, mips: tuple[Image, ...], pixels: Array, first: float) -> None:
    """A front onto its four corners in the picture, from the share `first` of its width on."""
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
    if haze > 0.02:
        fade = np.column_stack([np.eye(3) * (1 - haze), np.array(light.haze) * haze])
        source = np.asarray(cv2.transform(source, fade), np.uint8)
    rows, columns = source.shape[:2]
    left, right = first * columns - 0.5, columns - 0.5
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
    for face, name in _blooming(mesh, shining(seen.thing, light)):
        if not seen.shown[face]:
            continue
        points = seen.pixels[mesh.starts[face] : mesh.starts[face + 1]]
        x, y = points.mean(axis=0).tolist()
        day, night, strength = _BLOOM[name]
        radius_px = float(np.ptp(points[:, 1])) / 2 * (day * (1 - dark) + night * dark)
        radius_px = min(max(radius_px, 1.6 + 5.0 * dark), 220.0)
        paint.glow(image, (x, y), radius_px, LIT[name], strength * seen.thing.glow * (0.35 + 0.65 * dark))


@lru_cache(maxsize=1024)
def _blooming(mesh: Mesh, shining: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """The faces with a bloom and their materials."""
    return tuple((face, name) for face, name in enumerate(mesh.material) if name in _BLOOM and name in shining)


# How many times its radius a lamp blooms by day and at night, and how strongly.
_BLOOM = {
    "lit red": (1.8, 5.0, 0.9),
    "lit yellow": (1.8, 5.0, 0.9),
    "lit green": (1.8, 5.0, 0.9),
    "tail high": (1.5, 6.0, 0.7),
    "indicator": (1.6, 5.0, 0.8),
    "warning lamp": (1.8, 5.0, 0.8),
    "head": (2.0, 16.0, 1.0),
    "street lamp": (2.0, 16.0, 0.9),
}
