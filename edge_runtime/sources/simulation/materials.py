"""The colour of every face of a thing in the light of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .light import LAMPS_ON, Light
from .mesh import Array, Mesh
from .things import Thing
from .view import View

SUN = np.array([-0.42, 0.35, 0.84])  # where it stands: behind the driver on his left, when he starts
SHADOW_ALPHA = {"shadow": 70, "shadow deep": 110}
# Blue, green, red in the sun.
_FIXED: dict[str, tuple[float, float, float]] = {
    "glass": (64, 56, 50),
    "glass high": (112, 100, 88),
    "tyre": (34, 33, 32),
    "rim": (150, 150, 148),
    "dark": (22, 22, 22),
    "under": (26, 26, 26),
    "trim": (44, 43, 42),
    "grille": (30, 30, 30),
    "plate": (205, 215, 218),
    "reflector": (28, 28, 130),
    "tail": (36, 30, 165),
    "tail high": (40, 44, 205),
    "third lamp": (30, 28, 120),
    "lamp glass": (205, 205, 200),
    "head": (240, 240, 236),
    "skin": (130, 155, 205),
    "hair": (30, 38, 50),
    "pale": (225, 228, 228),
    "plate dark": (20, 20, 20),
    "housing": (30, 32, 30),
    "housing green": (38, 58, 34),
    "housing grey": (92, 90, 86),
    "indicator": (40, 110, 200),
    "bush": (40, 92, 66),
    "bush low": (30, 68, 48),
    "bush high": (56, 118, 88),
    "orange": (20, 95, 240),
    "amber": (30, 150, 240),
    "red paint": (40, 36, 200),
    "green paint": (60, 140, 40),
    "blue paint": (175, 90, 30),
    "white paint": (232, 234, 234),
    "warning lamp": (30, 150, 230),
    "sign back": (140, 140, 138),
    "housing low": (18, 18, 18),
    "lens": (14, 14, 14),
    "steel": (128, 126, 122),
    "steel high": (172, 171, 168),
    "steel low": (92, 90, 88),
    "street lamp": (190, 200, 205),
    "concrete": (150, 156, 160),
    "concrete low": (128, 134, 138),
    "concrete high": (182, 186, 188),
    "sign": (180, 180, 180),
    "off red": (16, 16, 44),
    "off yellow": (14, 38, 44),
    "off green": (28, 40, 16),
}
# Light of its own: as it is by day, and with the lamps on.
LIT: dict[str, tuple[float, float, float]] = {
    "lit red": (40, 36, 255),
    "lit yellow": (30, 185, 255),
    "lit green": (120, 250, 40),
    "indicator": (40, 165, 255),
    "warning lamp": (60, 190, 255),
    "tail": (40, 30, 235),
    "tail high": (70, 80, 255),
    "head": (235, 250, 255),
    "lamp glass": (185, 205, 215),
    "third lamp": (50, 40, 255),
    "street lamp": (150, 205, 255),
}
_ALWAYS = ("lit red", "lit yellow", "lit green")
_LAMPS = ("tail", "tail high", "head", "lamp glass", "street lamp", "board", "warning lamp")
_TINT = {"paint": 1.0, "board": 1.0, "paint low": 0.74, "paint high": 1.22, "cab": 0.92}
_TROUSERS = ((70, 55, 45), (40, 40, 42), (110, 100, 90), (60, 80, 105))


@lru_cache(maxsize=1024)
def _colours(mesh: Mesh, colour: tuple[int, int, int], look: int) -> Array:
    """(faces, 3) in the sun."""
    table: dict[str, tuple[float, ...]] = dict(_FIXED)
    for name, share in _TINT.items():
        table[name] = tuple(min(255.0, value * share) for value in colour)
    table["stripe"] = tuple(255.0 - 0.75 * value for value in colour)
    trousers = _TROUSERS[look % len(_TROUSERS)]
    table["trousers"], table["trousers low"] = trousers, tuple(0.75 * value for value in trousers)
    return np.array([table.get(name, (0, 0, 0)) for name in mesh.material], float)


@lru_cache(maxsize=2048)
def _own_light(
    mesh: Mesh, shining: tuple[str, ...], colour: tuple[int, int, int]
) -> tuple[Array, npt.NDArray[np.bool_], Array]:
    """Of each face: its own light, whether it has any, and the alpha it is painted with."""
    glows = np.array([name in shining for name in mesh.material])
    light = np.array([colour if name == "board" else LIT.get(name, (0, 0, 0)) for name in mesh.material], float)
    return light, glows, np.array([SHADOW_ALPHA.get(name, 255) for name in mesh.material], float)


@lru_cache(maxsize=16)
def _shining(lamps: bool, brakes: bool, blinks: bool) -> tuple[str, ...]:
    return (*_ALWAYS, *_LAMPS * lamps, *("tail", "tail high", "third lamp") * brakes, *("indicator",) * blinks)


def shining(thing: Thing, light: Light) -> tuple[str, ...]:
    """The materials of a thing that give light of their own just now."""
    return _shining(thing.lamps and light.lamps > LAMPS_ON, thing.brakes, thing.blinks)


def lit(seen: Sequence[View], camera: Camera, light: Light) -> list[npt.NDArray[np.uint8]]:
    """Of each thing (faces, 4): premultiplied blue, green, red, and alpha; all are computed at once."""
    if not seen:
        return []
    counts = [len(one.shown) for one in seen]
    base = np.concatenate([_colours(one.mesh, one.thing.colour, one.thing.identity % 64) for one in seen])
    own, glows, alpha = (
        np.concatenate(columns)
        for columns in zip(
            *(_own_light(one.mesh, shining(one.thing, light), one.thing.colour) for one in seen), strict=True
        )
    )
    ahead, aside, _ = camera.around(np.concatenate([one.places for one in seen])).T
    lambert = np.clip(np.concatenate([one.normals for one in seen]) @ SUN, 0.0, 1.0)
    lambert[~np.concatenate([one.mesh.is_sided for one in seen])] = 0.62
    beam = 0.75 * light.beam(ahead, aside)[:, None]
    haze = light.haze_at(np.maximum(ahead, 0.0))[:, None]
    gain = np.array(light.ambient) + lambert[:, None] * np.array(light.sun) + beam * np.array([0.86, 0.96, 1.0])
    fresh = np.repeat([one.thing.glow for one in seen], counts)[:, None]
    own = own * fresh + 60.0 * (1 - fresh)
    thin = np.where(glows[:, None], 0.5 * haze, haze)
    colours = np.where(glows[:, None], own, np.minimum(base * gain, 255.0)) * (1 - thin) + thin * np.array(light.haze)
    is_shadow = alpha < 255
    colours[is_shadow] = 0.0
    alpha = np.where(is_shadow, alpha * (1 - haze[:, 0]) * (1.0 - 0.3 * min(light.night, 1.0)), alpha)
    painted = np.concatenate([colours, alpha[:, None]], axis=1).astype(np.uint8)
    return np.split(painted, np.cumsum(counts)[:-1])
