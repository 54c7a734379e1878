"""Pictures of signs, trees and house fronts, painted once and then only scaled."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .figures import SIGNS, TREES, tree_outline
from .light import Light
from .mesh import Array
from .paint import Image, pyramid
from .things import Colour

SIGN_PX = 192
TREE_PX = 320
TREE_HALF = 0.45  # half the width of a tree's picture, as a share of its height
HAZE_STEPS = 24
METRE_PX = 14  # of a house front
SHOPS = ((40, 40, 190), (60, 150, 50), (30, 170, 235), (170, 90, 40), (225, 228, 230), (50, 48, 46))
_WHITE, _RED, _BLUE, _BLACK, _YELLOW = (238, 240, 240), (38, 30, 200), (165, 85, 25), (20, 20, 20), (30, 200, 245)


@lru_cache(maxsize=64)
def sign(model: str) -> tuple[Image, ...]:
    """The face of a sign at noon, premultiplied, with its halves."""
    corners, half_width, half_height = SIGNS[model]
    height = SIGN_PX
    width = round(SIGN_PX * half_width / half_height)
    big = np.zeros((height * 4, width * 4, 4), np.uint8)
    points = np.array([((1 - y) / 2 * width * 4, (1 - z) / 2 * height * 4) for y, z in corners])
    centre = points.mean(axis=0)

    def shape(colour: Colour, share: float) -> None:
        fixed = np.rint(((points - centre) * share + centre - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(big, fixed, (*colour, 255), cv2.LINE_8, 4)

    def text(words: str, size: float, colour: Colour = _BLACK, up: float = 0.0, thick: int = 34) -> None:
        (w, h), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
        at = (round(centre[0] - w / 2), round(centre[1] + h / 2 - up * height * 4))
        cv2.putText(big, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, (*colour, 255), thick, cv2.LINE_AA)

    shape(_WHITE, 1.0)
    if model.startswith("speed"):
        limit = model.split("_")[1]
        shape(_RED, 0.97)
        shape(_WHITE, 0.75)
        text(limit, 12.5 if len(limit) == 2 else 8.6, thick=52 if len(limit) == 2 else 42)
    elif model == "no_overtaking":
        shape(_RED, 0.97)
        shape(_WHITE, 0.75)
        for x, colour in ((0.37, _RED), (0.63, _BLACK)):
            a, b = (
                (round((x - 0.09) * width * 4), round(height * 4 * 0.42)),
                (round((x + 0.09) * width * 4), round(height * 4 * 0.6)),
            )
            cv2.rectangle(big, a, b, (*colour, 255), -1)
    elif model == "stop":
        shape(_RED, 0.95)
        text("STOP", 7.6, _WHITE, thick=50)
    elif model in ("yield", "warning"):
        shape(_RED, 0.98)
        shape(_WHITE, 0.66)
        if model == "warning":
            middle = round(width * 2)
            cv2.line(big, (middle, round(height * 1.7)), (middle, round(height * 2.6)), (*_BLACK, 255), 60)
            cv2.circle(big, (middle, round(height * 3.0)), 34, (*_BLACK, 255), -1)
    elif model == "priority":
        shape(_WHITE, 0.98)
        shape(_YELLOW, 0.72)
    elif model == "crossing":
        shape(_BLUE, 0.96)
        triangle = np.array([[0.5, 0.12], [0.9, 0.85], [0.1, 0.85]]) * (width * 4, height * 4)
        cv2.fillConvexPoly(big, np.rint(triangle).astype(np.int32), (*_WHITE, 255))
        for start, end, thick in (
            ((0.5, 0.4), (0.5, 0.6), 44),
            ((0.5, 0.6), (0.40, 0.8), 30),
            ((0.5, 0.6), (0.60, 0.8), 30),
        ):
            cv2.line(
                big,
                (round(start[0] * width * 4), round(start[1] * height * 4)),
                (round(end[0] * width * 4), round(end[1] * height * 4)),
                (*_BLACK, 255),
                thick,
            )
        cv2.circle(big, (width * 2, round(height * 1.35)), 32, (*_BLACK, 255), -1)
    else:
        shape(_BLUE, 0.97)
        if model == "exit":
            text("Exit  A4", 8.0, _WHITE, 0.16, 40)
            text("500 m", 7.0, _WHITE, -0.22, 36)
        else:
            text("North City", 7.0, _WHITE, 0.24, 38)
            text("Harbour  A1", 7.0, _WHITE, -0.06, 40)
            text("|", 7.0, _WHITE, -0.34, 50)
    face = np.asarray(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return pyramid(face)


@lru_cache(maxsize=256)
def lit_sign(model: str, level: int, light: Light, beam: int, haze: int) -> Image:
    """In the light of the moment; `beam` (0..16) is how strongly the headlights come back from it."""
    gain = np.array(light.ambient) + 0.75 * np.array(light.sun) + beam / 16 * np.array([0.9, 0.97, 1.0])
    return _lit(sign(model)[level], gain, light, haze)


def _lit(image: Image, gain: Array, light: Light, haze: int) -> Image:
    """A premultiplied picture in this light, faded to the haze by `haze` / HAZE_STEPS."""
    share = haze / HAZE_STEPS
    alpha = image[..., 3:]
    colour = np.minimum(image[..., :3] * np.minimum(gain, 1.05), 255) * (1 - share) + alpha / 255 * share * light.haze
    return np.concatenate([np.minimum(colour, alpha).astype(np.uint8), alpha], axis=2)


@lru_cache(maxsize=96)
def lit_tree(variant: int, level: int, light: Light, haze: int) -> Image:
    """In the light of the moment."""
    return _lit(tree(variant)[level], np.array(light.ambient) + 0.8 * np.array(light.sun), light, haze)


@lru_cache(maxsize=TREES)
def tree(variant: int) -> tuple[Image, ...]:
    """A tree at noon, premultiplied, with its halves; the picture is 2 * TREE_HALF wide for a height of 1."""
    rng = np.random.default_rng((variant, 13))
    height, width = TREE_PX, round(2 * TREE_HALF * TREE_PX)
    big = 2
    image = np.zeros((height * big, width * big, 4), np.uint8)

    def fixed(part: tuple[tuple[float, float], ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        points = [((TREE_HALF - y) * height * big, (1 - z) * height * big) for y, z in part]
        return np.rint((np.array(points) - 0.5) * 16).astype(np.int32)

    trunk, *crown = tree_outline(variant)
    cv2.fillConvexPoly(image, fixed(trunk), (52, 68, 84, 255), cv2.LINE_8, 4)
    leaves = np.zeros(image.shape[:2], np.uint8)
    noise = rng.normal(0, 1, (110, 100)).astype(np.float32)
    ragged = np.asarray(cv2.resize(noise, image.shape[1::-1], interpolation=cv2.INTER_CUBIC))
    for part in crown:
        cv2.fillConvexPoly(leaves, fixed(part), 255, cv2.LINE_8, 4)
    shade = np.zeros(image.shape[:2], np.float32)
    for octave, cells in enumerate((7, 16, 40, 110)):
        noise = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        shade += cv2.resize(noise, shade.shape[::-1], interpolation=cv2.INTER_CUBIC) * (0.16, 0.14, 0.15, 0.16)[octave]
    down = np.linspace(0.28, -0.34, height * big, dtype=np.float32)[:, None]
    side = np.linspace(0.12, -0.12, width * big, dtype=np.float32)[None, :]
    tone = np.clip(0.85 + shade + down + side, 0.25, 1.6)[..., None]
    hue = np.array([(40, 92, 70), (38, 84, 78), (48, 96, 62), (34, 78, 84)][variant % 4], np.float32)
    green = np.clip(tone * hue, 0, 255)
    inside = cv2.distanceTransform(leaves, cv2.DIST_L2, 3)
    at = inside > 7 + 9 * ragged.clip(-0.7, 1.5)
    image[at, :3], image[at, 3] = green[at].astype(np.uint8), 255
    face = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return pyramid(face)


@lru_cache(maxsize=128)
def front(colour: Colour, length_m: float, height_m: float, style: int, light: Light) -> tuple[Image, ...]:
    """A house front in the light of the moment, with its halves: storeys of windows over shops or doors."""
    rng = np.random.default_rng((style, round(length_m * 10), 17))
    width, height = max(16, round(length_m * METRE_PX)), max(16, round(height_m * METRE_PX))
    noise = rng.normal(0, 1, (max(4, height // 10), max(4, width // 10))).astype(np.float32)
    stain = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    wall = (
        np.array(colour, np.float32)
        * (1 + 0.045 * stain + 0.02 * rng.normal(0, 1, (height, width)).astype(np.float32))[..., None]
    )
    day = np.array(light.ambient) + 0.62 * np.array(light.sun)
    image = np.asarray(np.clip(wall * day, 0, 255), np.uint8)
    trim = tuple(float(min(255, value * 1.22) * gain) for value, gain in zip(colour, day, strict=True))
    dark = tuple(float(value * 0.62 * gain) for value, gain in zip(colour, day, strict=True))
    storeys = max(1, round((height_m - 1.2) / 3.2))
    bay_m = 2.4 + 0.35 * (style % 4)
    bays = max(1, int(length_m / bay_m))

    def px(x: float, z: float) -> tuple[int, int]:
        return round(x * METRE_PX), round((height_m - z) * METRE_PX)

    def rectangle(x: float, z: float, w: float, h: float, tone: tuple[float, ...]) -> None:
        cv2.rectangle(image, px(x, z + h), px(x + w, z), tone, -1)

    rectangle(0, height_m - 0.7, length_m, 0.35, trim)
    rectangle(0, height_m - 0.35, length_m, 0.35, dark)
    rectangle(0, 0, length_m, 0.5, dark)
    lamp = light.lamps * min(1.0, max(0.0, light.night - 0.5))
    for storey in range(storeys):
        for bay in range(bays):
            x = (bay + 0.5) * length_m / bays
            shop = storey == 0
            wide, tall, z = (
                (bay_m * 0.78, 2.3, 0.5) if shop else (1.15 + 0.3 * (style % 3 == 0), 1.65, storey * 3.2 + 1.0)
            )
            glow = lamp if rng.random() < (0.75 if shop else 0.38) else 0.0
            tone = float(rng.uniform(0.75, 1.15))
            warm = np.array((110, 190, 235) if rng.random() < 0.8 else (200, 215, 220)) * float(rng.uniform(0.5, 1.0))
            pane = np.array([88, 76, 64]) * tone * day * (1 - glow) + warm * glow
            rectangle(x - wide / 2 - 0.12, z - 0.15, wide + 0.24, tall + 0.27, trim)
            rectangle(x - wide / 2, z, wide, tall, tuple(pane.tolist()))
            if shop and rng.random() < 0.3:  # the shop's name, in letters
                loud = np.array(SHOPS[int(rng.integers(len(SHOPS)))])
                board = loud * np.maximum(day, 0.9 * lamp)
                rectangle(x - wide * 0.45, 2.95, wide * 0.9, 0.5, tuple(board.tolist()))
                for letter in np.arange(-0.36, 0.36, 0.12).tolist():
                    rectangle(x + wide * letter, 3.07, wide * 0.07, 0.26, tuple((255 - 0.8 * board).clip(0).tolist()))
            if not shop:
                rectangle(
                    x - wide / 2,
                    z + tall * 0.55,
                    wide,
                    tall * 0.45,
                    tuple(np.minimum(pane * 1.35 + 10 * day, 255).tolist()),
                )
                rectangle(x - 0.035, z, 0.07, tall, trim)
        if storey:
            rectangle(0, storey * 3.2 + 0.25, length_m, 0.14, trim)
    if style % 3 == 1:
        rectangle(
            0,
            3.0,
            length_m,
            0.55,
            tuple(
                (
                    np.array([(60, 60, 150), (120, 80, 40), (60, 110, 60)][style % 9 // 3])
                    * np.maximum(day, lamp * 0.7)
                ).tolist()
            ),
        )
    return pyramid(image)
