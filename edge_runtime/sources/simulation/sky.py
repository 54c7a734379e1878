"""Sky and horizon, painted once for a light and a width, then only moved up and down."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from .camera import Camera
from .light import Light
from .paint import Image

STEP_PX = 64
_NOON = ((236, 222, 206), (226, 190, 152), (190, 130, 78))  # at the horizon, halfway, above
_DUSK = ((120, 150, 232), (150, 126, 150), (110, 78, 62))
_NIGHT = ((44, 34, 30), (30, 20, 16), (18, 10, 8))


def paint_sky(image: Image, camera: Camera, light: Light, seed: int) -> None:
    """Everything above the horizon."""
    below = min(max(math.floor(camera.horizon_px) + 1, 0), image.shape[0])
    if below == 0:
        return
    rows = STEP_PX * (1 + (math.floor(camera.horizon_px) + 1) // STEP_PX)
    sky = _sky(rows, image.shape[1], camera.centre_px[0], camera.focal_px, light, seed % 16)
    start = rows - (math.floor(camera.horizon_px) + 1)
    image[:below] = sky[start : start + below]


@lru_cache(maxsize=6)
def _sky(rows: int, width: int, centre_x: float, focal_px: float, light: Light, seed: int) -> Image:
    rng = np.random.default_rng((seed, 11))
    up = ((rows - np.arange(rows)) / focal_px)[:, None, None]  # tangent of the elevation
    keys = np.array([_NOON, _DUSK, _NIGHT], float)
    first = min(int(light.night), 1)
    clear = keys[first] * (1 - light.night + first) + keys[first + 1] * (light.night - first)
    grey = clear.mean(axis=1, keepdims=True) * np.array([0.98, 0.95, 0.93])
    low, middle, high = clear + (grey - clear) * min(0.85, 1.6 * light.rain)
    near, far = np.clip(up / 0.12, 0, 1), np.clip((up - 0.12) / 0.5, 0, 1)
    sky = low * (1 - near) + middle * near
    sky = sky * (1 - far) + high * far + np.zeros((1, width, 1))
    cover = _clouds(rng, rows, width, centre_x, focal_px, 0.5 + 0.45 * min(1.0, 2 * light.rain))
    cloud = np.minimum(low * (1.10 - 0.35 * light.rain) + 8, 250)
    sky = sky * (1 - cover[..., None]) + cloud * cover[..., None]
    if light.night > 1.5:
        _stars(rng, sky, (1 - light.rain) * (light.night - 1.5) * 2)
    image = np.asarray(np.clip(sky + rng.normal(0, 0.7, (rows, width, 1)), 0, 255), np.uint8)
    _ridges(np.random.default_rng((seed, 12)), image, centre_x, focal_px, light)
    return image


def _clouds(
    rng: np.random.Generator, rows: int, width: int, centre_x: float, focal_px: float, cover: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Share of cloud in every pixel: noise on a plane high above, seen in perspective."""
    size = 256
    plane = np.zeros((size, size), np.float32)
    for octave in range(5):
        cells = 6 * 2**octave
        noise = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        plane += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC) * 0.55**octave
    up = np.maximum((rows - np.arange(rows)) / focal_px, 0.004)[:, None]
    aside = (np.arange(width) - centre_x)[None, :] / focal_px
    x = ((aside / (up + 0.10)) * 22 + 128).astype(np.float32)
    y = ((1 / (up + 0.10)) * 22 * np.ones_like(aside)).astype(np.float32)
    seen = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    share = np.clip((seen + 2.6 * (cover - 0.5) - 0.25) / 1.6, 0, 1)
    return np.asarray(share * 0.85 * np.clip(up / 0.03, 0, 1), np.float64)


def _stars(rng: np.random.Generator, sky: np.ndarray[tuple[int, ...], np.dtype[np.float64]], strength: float) -> None:
    rows, width = sky.shape[:2]
    for _ in range(rows * width // 9000):
        y, x = int(rng.integers(0, max(1, int(rows * 0.85)))), int(rng.integers(0, width))
        sky[y, x] += strength * float(rng.uniform(20, 110))


def _ridges(rng: np.random.Generator, image: Image, centre_x: float, focal_px: float, light: Light) -> None:
    """Hills and woods along the horizon, the nearer the darker."""
    rows, width = image.shape[:2]
    # The same places whichever part of the picture is painted.
    places = centre_x + 4 * np.arange(math.floor(-centre_x / 4) - 2, math.ceil((width - centre_x) / 4) + 3)
    angle = (places - centre_x) / focal_px
    haze = np.array(light.haze)
    noon = np.array(light.ambient) + 0.6 * np.array(light.sun)
    for share, tall, rough, green in (
        (0.80, 0.034, 1.0, (128, 122, 104)),
        (0.62, 0.020, 2.2, (92, 112, 92)),
        (0.42, 0.011, 7.0, (62, 92, 76)),
    ):
        waves = [(float(rng.uniform(2, 5)) * rough * 2**k, float(rng.uniform(0, math.tau)), 0.6**k) for k in range(4)]
        ridge = sum(size * np.sin(angle * rate + phase) for rate, phase, size in waves)
        tops = rows - focal_px * tall * (0.75 + 0.28 * np.asarray(ridge))
        if rough > 5:
            tops = tops - focal_px * 0.0018 * (np.sin(angle * 9177.0) * 4375.0 % 1.0)
        outline = np.stack([places, np.minimum(tops, rows)], axis=1)
        corners = np.concatenate([outline, [[places[-1], rows + 2], [places[0], rows + 2]]])
        colour = np.array(green) * noon * (1 - share) + haze * share * 0.97
        cv2.fillPoly(image, [np.rint(corners * 16).astype(np.int32)], colour.tolist(), cv2.LINE_AA, 4)
