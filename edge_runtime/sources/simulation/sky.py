"""Sky and horizon all around, painted once for a light and a lens, then only turned and moved up and down."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from .camera import Camera
from .light import Light
from .mesh import Array
from .paint import Image

STEP_PX = 64
_COARSE = 4  # clouds are soft: their pixels are so many times as large
_NOON = ((236, 222, 206), (226, 190, 152), (190, 130, 78))  # at the horizon, halfway, above
_DUSK = ((120, 150, 232), (150, 126, 150), (110, 78, 62))
_NIGHT = ((44, 34, 30), (30, 20, 16), (18, 10, 8))
_HILLS_UP = 0.06  # tangent of the elevation that no hill on the horizon reaches


def paint_sky(image: Image, camera: Camera, light: Light, seed: int) -> None:
    """Everything above the horizon."""
    rows = math.floor(camera.horizon_px) + 1
    below = min(max(rows, 0), image.shape[0])
    if below == 0:
        return
    width = image.shape[1]
    sky, hills = _sky(STEP_PX * (1 + rows // STEP_PX), round(camera.focal_px, 1), light, seed % 16)
    left = round(-camera.centre_px[0] - camera.focal_px * camera.yaw_rad) % hills.shape[1]
    first, skip = divmod(left, _COARSE)
    top = sky.shape[0] * _COARSE - rows
    columns = np.arange(first, first + width // _COARSE + 2) % sky.shape[1]
    part = sky[top // _COARSE : math.ceil((top + below) / _COARSE) + 1].take(columns, axis=1)
    wide = cv2.resize(part, (part.shape[1] * _COARSE, part.shape[0] * _COARSE), interpolation=cv2.INTER_LINEAR)
    image[:below] = wide[top % _COARSE :, skip:][:below, :width]
    _paint_stars(image[:below], camera, light, seed % 16)
    start = max(rows - hills.shape[0], 0)
    if start < below:
        over = hills[hills.shape[0] - rows + start :][: below - start]
        turned = over.take(np.arange(left, left + width), axis=1, mode="wrap")
        np.copyto(image[start:below], turned[..., :3], where=turned[..., 3:] > 0)


@lru_cache(maxsize=3)
def _sky(rows: int, focal_px: float, light: Light, seed: int) -> tuple[Image, Image]:
    """(rows, columns, 3) coarse, and the hills on the horizon (rows, columns, 4); both go round once."""
    rng = np.random.default_rng((seed, 11))
    columns, rows = round(math.tau * focal_px / _COARSE), rows // _COARSE
    up = ((rows - np.arange(rows)) * _COARSE / focal_px)[:, None, None]  # tangent of the elevation
    keys = np.array([_NOON, _DUSK, _NIGHT], float)
    first = min(int(light.night), 1)
    clear = keys[first] * (1 - light.night + first) + keys[first + 1] * (light.night - first)
    grey = clear.mean(axis=1, keepdims=True) * np.array([0.98, 0.95, 0.93])
    low, middle, high = clear + (grey - clear) * min(0.85, 1.6 * light.rain)
    near, far = np.clip(up / 0.12, 0, 1), np.clip((up - 0.12) / 0.5, 0, 1)
    sky = low * (1 - near) + middle * near
    sky = sky * (1 - far) + high * far
    cover = _clouds(rng, up[..., 0], columns, 0.5 + 0.45 * min(1.0, 2 * light.rain))[..., None]
    cloud = np.minimum(low * (1.10 - 0.35 * light.rain) + 8, 250)
    sky = sky * (1 - cover) + cloud * cover
    image = np.asarray(np.clip(sky + rng.normal(0, 0.7, (rows, columns, 1)), 0, 255), np.uint8)
    hills = np.zeros((math.ceil(_HILLS_UP * focal_px), columns * _COARSE, 4), np.uint8)
    _ridges(np.random.default_rng((seed, 12)), hills, focal_px, light)
    return image, hills


def _clouds(rng: np.random.Generator, up: Array, columns: int, cover: float) -> Array:
    """Share of cloud in every pixel: noise on a plane high above, seen in perspective."""
    size = 256
    plane = np.zeros((size, size), np.float32)
    for octave in range(5):
        cells = 6 * 2**octave
        noise = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        plane += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC) * 0.55**octave
    up = np.maximum(up, 0.004)
    angle = np.arange(columns) * (math.tau / columns)
    x, y = (((side * 22) / (up + 0.10) + 128).astype(np.float32) for side in (np.sin(angle), np.cos(angle)))
    seen = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    share = np.clip((seen + 2.6 * (cover - 0.5) - 0.25) / 1.6, 0, 1)
    return np.asarray(share * 0.85 * np.clip(up / 0.03, 0, 1), np.float64)


def _paint_stars(sky: Image, camera: Camera, light: Light, seed: int) -> None:
    strength = (1 - light.rain) * (light.night - 1.5) * 2
    if strength <= 0:
        return
    rng = np.random.default_rng((seed, 14))
    angle, up, bright = rng.uniform(0, math.tau, 900), rng.uniform(0.02, 0.9, 900), rng.uniform(20, 110, 900)
    x = np.rint(camera.centre_px[0] + camera.focal_px * (camera.yaw_rad - angle)) % round(math.tau * camera.focal_px)
    y = np.rint(camera.horizon_px - camera.focal_px * up)
    seen = (x < sky.shape[1]) & (y >= 0) & (y < sky.shape[0])
    at = y[seen].astype(int), x[seen].astype(int)
    sky[at] = np.minimum(sky[at] + (strength * bright[seen])[:, None], 255).astype(np.uint8)


def _ridges(rng: np.random.Generator, hills: Image, focal_px: float, light: Light) -> None:
    """Hills and woods, the nearer the darker; where they end on the right they begin on the left."""
    rows, width = hills.shape[:2]
    places = np.arange(0, width + 4, 4.0)
    angle = places * (math.tau / width)
    haze = np.array(light.haze)
    noon = np.array(light.ambient) + 0.6 * np.array(light.sun)
    for share, tall, rough, green in (
        (0.80, 0.034, 1.0, (128, 122, 104)),
        (0.62, 0.020, 2.2, (92, 112, 92)),
        (0.42, 0.011, 7.0, (62, 92, 76)),
    ):
        waves = [
            (round(float(rng.uniform(2, 5)) * rough * 2**k), float(rng.uniform(0, math.tau)), 0.6**k) for k in range(4)
        ]
        ridge = sum(size * np.sin(angle * rate + phase) for rate, phase, size in waves)
        tops = rows - focal_px * tall * (0.75 + 0.28 * np.asarray(ridge))
        if rough > 5:
            tops = tops - focal_px * 0.0018 * rng.random(len(places))
        outline = np.stack([places, np.minimum(tops, rows)], axis=1)
        corners = np.concatenate([outline, [[width + 4.0, rows + 2], [0.0, rows + 2]]])
        colour = np.array(green) * noon * (1 - share) + haze * share * 0.97
        cv2.fillPoly(hills, [np.rint(corners * 16).astype(np.int32)], [*colour.tolist(), 255], cv2.LINE_8, 4)
