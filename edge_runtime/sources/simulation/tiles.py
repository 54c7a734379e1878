"""Textures of the ground: one tile of the road and of what lies beside it, `TILE_M` long, as it looks at noon."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from .paint import Image
from .things import CROSSWALK_M, EDGE_M, KERB_M, LANE_WIDTH_M, STOP_LINE_M, STREET_M, TILE_M

HALF_M = 48.0  # what lies further aside looks as it does there
ALONG_M = 0.05  # of the texture's pixels
ACROSS_M = 0.025
VARIANTS = 2


class _Sheet:
    """A tile being painted; places in metres, x along the road and y to the left."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng((seed, 9))
        self.rows, self.columns = round(TILE_M / ALONG_M), round(2 * HALF_M / ACROSS_M)
        self.image = np.zeros((self.rows, self.columns, 3), np.float32)
        self.grain = self._noise(1.0, 1.0)
        self.spots = self._noise(0.35, 0.35)
        self.clouds = self._noise(3.0, 2.0)

    def _noise(self, along_m: float, across_m: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """About -1..1, with features of this size; 1 by 1 is the finest."""
        if along_m == across_m == 1.0:
            return self.rng.normal(0, 0.5, (self.rows, self.columns)).astype(np.float32)
        rows, columns = max(4, round(TILE_M / along_m)), max(4, round(2 * HALF_M / across_m))
        small = self.rng.normal(0, 0.6, (rows, columns)).astype(np.float32)
        small *= np.sin(np.linspace(0, np.pi, rows)).clip(0)[:, None].astype(np.float32)  # no step to the next tile
        return np.asarray(cv2.resize(small, (self.columns, self.rows), interpolation=cv2.INTER_CUBIC), np.float32)

    def part(self, x: tuple[float, float], y: tuple[float, float]) -> tuple[slice, slice]:
        low, high = sorted(y)
        rows = slice(max(0, round(x[0] / ALONG_M)), min(self.rows, round(x[1] / ALONG_M)))
        return rows, slice(
            max(0, round((HALF_M - high) / ACROSS_M)), min(self.columns, round((HALF_M - low) / ACROSS_M))
        )

    def fill(
        self, colour: tuple[float, float, float], x: tuple[float, float], y: tuple[float, float],
        grain: float = 0.0, spots: float = 0.0, clouds: float = 0.0,
    ) -> None:  # fmt: skip
        at = self.part(x, y)
        tone = grain * self.grain[at] + spots * self.spots[at] + clouds * self.clouds[at]
        self.image[at] = np.array(colour, np.float32) * (1 + tone[..., None])

    def line(self, x: tuple[float, float], y: float, width: float) -> None:
        """White paint, worn where the ground is rough."""
        self.paint(x, (y - width / 2, y + width / 2))

    def paint(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        at = self.part(x, y)
        worn = np.clip(0.90 + 0.10 * self.spots[at] - 0.10 * np.abs(self.grain[at]), 0.3, 1.0)[..., None]
        self.image[at] = self.image[at] * (1 - worn) + np.array([222, 226, 226], np.float32) * worn

    def darken(self, x: tuple[float, float], y: tuple[float, float], gain: float) -> None:
        self.image[self.part(x, y)] *= gain


ALL = (0.0, TILE_M)
FLOWERS = ((40, 40, 215), (40, 205, 240), (235, 235, 240), (190, 90, 150), (30, 140, 240))
ASPHALT = (96.0, 95.0, 94.0)


@lru_cache(maxsize=16)
def texture(kind: str, variant: int) -> Image:
    """(rows along the road, columns from left to right, 3): one tile at noon."""
    sheet = _Sheet(variant + 10 * len(kind))
    if kind == "motorway":
        _motorway(sheet)
    else:
        _street(sheet)
        if kind == "crossing":
            _crossing(sheet)
    return np.asarray(np.clip(sheet.image, 0, 255), np.uint8)


def _lanes(sheet: _Sheet, edge: float) -> None:
    """Asphalt with the darker tracks of the wheels, patches and seams."""
    sheet.fill(ASPHALT, ALL, (-edge, edge), grain=0.10, spots=0.05, clouds=0.05)
    place = HALF_M - (np.arange(sheet.columns) + 0.5) * ACROSS_M
    tracks = sum(
        np.exp(-(((np.abs(place) - lane - side) / 0.32) ** 2)) for lane in (1.85, 5.35) for side in (-0.85, 0.85)
    )
    oil = sum(np.exp(-(((np.abs(place) - lane) / 0.30) ** 2)) for lane in (1.85, 5.35))
    sheet.image *= (1 - 0.09 * np.asarray(tracks) - 0.05 * np.asarray(oil)).astype(np.float32)[None, :, None]
    for side in (-1, 1):
        sheet.darken(ALL, (side * 3.62, side * 3.66), 0.72)
        for _ in range(2):
            x, y = float(sheet.rng.uniform(0, TILE_M - 6)), side * float(sheet.rng.uniform(1.2, 5.5))
            sheet.darken(
                (x, x + float(sheet.rng.uniform(1.5, 6))),
                (y, y + float(sheet.rng.uniform(0.5, 1.4))),
                float(sheet.rng.uniform(0.84, 1.08)),
            )
    _cracks(sheet)


def _cracks(sheet: _Sheet) -> None:
    for _ in range(5):
        x, y = float(sheet.rng.uniform(0, TILE_M)), float(sheet.rng.uniform(-7, 7))
        points = []
        for _ in range(int(sheet.rng.integers(6, 16))):
            x, y = x + float(sheet.rng.uniform(0.2, 0.7)), y + float(sheet.rng.normal(0, 0.18))
            points.append(((HALF_M - y) / ACROSS_M, x / ALONG_M))
        cv2.polylines(sheet.image, [np.rint(points).astype(np.int32)], False, (62, 61, 60), 1, cv2.LINE_AA)


def _street(sheet: _Sheet) -> None:
    sheet.fill((118, 124, 126), ALL, (-HALF_M, HALF_M), grain=0.06, spots=0.06, clouds=0.06)
    for side in (-1, 1):
        _grass(sheet, side * 14.5)
    _lanes(sheet, KERB_M)
    for side in (-1, 1):
        sheet.darken(ALL, (side * 7.3, side * KERB_M), 0.93)
        sheet.fill((136, 142, 146), ALL, (side * (KERB_M + 0.18), side * 14.5), grain=0.07, spots=0.05, clouds=0.03)
        for x in np.arange(0, TILE_M, 0.6):
            sheet.darken((float(x), float(x) + 0.05), (side * (KERB_M + 0.18), side * 14.5), 0.84)
        for y in np.arange(KERB_M + 0.78, 14.5, 0.6):
            sheet.darken(ALL, (side * float(y), side * (float(y) + 0.05)), 0.84)
        sheet.fill((168, 172, 174), ALL, (side * KERB_M, side * (KERB_M + 0.18)), grain=0.05)
        sheet.darken(ALL, (side * (KERB_M - 0.3), side * KERB_M), 0.80)
        for start in np.arange(0, TILE_M, 8.0):
            sheet.line((float(start), float(start) + 4.0), side * (LANE_WIDTH_M + 0.1), 0.14)
        sheet.line(ALL, side * 0.13, 0.12)
        for start in np.arange(0, TILE_M, 2.0):
            sheet.line((float(start), float(start) + 1.0), side * EDGE_M, 0.12)
    x, y = float(sheet.rng.uniform(4, 20)), -5.2
    cv2.circle(sheet.image, (round((HALF_M - y) / ACROSS_M), round(x / ALONG_M)), 3, (70, 70, 70), -1)
    cv2.ellipse(
        sheet.image,
        (round((HALF_M - y) / ACROSS_M), round(x / ALONG_M)),
        (13, 7),
        0,
        0,
        360,
        (74, 74, 76),
        -1,
        cv2.LINE_AA,
    )


def _crossing(sheet: _Sheet) -> None:
    inner = (STOP_LINE_M[0] - 0.1, TILE_M - 1.0)
    sheet.fill(ASPHALT, inner, (-KERB_M, KERB_M), grain=0.10, spots=0.06, clouds=0.06)
    sheet.fill(ASPHALT, STREET_M, (-HALF_M, HALF_M), grain=0.10, spots=0.06, clouds=0.06)
    sheet.paint(STOP_LINE_M, (-EDGE_M, -0.2))
    sheet.paint((TILE_M - 1.4, TILE_M - 0.9), (0.2, EDGE_M))
    for y in np.arange(-9.0, 9.0, 1.0):
        sheet.paint(CROSSWALK_M, (float(y), float(y) + 0.5))
    for x, side in ((STREET_M[0] - 0.6, -1), (STREET_M[1] + 0.1, 1)):
        for start in (11.0, 12.0, 13.0):
            sheet.paint((x, x + 0.5), (side * start, side * (start + 0.6)))
    middle = (STREET_M[0] + STREET_M[1]) / 2
    for side in (-1, 1):
        for start in np.arange(12.0, HALF_M, 4.0):
            sheet.paint((middle - 0.07, middle + 0.07), (side * start, side * (start + 2.0)))


def _grass(sheet: _Sheet, from_m: float) -> None:
    """Outwards from there, with flowers in it."""
    side = math.copysign(HALF_M, from_m)
    sheet.fill((62, 112, 98), ALL, (from_m, side), grain=0.22, spots=0.20, clouds=0.16)
    for _ in range(9):
        x, y = float(sheet.rng.uniform(1, TILE_M - 1)), from_m + (side - from_m) * float(sheet.rng.uniform(0.05, 0.6))
        colour = FLOWERS[int(sheet.rng.integers(len(FLOWERS)))]
        for _ in range(int(sheet.rng.integers(8, 40))):
            at = (
                (HALF_M - y - float(sheet.rng.normal(0, 0.5))) / ACROSS_M,
                (x + float(sheet.rng.normal(0, 0.4))) / ALONG_M,
            )
            cv2.ellipse(sheet.image, (round(at[0]), round(at[1])), (3, 1), 0, 0, 360, colour, -1)


def _motorway(sheet: _Sheet) -> None:
    # Grass in stripes of light and dark, then gravel at the edge of the shoulder.
    for side in (-1, 1):
        _grass(sheet, side * 9.0)
        sheet.fill((128, 140, 146), ALL, (side * 9.9, side * 10.9), grain=0.22, spots=0.14)
    _lanes(sheet, 9.9)
    for side in (-1, 1):
        sheet.darken(ALL, (side * 7.3, side * 9.9), 1.06)
        sheet.line(ALL, side * (EDGE_M + 0.1), 0.22)
        sheet.line(ALL, side * 0.62, 0.16)
        for start in (0.0, 12.0):
            sheet.line((start, start + 6.0), side * (LANE_WIDTH_M + 0.12), 0.16)
    sheet.fill((120, 124, 126), ALL, (-0.4, 0.4), grain=0.1)


@lru_cache(maxsize=96)
def averaged(kind: str, variant: int, along: int, across: int) -> Image:
    """The tile with pixels 2**along times as long and 2**across times as wide; first and last row are there twice."""
    return np.asarray(cv2.copyMakeBorder(_averaged(kind, variant, along, across), 1, 1, 0, 0, cv2.BORDER_REPLICATE))


@lru_cache(maxsize=256)
def _averaged(kind: str, variant: int, along: int, across: int) -> Image:
    """The tile with pixels 2**along times as long and 2**across times as wide."""
    if along == across == 0:
        return texture(kind, variant)
    if along:
        finer = _averaged(kind, variant, along - 1, across)
        size = (finer.shape[1], max(1, finer.shape[0] // 2))
    else:
        finer = _averaged(kind, variant, 0, across - 1)
        size = (max(1, finer.shape[1] // 2), finer.shape[0])
    return np.asarray(cv2.resize(finer, size, interpolation=cv2.INTER_AREA), np.uint8)
