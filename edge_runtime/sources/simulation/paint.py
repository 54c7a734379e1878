"""Getting shapes into a picture: antialiased faces, sprites and glows. Everything is clipped to the picture."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from .view import Box, View

Image = npt.NDArray[np.uint8]
STILL = (0.0, 0.0)
_SHIFT = 4
LONGEST_SMEAR_PX = 48.0
_FAR = 30_000  # pixels; OpenCV's fixed-point coordinates end near there


def faces(image: Image, seen: View, colours: Image, smear: tuple[float, float] = STILL) -> None:
    """Paint the faces of a thing that are seen, each in its (b, g, r, alpha).

    A small thing is painted several times its size and averaged, as a lens and a sensor would: a lamp three pixels
    wide keeps its colour, and half a pixel of it is half as strong.
    """
    starts = seen.mesh.starts
    order = np.flatnonzero(seen.shown).tolist()
    height, width = image.shape[:2]
    left, top, right, bottom = seen.reach
    aside, down = (1 + min(abs(way), LONGEST_SMEAR_PX) / 2 for way in smear)
    x0, y0 = max(0, math.floor(left - aside)), max(0, math.floor(top - down))
    x1, y1 = min(width, math.ceil(right + aside)), min(height, math.ceil(bottom + down))
    if x0 >= x1 or y0 >= y1:
        return
    longest = max(x1 - x0, y1 - y0)
    times = 8 if longest <= 14 else 4 if longest <= 64 else 2 if longest <= 320 else 1
    canvas = np.zeros(((y1 - y0) * times, (x1 - x0) * times, 4), np.uint8)
    points = (seen.pixels - (x0, y0)) * (times << _SHIFT) - (0.5 * (1 << _SHIFT))
    if max(right - left, bottom - top) * times > _FAR:
        points = points.clip(-_FAR * (1 << _SHIFT), _FAR * (1 << _SHIFT))
    fixed = np.rint(points).astype(np.int32)
    line = cv2.LINE_AA if times == 1 else cv2.LINE_8
    tones = colours.tolist()
    for face in order:
        cv2.fillConvexPoly(canvas, fixed[starts[face] : starts[face + 1]], tones[face], line, _SHIFT)
    if times > 1:
        canvas = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    blend(image[y0:y1, x0:x1], _smeared(canvas, smear))


def _smeared(patch: Image, smear: tuple[float, float]) -> Image:
    """A patch averaged along its way while the shutter was open; under a pixel it is left as it is.

    Each pass averages two copies half as far apart as those of the pass before.
    """
    length = math.hypot(*smear)
    if length < 1.0:
        return patch
    share = min(1.0, LONGEST_SMEAR_PX / length) / 2
    steps = []
    while length * share >= 0.5:
        steps.append((round(smear[0] * share), round(smear[1] * share)))
        share /= 2
    more_x, more_y = sum(abs(x) for x, _ in steps), sum(abs(y) for _, y in steps)
    left, top = more_x // 2, more_y // 2
    patch = np.asarray(cv2.copyMakeBorder(patch, top, more_y - top, left, more_x - left, cv2.BORDER_CONSTANT), np.uint8)
    for x, y in steps:
        height, width = patch.shape[0] - abs(y), patch.shape[1] - abs(x)
        first = patch[max(-y, 0) :, max(-x, 0) :][:height, :width]
        second = patch[max(y, 0) :, max(x, 0) :][:height, :width]
        patch = np.asarray(cv2.addWeighted(first, 0.5, second, 0.5, 0.0), np.uint8)
    return patch


def smear(image: Image, aside_px: float, down_px: float) -> None:
    """Average the whole picture over so many pixels, sideways and downwards."""
    if max(aside_px, down_px) >= 0.5:
        cv2.sepFilter2D(image, -1, _taps(aside_px), _taps(down_px), dst=image)


def _taps(length_px: float) -> npt.NDArray[np.float64]:
    reach = math.ceil(length_px / 2)
    taps = np.clip(length_px / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0, 1)
    return np.asarray(taps / taps.sum())


def blend(under: Image, over: Image) -> None:
    """Lay a premultiplied (h, w, 4) picture over a view of another."""
    through = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(over, 3)), cv2.COLOR_GRAY2BGR)
    cv2.multiply(under, through, dst=through, scale=1 / 255)
    cv2.add(through, cv2.cvtColor(over, cv2.COLOR_BGRA2BGR), dst=under)


def sprite(image: Image, source: Image, box: Box, smear: tuple[float, float] = STILL) -> None:
    """Paint a premultiplied sprite, of about the right size, into a box of any size and place."""
    x0, y0, x1, y1 = box
    height, width = image.shape[:2]
    more_x, more_y = (min(abs(way), LONGEST_SMEAR_PX) / 2 for way in smear)
    left, top = max(0, math.floor(x0 - more_x)), max(0, math.floor(y0 - more_y))
    right, bottom = min(width, math.ceil(x1 + more_x)), min(height, math.ceil(y1 + more_y))
    if left >= right or top >= bottom:
        return
    across, down = (x1 - x0) / source.shape[1], (y1 - y0) / source.shape[0]
    # From the centre of a pixel of the picture to that of the sprite.
    matrix = np.array(
        [[1 / across, 0.0, (left + 0.5 - x0) / across - 0.5], [0.0, 1 / down, (top + 0.5 - y0) / down - 0.5]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = np.asarray(cv2.warpAffine(source, matrix, (right - left, bottom - top), flags=flags), np.uint8)
    blend(image[top:bottom, left:right], _smeared(patch, smear))


def level_of(mips: tuple[Image, ...], wanted_px: float, bias: float = 0.5) -> int:
    """Which half has about so many rows; a smaller bias takes the larger one sooner."""
    return min(max(0, math.floor(math.log2(mips[0].shape[0] / max(wanted_px, 1.0)) + bias)), len(mips) - 1)


def pyramid(image: Image) -> tuple[Image, ...]:
    """A picture and its halves, down to four pixels."""
    mips = [image]
    while min(mips[-1].shape[:2]) >= 8:
        height, width = mips[-1].shape[:2]
        mips.append(np.asarray(cv2.resize(mips[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8))
    return tuple(mips)


@lru_cache(maxsize=64)
def _halo(side: int, colour: tuple[float, float, float], strength: float) -> Image:
    place = (np.arange(side) + 0.5) / side * 2 - 1
    radius = np.hypot(place[:, None], place[None, :])
    fall = np.clip(1 - radius, 0, 1) ** 2 * (0.35 + 0.65 * np.exp(-((radius / 0.22) ** 2)))
    return np.asarray(np.clip(fall[..., None] * np.array(colour) * strength, 0, 255), np.uint8)


def glow(
    image: Image, at: tuple[float, float], radius_px: float, colour: tuple[float, float, float], strength: float
) -> None:
    """Add light around a point."""
    side = max(3, round(2 * radius_px))
    if side > 64:  # steps, so that few sizes are kept
        side = round(side / 16) * 16
    x0, y0 = round(at[0] - side / 2), round(at[1] - side / 2)
    height, width = image.shape[:2]
    left, top, right, bottom = max(0, x0), max(0, y0), min(width, x0 + side), min(height, y0 + side)
    if left >= right or top >= bottom:
        return
    part = image[top:bottom, left:right]
    cv2.add(part, _halo(side, colour, round(strength, 2))[top - y0 : bottom - y0, left - x0 : right - x0], dst=part)
