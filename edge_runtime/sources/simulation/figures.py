"""People, traffic lights and traffic signs as meshes; they face the camera, as most of a road does."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from . import oddments, vehicles
from .mesh import Builder, Mesh, circle

Outline = tuple[tuple[float, float], ...]
STEPS = 8  # of one stride
TREES = 8
CROWN = 17  # parts of a full crown; as many again make its edge ragged
TRUNK = 0.45  # of a tree's height
LAMPS = ("red", "yellow", "green")
# Of a light with three lamps of 300 mm, metres: the housing, and the backing plate that some have.
HOUSING, PLATE = (0.37, 1.08), (0.62, 1.20)
LAMP_RADIUS_M = 0.145
# Outlines of signs: half width, half height, and the corners as shares of them.
_ROUND = tuple(circle(20))
_OCTAGON = tuple((math.cos(a), math.sin(a)) for a in (math.tau * (k + 0.5) / 8 for k in range(8)))
_POINT_UP = ((-1.0, -1.0), (1.0, -1.0), (0.0, 1.0))
_POINT_DOWN = ((-1.0, 1.0), (1.0, 1.0), (0.0, -1.0))
_DIAMOND = ((-1.0, 0.0), (0.0, -1.0), (1.0, 0.0), (0.0, 1.0))
_PANEL = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
SIGNS: dict[str, tuple[Outline, float, float]] = {
    "speed_50": (_ROUND, 0.35, 0.35),
    "speed_30": (_ROUND, 0.35, 0.35),
    "speed_100": (_ROUND, 0.5, 0.5),
    "speed_120": (_ROUND, 0.5, 0.5),
    "no_overtaking": (_ROUND, 0.4, 0.4),
    "stop": (_OCTAGON, 0.42, 0.42),
    "yield": (_POINT_DOWN, 0.48, 0.42),
    "warning": (_POINT_UP, 0.48, 0.42),
    "priority": (_DIAMOND, 0.45, 0.45),
    "crossing": (_PANEL, 0.35, 0.35),
    "exit": (_PANEL, 1.6, 1.1),
    "direction": (_PANEL, 2.4, 1.3),
}


@lru_cache(maxsize=4096)
def mesh_of(model: str, variant: int, state: str | None, arrow: str | None) -> Mesh:
    """The mesh of a thing; built once for each of its forms."""
    if model == "car":
        return vehicles.car(variant)
    if model == "truck":
        return vehicles.truck(variant)
    if model == "person":
        return _person(variant % STEPS, variant // STEPS)
    if model == "traffic light":
        return _light(variant, state, arrow)
    if model in SIGNS:
        return _sign(model)
    if model == "tree":
        return _tree(variant % TREES)
    if model in oddments.MODELS:
        return oddments.mesh(model, variant)
    return _furniture(model)


def _person(step: int, sideways: int) -> Mesh:
    """1.75 m tall; `sideways` people walk across the picture, the others along the road."""
    swing = math.sin(math.tau * step / STEPS)
    reach, bend = (0.30, 0.0) if sideways else (0.03, 0.06)
    builder = Builder()
    feet = [(0.13 * s, 0.30 * c, 0.01) for c, s in circle(10)]
    builder.face("shadow deep", feet, solid=False)
    hip, torso = (0.10, 0.13) if sideways else (0.15, 0.20)
    for side, phase, material in ((1.0, -swing, "trousers low"), (-1.0, swing, "trousers")):
        y, foot = side * hip * 0.5, side * hip * 0.5 + reach * phase
        lift = max(0.0, phase) * bend
        leg = [(0.0, y - 0.08, 0.88), (0.0, y + 0.08, 0.88), (0.0, (y + foot) / 2 + 0.075, 0.45),
               (0.0, foot + 0.055, lift), (0.0, foot - 0.055, lift), (0.0, (y + foot) / 2 - 0.075, 0.45)]  # fmt: skip
        builder.face(material, leg)
        builder.face("dark", [(0.0, foot - 0.07, lift), (0.0, foot + 0.07, lift), (0.0, foot + 0.05, lift + 0.09),
                              (0.0, foot - 0.05, lift + 0.09)])  # fmt: skip
    for side, phase in ((1.0, swing), (-1.0, -swing)):
        y, hand = side * (torso + 0.02), side * (torso + 0.06) + reach * 0.8 * phase
        arm = [(0.0, y - 0.05, 1.42), (0.0, y + 0.05, 1.42), (0.0, hand + 0.045, 0.86), (0.0, hand - 0.045, 0.86)]
        builder.face("paint low", arm)
        builder.face("skin", [(0.0, hand - 0.04, 0.86), (0.0, hand + 0.04, 0.86), (0.0, hand, 0.76)])
    trunk = [(0.0, -hip - 0.02, 0.80), (0.0, hip + 0.02, 0.80), (0.0, torso, 1.15), (0.0, torso + 0.02, 1.40),
             (0.0, 0.07, 1.50), (0.0, -0.07, 1.50), (0.0, -torso - 0.02, 1.40), (0.0, -torso, 1.15)]  # fmt: skip
    builder.face("paint", trunk)
    builder.face("skin", [(0.0, -0.05, 1.46), (0.0, 0.05, 1.46), (0.0, 0.05, 1.56), (0.0, -0.05, 1.56)])
    builder.face("skin", [(0.0, 0.085 * c, 1.62 + 0.125 * s) for c, s in circle(12)])
    builder.face("hair", [(0.0, 0.092 * c, 1.655 + 0.095 * max(s, -0.15)) for c, s in circle(12)])
    return builder.build()


def light_size(variant: int) -> tuple[float, float]:
    """Width and height of a light; every other one has a backing plate."""
    return PLATE if variant % 2 else HOUSING


def _light(variant: int, state: str | None, arrow: str | None) -> Mesh:
    """Seen by the traffic it is for: the lamps look back along the road. Its origin is its middle."""
    builder = Builder()
    if variant % 2:
        half_width, half_height = PLATE[0] / 2, PLATE[1] / 2
        rim = 0.03 if variant % 4 == 1 else 0.0  # pale in every other
        builder.across("pale", 0.06, (-half_width, half_width), (-half_height, half_height), None)
        builder.across(
            "plate dark", 0.05, (rim - half_width, half_width - rim), (rim - half_height, half_height - rim), None
        )
    body = ("housing", "housing", "housing", "housing green", "housing grey")[variant // 4 % 5]
    builder.box((body, body, body), (-0.12, 0.05), (-HOUSING[0] / 2, HOUSING[0] / 2), (-HOUSING[1] / 2, HOUSING[1] / 2))
    for index, lamp in enumerate(LAMPS):
        z = 0.36 * (1 - index)
        lit = lamp == state
        if lit and arrow:
            builder.disc("lens", -0.13, 0.0, z, LAMP_RADIUS_M + 0.015)
            builder.face(
                f"lit {lamp}",
                [(-0.135, y * LAMP_RADIUS_M, z + up * LAMP_RADIUS_M) for y, up in _arrow(arrow)],
                (-1.0, 0, 0),
            )
        else:
            builder.disc(f"lit {lamp}" if lit else f"off {lamp}", -0.13, 0.0, z, LAMP_RADIUS_M)
        visor = [(0.17 * c, 0.17 * s) for c, s in circle(16)[2:7]]
        builder.face("housing low", [(-0.14, y, z + up) for y, up in visor])
    return builder.build()


def _arrow(direction: str) -> list[tuple[float, float]]:
    """An arrow in the unit disc, y to the left."""
    up = [(0.0, 1.0), (0.85, 0.1), (0.33, 0.1), (0.33, -0.9), (-0.33, -0.9), (-0.33, 0.1), (-0.85, 0.1)]
    turned = {"straight": (1, 0), "left": (0, 1), "right": (0, -1)}
    cos, sin = turned[direction]
    return [(y * cos + z * sin, z * cos - y * sin) for y, z in up]


def _sign(model: str) -> Mesh:
    """The face of a sign; what stands on it is a picture, painted over this outline."""
    corners, half_width, half_height = SIGNS[model]
    builder = Builder()
    builder.face("sign", [(0.0, y * half_width, z * half_height) for y, z in corners])
    return builder.build()


@lru_cache(maxsize=TREES)
def tree_outline(variant: int) -> tuple[Outline, ...]:
    """The convex parts of a tree 1 m tall, as (y, z): its trunk, and the blobs of its crown."""
    rng = np.random.default_rng((variant, 7))
    parts: list[Outline] = [((-0.018, 0.0), (0.018, 0.0), (0.012, TRUNK), (-0.012, TRUNK))]
    for number in range(2 * CROWN):
        share = (number % CROWN) / (CROWN - 1)
        wide = 0.33 * math.sin(math.pi * (0.16 + 0.76 * share))
        inner = number < CROWN  # a full crown first, then its ragged edge
        y = float(rng.uniform(-1.0, 1.0)) * (0.35 * wide if inner else 0.8 * wide)
        radius = float(rng.uniform(0.10, 0.15) if inner else rng.uniform(0.035, 0.075))
        z = min(0.36 + 0.60 * share + float(rng.uniform(-0.02, 0.02)), 1.0 - radius)
        parts.append(tuple((y + radius * c, z + radius * s) for c, s in circle(12)))
    return tuple(parts)


def _tree(variant: int) -> Mesh:
    """What it hides of other things; it is painted as a picture."""
    builder = Builder()
    trunk, *crown = tree_outline(variant)
    builder.face("trunk", [(0.0, y, z) for y, z in trunk])
    for part in crown[:CROWN]:
        builder.face("leaves", [(0.0, y, z) for y, z in part[::2]])
    return builder.build()


def _furniture(model: str) -> Mesh:
    builder = Builder()
    kind, *numbers = model.split()
    sizes = [float(number) for number in numbers]
    if kind == "pole":
        (height,) = sizes
        builder.across("steel", 0.0, (-0.05, 0.05), (0.0, height), None)
        builder.across("steel high", -0.01, (0.01, 0.05), (0.0, height), None)
    elif kind == "mast":  # of a traffic light: a pole and an arm to the left
        height, arm = sizes
        builder.across("steel", 0.0, (-0.12, 0.12), (0.0, height + 0.3), None)
        builder.across("steel high", -0.01, (0.03, 0.12), (0.0, height + 0.3), None)
        builder.face(
            "steel",
            [(0.0, 0.0, height - 0.02), (0.0, arm, height + 0.18), (0.0, arm, height + 0.28), (0.0, 0.0, height + 0.2)],
        )
    elif kind == "gantry":  # over all lanes of one direction
        height, width = sizes
        for y in (0.0, width):
            builder.across("steel", 0.0, (y - 0.18, y + 0.18), (0.0, height + 1.2), None)
        for z in (height, height + 1.0):
            builder.across("steel", 0.0, (0.0, width), (z, z + 0.18), None)
        count = int(width)
        for index in range(count):
            y0, y1 = width * index / count, width * (index + 1) / count
            ends = ((height, height + 1.0), (height + 1.0, height))[index % 2]
            builder.face(
                "steel", [(0.0, y0, ends[0]), (0.0, y1, ends[1]), (0.0, y1, ends[1] + 0.12), (0.0, y0, ends[0] + 0.12)]
            )
    elif kind == "lamp":  # a street lamp; its arm to the left when the length is positive
        height, arm = sizes
        builder.across("steel", 0.0, (-0.07, 0.07), (0.0, height), None)
        builder.face(
            "steel",
            [(0.0, 0.0, height - 0.1), (0.0, 0.0, height), (0.0, arm, height + 0.35), (0.0, arm, height + 0.25)],
        )
        head = arm + math.copysign(0.7, arm)
        builder.face(
            "steel",
            [
                (0.0, arm, height + 0.22),
                (0.0, arm, height + 0.42),
                (0.0, head, height + 0.38),
                (0.0, head, height + 0.22),
            ],
        )
        builder.face(
            "street lamp",
            [
                (0.0, arm, height + 0.17),
                (0.0, arm, height + 0.25),
                (0.0, head, height + 0.25),
                (0.0, head, height + 0.17),
            ],
        )
    elif kind == "house":
        length, width, height = sizes
        builder.box(("end", "facade", "roof"), (-length / 2, length / 2), (-width / 2, width / 2), (0.0, height))
    elif kind == "rail":  # a guard rail along the road
        (length,) = sizes
        for x in (-length / 4, length / 4):
            builder.across("steel low", x, (0.0, 0.12), (0.0, 0.7), None)
        for a, b in _pieces(length):
            for material, low, high in (("steel", 0.45, 0.75), ("steel high", 0.64, 0.71), ("steel low", 0.55, 0.60)):
                builder.face(material, [(a, 0.0, low), (b, 0.0, low), (b, 0.0, high), (a, 0.0, high)])
    elif kind == "barrier":  # of concrete, between the carriageways
        (length,) = sizes
        profile = (
            ("concrete low", -0.3, 0.0),
            ("concrete", -0.12, 0.35),
            ("concrete high", -0.08, 0.85),
            ("", 0.08, 0.85),
        )
        for a, b in _pieces(length):
            for (material, y0, z0), (_, y1, z1) in pairwise(profile):
                builder.face(material, [(a, y0, z0), (b, y0, z0), (b, y1, z1), (a, y1, z1)], (0.0, -1.0, 0.5))
    return builder.build()


def _pieces(length: float) -> list[tuple[float, float]]:
    """A long thing in short pieces, because its light is not the same along it."""
    ends = np.linspace(-length / 2, length / 2, 6).tolist()
    return list(pairwise(ends))
