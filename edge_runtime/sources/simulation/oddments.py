"""What stands beside a road and is no traffic light and no traffic sign, though from afar it may look like one."""

from __future__ import annotations

import numpy as np

from .mesh import Builder, Mesh, circle

BUSHES = 6


def mesh(model: str, variant: int) -> Mesh:
    builder = Builder()
    _BUILDERS[model](builder, variant)
    return builder.build()


def _board(builder: Builder, variant: int) -> None:
    """A shop's sign on a bracket, 1 m high; its origin is its middle."""
    builder.face("steel low", [(0.0, -0.55, 0.3), (0.0, 0.55, 0.3), (0.0, 0.55, 0.36), (0.0, -0.55, 0.36)])
    if variant % 3 == 0:  # a chemist's cross
        for y, z in ((0.16, 0.45), (0.45, 0.16)):
            builder.across("board", -0.06, (-y, y), (-z, z), None)
        return
    if variant % 3 == 1:
        builder.disc("board", -0.06, 0.0, 0.0, 0.42, None, 16)
        builder.disc("stripe", -0.07, 0.0, 0.0, 0.24, None)
        return
    builder.box(("board", "paint low", "paint high"), (-0.06, 0.06), (-0.32, 0.32), (-0.5, 0.5))
    builder.across("stripe", -0.07, (-0.22, 0.22), (-0.12, 0.28), False)


def _lightbox(builder: Builder, variant: int) -> None:
    """Two or three coloured panels above each other: a price list, an open sign, a menu."""
    builder.across("trim", 0.0, (-0.24, 0.24), (-0.56, 0.56), None)
    for number, material in enumerate(("board", "stripe", "board", "paint low")[variant % 2 : variant % 2 + 3]):
        z = 0.36 * (1 - number)
        builder.across(material, -0.02, (-0.18, 0.18), (z - 0.15, z + 0.15), False)


def _flag(builder: Builder, variant: int) -> None:
    """On a pole of 7 m, hanging or in the wind."""
    builder.across("steel", 0.0, (-0.05, 0.05), (0.0, 7.0), None)
    wide, droop = (0.9, 0.15) if variant % 2 else (1.9, 0.45)
    for number, material in enumerate(("paint", "stripe", "paint low")):
        top, low = 6.9 - 0.75 * number, 6.9 - 0.75 * (number + 1)
        builder.face(material, [(-0.02, 0.05, low), (-0.02, wide, low - droop), (-0.02, wide, top - droop),
                                (-0.02, 0.05, top)])  # fmt: skip


def _bush(builder: Builder, variant: int) -> None:
    """1 m tall and a little wider; with flowers or fruit of its colour."""
    rng = np.random.default_rng((variant, 31))
    builder.face("shadow deep", [(0.5 * s, 0.75 * c, 0.01) for c, s in circle(10)], solid=False)
    for material, count, low, high in (
        ("bush low", 3, 0.30, 0.42),
        ("bush", 4, 0.22, 0.34),
        ("bush high", 3, 0.1, 0.18),
    ):
        for _ in range(count):
            radius = float(rng.uniform(low, high))
            y, z = float(rng.uniform(-0.45, 0.45)), float(rng.uniform(radius, 1.0 - radius))
            builder.face(material, [(0.0, y + radius * c, max(z + radius * s, 0.0)) for c, s in circle(9)])
    for _ in range(9 if variant % 2 else 0):
        y, z = float(rng.uniform(-0.5, 0.5)), float(rng.uniform(0.25, 0.9))
        builder.face("paint", [(-0.01, y + 0.055 * c, z + 0.05 * s) for c, s in circle(5)], solid=False)


def _planter(builder: Builder, variant: int) -> None:
    builder.box(("concrete", "concrete low", "dark"), (-0.4, 0.4), (-0.4, 0.4), (0.0, 0.5))
    rng = np.random.default_rng((variant, 33))
    for material in ("bush low", "bush", "paint", "paint", "paint high", "paint", "bush high", "paint"):
        y, z = float(rng.uniform(-0.3, 0.3)), float(rng.uniform(0.5, 0.8))
        radius = 0.2 if material.startswith("bush") else 0.08
        builder.face(material, [(-0.3, y + radius * c, z + radius * s) for c, s in circle(8)])


def _hedge(builder: Builder, variant: int) -> None:
    """6 m along the road."""
    for a, b in ((-3.0, -1.0), (-1.0, 1.0), (1.0, 3.0)):
        builder.box(
            ("bush", "bush low", "bush high"), (a, b), (-0.4, 0.4), (0.0, 0.9 + 0.12 * ((variant + int(b)) % 3))
        )


def _cone(builder: Builder, _: int) -> None:
    builder.across("dark", 0.0, (-0.2, 0.2), (0.0, 0.05), None)
    for material, low, high in (("orange", 0.05, 0.75), ("pale", 0.28, 0.42), ("pale", 0.52, 0.62)):
        a, b = (0.17 * (1 - low / 0.8), 0.17 * (1 - high / 0.8))
        builder.face(material, [(-0.01, -a, low), (-0.01, a, low), (-0.01, b, high), (-0.01, -b, high)])


def _beacon(builder: Builder, variant: int) -> None:
    """Of road works: red and white, with a yellow lamp."""
    builder.across("dark", 0.05, (-0.3, 0.3), (0.0, 0.1), None)
    builder.across("pale", 0.0, (-0.13, 0.13), (0.15, 1.15), None)
    for number in range(3):
        z = 0.2 + 0.33 * number
        builder.face(
            "red paint", [(-0.01, -0.13, z), (-0.01, 0.13, z + 0.12), (-0.01, 0.13, z + 0.28), (-0.01, -0.13, z + 0.16)]
        )
    builder.disc("warning lamp" if variant % 2 else "amber", -0.02, 0.0, 1.27, 0.11)


def _post(builder: Builder, variant: int) -> None:
    """At the edge of the road, with its reflector."""
    builder.across("pale", 0.0, (-0.06, 0.06), (0.0, 1.0), None)
    builder.across("dark", -0.01, (-0.06, 0.06), (0.68, 0.9), None)
    builder.across(("amber", "reflector", "white paint")[variant % 3], -0.02, (-0.03, 0.03), (0.71, 0.87), False)


def _billboard(builder: Builder, variant: int) -> None:
    """3.6 m wide on two legs."""
    for y in (-1.2, 1.2):
        builder.across("steel low", 0.1, (y - 0.07, y + 0.07), (0.0, 2.2), None)
    builder.across("trim", 0.02, (-1.8, 1.8), (1.7, 4.2), None)
    builder.across("board", 0.0, (-1.72, 1.72), (1.78, 4.12), False)
    rng = np.random.default_rng((variant, 35))
    for material in ("stripe", "red paint", "white paint", "orange", "blue paint", "green paint")[: 2 + variant % 5]:
        y, z = float(rng.uniform(-1.5, 0.8)), float(rng.uniform(1.9, 3.2))
        builder.across(
            material, -0.02, (y, y + float(rng.uniform(0.2, 0.8))), (z, z + float(rng.uniform(0.2, 0.8))), False
        )


def _light_back(builder: Builder, _: int) -> None:
    """A traffic light for those who come from the other side."""
    builder.box(("housing", "housing low", "housing"), (-0.12, 0.1), (-0.17, 0.17), (-0.5, 0.5))
    for z in (-0.36, 0.0, 0.36):
        builder.face(
            "housing low",
            [(-0.13, -0.12, z - 0.11), (-0.13, 0.12, z - 0.11), (-0.13, 0.12, z + 0.11), (-0.13, -0.12, z + 0.11)],
        )


def _sign_back(builder: Builder, variant: int) -> None:
    """A sign for those who come from the other side."""
    corners = (
        circle(14),
        [(-1.0, -0.9), (1.0, -0.9), (0.0, 0.9)],
        [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    )
    builder.face("sign back", [(0.0, 0.36 * y, 0.36 * z) for y, z in corners[variant % 3]])
    builder.across("steel low", -0.02, (-0.25, 0.25), (-0.03, 0.03), False)


_BUILDERS = {
    "board": _board,
    "lightbox": _lightbox,
    "flag": _flag,
    "bush": _bush,
    "planter": _planter,
    "hedge": _hedge,
    "cone": _cone,
    "beacon": _beacon,
    "post": _post,
    "billboard": _billboard,
    "light back": _light_back,
    "sign back": _sign_back,
}
MODELS = frozenset(_BUILDERS)
