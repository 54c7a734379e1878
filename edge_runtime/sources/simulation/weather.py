"""What lies between the road and the picture: rain, and the noise of the sensor."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from .light import Light
from .paint import Image
from .scene import Drive

_TILE = 512
_LAYERS = 4


@lru_cache(maxsize=4 * _LAYERS)
def _lit_streaks(layer: int, bright: float) -> Image:
    return np.asarray(cv2.convertScaleAbs(_streaks(layer), alpha=bright), np.uint8)


@lru_cache(maxsize=_LAYERS)
def _streaks(layer: int) -> Image:
    """Grey streaks on black, (rows, columns, 3); it goes on in itself at every edge."""
    rng = np.random.default_rng((layer, 19))
    side = 2 * _TILE
    image = np.zeros((side, side), np.uint8)
    for _ in range(520):
        x, y = (int(value) for value in rng.integers(0, side, 2))
        length, slant = int(rng.integers(14, 70)), float(rng.uniform(-0.12, 0.12))
        tone = int(rng.integers(14, 60))
        for shift_x in (-side, 0, side):
            for shift_y in (-side, 0, side):
                start = (x + shift_x, y + shift_y)
                cv2.line(image, start, (round(start[0] + slant * length), start[1] + length), tone, 1, cv2.LINE_AA)
    return np.asarray(cv2.cvtColor(cv2.GaussianBlur(image, (3, 3), 0), cv2.COLOR_GRAY2BGR), np.uint8)


@lru_cache(maxsize=4)
def _grain(strength: int) -> Image:
    rng = np.random.default_rng((strength, 23))
    noise = np.abs(rng.normal(0, strength, (_TILE * 2, _TILE * 2, 3)))
    return np.asarray(np.clip(noise, 0, 255), np.uint8)


def paint_weather(image: Image, drive: Drive, index: int, light: Light) -> None:
    rng = np.random.default_rng((drive.block.seed, 29, index))
    if light.rain > 0:
        bright = (1.0 - 0.35 * min(light.night, 2.0)) * (0.4 + 0.6 * light.rain)
        for layer in range(1 + round(2 * light.rain)):
            streaks = _lit_streaks((int(rng.integers(_LAYERS)) + layer) % _LAYERS, bright)
            _lay(image, streaks, rng, cv2.add)
    strength = round(1 + 2.2 * light.night)
    _lay(image, _grain(strength), rng, cv2.add)
    _lay(image, _grain(strength), rng, cv2.subtract)


def _lay(image: Image, tile: Image, rng: np.random.Generator, how: Callable[..., Any]) -> None:
    """Add (or take away) a tile over the whole picture, from a place that is another in every picture."""
    side = tile.shape[0]
    start_y, start_x = (-int(value) for value in rng.integers(0, side, 2))
    height, width = image.shape[:2]
    for y in range(start_y, height, side):
        for x in range(start_x, width, side):
            top, left, bottom, right = max(y, 0), max(x, 0), min(y + side, height), min(x + side, width)
            if top < bottom and left < right:
                part = image[top:bottom, left:right]
                how(part, tile[top - y : bottom - y, left - x : right - x], dst=part)
