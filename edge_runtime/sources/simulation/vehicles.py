"""Cars and trucks as meshes."""

from __future__ import annotations

from dataclasses import dataclass

from .mesh import Builder, Mesh, circle


@dataclass(frozen=True, slots=True)
class CarShape:
    """Where the glasshouse of a car stands: shares of its length from the back, and its beltline in metres."""

    size: tuple[float, float, float]
    glass_from: float
    roof_from: float
    roof_to: float
    glass_to: float
    belt_m: float


CARS = (
    CarShape((4.1, 1.75, 1.50), 0.03, 0.14, 0.60, 0.76, 0.95),  # hatchback
    CarShape((4.7, 1.83, 1.46), 0.14, 0.30, 0.58, 0.74, 0.93),  # saloon
    CarShape((4.7, 1.83, 1.50), 0.02, 0.09, 0.58, 0.74, 0.94),  # estate
    CarShape((4.6, 1.88, 1.70), 0.03, 0.10, 0.62, 0.76, 1.08),  # off-roader
    CarShape((5.1, 1.95, 2.05), 0.01, 0.04, 0.74, 0.88, 1.15),  # van
)
TRUCKS = ((9.5, 2.45, 3.50), (13.5, 2.55, 3.95), (7.0, 2.30, 3.10))

CAB_M = 2.1


def shadow(builder: Builder, length: float, width: float) -> None:
    for grow, material in ((0.35, "shadow"), (0.0, "shadow deep")):
        x, y = length / 2 + grow, width / 2 + grow
        cut = 0.5 + grow
        corners = [
            (-x, -y + cut, 0.01), (-x + cut, -y, 0.01), (x - cut, -y, 0.01), (x, -y + cut, 0.01),
            (x, y - cut, 0.01), (x - cut, y, 0.01), (-x + cut, y, 0.01), (-x, y - cut, 0.01),
        ]  # fmt: skip
        builder.face(material, corners, solid=False)


def wheels(builder: Builder, at: tuple[float, ...], width: float, radius: float) -> None:
    for side in (-1.0, 1.0):
        y = side * width / 2
        for x in at:
            for share, material, out in ((1.12, "dark", 0.0), (0.98, "tyre", 0.012), (0.62, "rim", 0.018)):
                rim = [(x + radius * share * c, y + side * out, radius + radius * share * s) for c, s in circle(14)]
                # The upper part of the arch belongs to the body, the lower end stands on the road.
                rim = [(px, py, max(pz, 0.0)) for px, py, pz in rim]
                builder.face(material, rim, (0.0, side, 0.0))


def car(variant: int) -> Mesh:
    shape = CARS[variant % len(CARS)]
    (length, width, height), belt = shape.size, shape.belt_m
    back, front, half = -length / 2, length / 2, width / 2
    builder = Builder()
    shadow(builder, length, width)
    # What stands out behind the body first: mirrors, and tyres below the bumpers.
    for side in (-1.0, 1.0):
        out = (side * (half - 0.02), side * (half + 0.16))
        builder.across("trim", back + length * shape.glass_to - 0.25, out, (belt - 0.02, belt + 0.13), None)
    for x, outer in ((back + 0.75, False), (front - 0.75, True)):
        for side in (-1.0, 1.0):
            builder.across("tyre", x, (side * half, side * (half - 0.22)), (0.0, 0.42), outer)
    builder.across("under", back + 0.35, (-half + 0.1, half - 0.1), (0.16, 0.40), False)
    builder.across("under", front - 0.35, (-half + 0.1, half - 0.1), (0.16, 0.40), True)
    # The body: sides, sloped ends in two steps, bonnet and boot lid.
    nose = belt - 0.20
    for side in (-1.0, 1.0):
        y = side * half
        outline = [
            (back + 0.06, y, 0.28), (front - 0.08, y, 0.26), (front, y, 0.50), (front - 0.12, y, nose),
            (back + length * shape.glass_to, y, belt), (back + length * shape.glass_from, y, belt),
            (back + 0.02, y, belt - 0.06), (back, y, 0.52),
        ]  # fmt: skip
        builder.face("paint", outline, (0.0, side, 0.0))
        sill = [(back + 0.06, y, 0.28), (front - 0.08, y, 0.26), (front - 0.04, y, 0.38), (back + 0.03, y, 0.40)]
        builder.face("paint low", sill, (0.0, side, 0.0))
        crease = [
            (back + 0.1, y, belt - 0.16), (front - 0.4, y, nose - 0.08),
            (front - 0.4, y, nose - 0.12), (back + 0.1, y, belt - 0.21),
        ]  # fmt: skip
        builder.face("paint high", crease, (0.0, side, 0.0))
    across = (-half, half)
    builder.face("paint", _slope(back, belt - 0.06, back, 0.52, across), (-1.0, 0.0, 0.0))
    builder.face("paint low", _slope(back, 0.52, back + 0.06, 0.28, across), (-1.0, 0.0, -0.2))
    builder.face("paint", _slope(front - 0.12, nose, front, 0.50, across), (1.0, 0.0, 0.1))
    builder.face("paint low", _slope(front, 0.50, front - 0.08, 0.26, across), (1.0, 0.0, -0.2))
    hood = [(front - 0.12, -half, nose), (front - 0.12, half, nose),
            (back + length * shape.glass_to, half, belt), (back + length * shape.glass_to, -half, belt)]  # fmt: skip
    builder.face("paint", hood, (0.0, 0.0, 1.0))
    lid = [(back, -half, belt - 0.06), (back, half, belt - 0.06),
           (back + length * shape.roof_from, half, belt), (back + length * shape.roof_from, -half, belt)]  # fmt: skip
    builder.face("paint", lid, (0.0, 0.0, 1.0))
    wheels(builder, (back + length * 0.19, front - length * 0.19), width, 0.33)
    _rear(builder, back, half, belt)
    _nose(builder, front, half, nose)
    _glasshouse(builder, shape, back, length, half, belt, height)
    return builder.build()


def _slope(x0: float, z0: float, x1: float, z1: float, y: tuple[float, float]) -> list[tuple[float, float, float]]:
    return [(x0, y[0], z0), (x0, y[1], z0), (x1, y[1], z1), (x1, y[0], z1)]


def _rear(builder: Builder, back: float, half: float, belt: float) -> None:
    x = back - 0.005
    builder.across("trim", x, (-half * 0.86, half * 0.86), (0.30, 0.42), False)
    builder.across("paint low", x, (-half, half), (0.50, 0.53), False)
    builder.across("plate", x, (-0.26, 0.26), (0.58, 0.69), False)
    for side in (-1.0, 1.0):
        builder.across("tail", x, (side * half * 0.985, side * half * 0.60), (belt - 0.27, belt - 0.09), False)
        builder.across("tail high", x, (side * half * 0.93, side * half * 0.74), (belt - 0.22, belt - 0.14), False)
        builder.across(
            "indicator", x - 0.002, (side * half * 0.985, side * half * 0.92), (belt - 0.27, belt - 0.09), False
        )
        builder.across("reflector", x, (side * half * 0.9, side * half * 0.75), (0.44, 0.48), False)


def _nose(builder: Builder, front: float, half: float, nose: float) -> None:
    x = front + 0.005
    builder.across("grille", x - 0.05, (-half * 0.55, half * 0.55), (0.50, nose - 0.07), True)
    builder.across("trim", x, (-half * 0.7, half * 0.7), (0.29, 0.42), True)
    builder.across("plate", x, (-0.26, 0.26), (0.43, 0.54), True)
    for side in (-1.0, 1.0):
        corners = (side * half * 0.98, side * half * 0.60)
        builder.across("lamp glass", x - 0.04, corners, (nose - 0.19, nose - 0.03), True)
        builder.across(
            "indicator", x - 0.02, (side * half * 0.98, side * half * 0.91), (nose - 0.18, nose - 0.04), True
        )
        builder.across("head", x - 0.03, (side * half * 0.9, side * half * 0.70), (nose - 0.16, nose - 0.05), True)


def _glasshouse(
    builder: Builder, shape: CarShape, back: float, length: float, half: float, belt: float, height: float
) -> None:
    x0, x1, x2, x3 = (back + length * at for at in (shape.glass_from, shape.roof_from, shape.roof_to, shape.glass_to))
    sill = belt - 0.02  # below the beltline, so that no seam shows
    low, high = half - 0.05, half - (0.12 if height > 1.9 else 0.24)

    def end(a: float, b: float, front: bool) -> None:
        away = (1.0 if front else -1.0, 0.0, 0.3)
        corners = [(a, -low, sill), (a, low, sill), (b, high, height), (b, -high, height)]
        builder.face("paint", corners, away)
        glass = [
            _between(corners, across, up) for across, up in ((0.07, 0.08), (0.93, 0.08), (0.92, 0.86), (0.08, 0.86))
        ]
        builder.face("glass", glass, away)
        shine = [
            _between(corners, across, up) for across, up in ((0.10, 0.55), (0.90, 0.55), (0.91, 0.84), (0.09, 0.84))
        ]
        builder.face("glass high", shine, away)
        if not front:
            lamp = [
                _between(corners, across, up) for across, up in ((0.40, 0.9), (0.60, 0.9), (0.60, 0.96), (0.40, 0.96))
            ]
            builder.face("third lamp", lamp, away)

    for side in (-1.0, 1.0):
        corners = [(x0, side * low, sill), (x3, side * low, sill), (x2, side * high, height), (x1, side * high, height)]
        away = (0.0, side, 0.2)
        builder.face("paint", corners, away)
        split = 0.52
        for first, last in ((0.08, split - 0.02), (split + 0.02, 0.93)):
            shares = ((first, 0.08), (last, 0.08), (last, 0.85), (first, 0.85))
            builder.face("glass", [_between(corners, across, up) for across, up in shares], away)
    end(x0, x1, False)
    end(x3, x2, True)
    roof = [(x1, -high, height), (x1, high, height), (x2, high, height), (x2, -high, height)]
    builder.face("paint", roof, (0.0, 0.0, 1.0))


def _between(corners: list[tuple[float, float, float]], across: float, up: float) -> tuple[float, float, float]:
    """A point of a four-cornered face: shares of its lower edge and of its height."""
    a, b, c, d = corners
    x, y, z = (
        (p * (1 - across) + q * across) * (1 - up) + (s * (1 - across) + r * across) * up
        for p, q, r, s in zip(a, b, c, d, strict=True)
    )
    return x, y, z


def truck(variant: int) -> Mesh:
    """Seen from behind; from its front on with the second half of the variants: what is nearer comes last."""
    length, width, height = TRUCKS[variant % len(TRUCKS)]
    back, front, half = -length / 2, length / 2, width / 2
    builder = Builder()
    shadow(builder, length, width)
    for x in (back + 0.9, back + 2.2):
        for side in (-1.0, 1.0):
            builder.across("tyre", x, (side * half * 0.97, side * half * 0.55), (0.0, 0.98), False)
    for side in (-1.0, 1.0):
        builder.across("tyre", front - 1.0, (side * half * 0.97, side * half * 0.7), (0.0, 0.9), True)
    builder.across("under", back + 0.6, (-half * 0.8, half * 0.8), (0.45, 1.05), False)
    builder.across("under", front - 0.6, (-half * 0.8, half * 0.8), (0.30, 0.9), True)
    builder.box(("under", "under", "under"), (back + 0.4, front - 0.4), (-half * 0.92, half * 0.92), (0.62, 1.0))
    wheels(builder, (back + 1.3, back + 2.5, front - 1.3), width * 0.985, 0.48)
    parts = [_cab, _trailer] if variant < len(TRUCKS) else [_trailer, _cab]
    for part in parts:
        part(builder, back, front, half, height)
    return builder.build()


def _trailer(builder: Builder, back: float, front: float, half: float, height: float) -> None:
    end = front - CAB_M - 0.15
    builder.box(("paint", "paint", "paint"), (back, end), (-half, half), (1.0, height))
    _doors(builder, back, half, height)
    for side in (-1.0, 1.0):
        y = side * (half + 0.004)
        stripe = [(back + 0.5, y, 1.9), (end - 0.85, y, 1.9), (end - 1.15, y, 2.5), (back + 0.5, y, 2.5)]
        builder.face("stripe", stripe, (0.0, side, 0.0))


def _doors(builder: Builder, back: float, half: float, height: float) -> None:
    x = back - 0.005
    builder.across("paint low", x, (-0.02, 0.02), (1.05, height - 0.05), False)
    builder.across("paint low", x, (-half, half), (height - 0.10, height), False)
    builder.across("paint low", x, (-half, half), (1.0, 1.10), False)
    builder.across("stripe", x, (-half * 0.8, half * 0.8), (height * 0.60, height * 0.74), False)
    for y in (-half * 0.62, -half * 0.24, half * 0.24, half * 0.62):
        builder.across("rim", x - 0.01, (y - 0.025, y + 0.025), (1.1, height - 0.12), False)
    builder.across("trim", x, (-half * 0.96, half * 0.96), (0.50, 0.66), False)
    builder.across("plate", x - 0.01, (-0.26, 0.26), (0.72, 0.84), False)
    for side in (-1.0, 1.0):
        builder.across("tail", x - 0.01, (side * half * 0.96, side * half * 0.66), (0.74, 0.92), False)
        builder.across("indicator", x - 0.012, (side * half * 0.96, side * half * 0.89), (0.74, 0.92), False)
        builder.across("reflector", x - 0.01, (side * half * 0.96, side * half * 0.84), (1.12, 1.3), False)


def _cab(builder: Builder, back: float, front: float, half: float, height: float) -> None:
    cab, x, top = front - CAB_M, front + 0.005, min(height - 0.35, 3.1)
    builder.box(("cab", "cab", "cab"), (cab, front), (-half * 0.98, half * 0.98), (0.55, top))
    builder.across("glass", x, (-half * 0.88, half * 0.88), (1.75, top - 0.35), True)
    builder.across("glass high", x + 0.002, (-half * 0.86, half * 0.86), (2.2, top - 0.38), True)
    builder.across("grille", x, (-half * 0.62, half * 0.62), (0.95, 1.55), True)
    builder.across("trim", x, (-half * 0.97, half * 0.97), (0.36, 0.60), True)
    builder.across("plate", x + 0.002, (-0.26, 0.26), (0.62, 0.73), True)
    for side in (-1.0, 1.0):
        builder.across("lamp glass", x, (side * half * 0.95, side * half * 0.66), (0.72, 0.92), True)
        builder.across("head", x + 0.002, (side * half * 0.9, side * half * 0.72), (0.75, 0.89), True)
        y = side * (half * 0.98 + 0.004)
        glass = [(cab + 0.9, y, 1.75), (front - 0.12, y, 1.7), (front - 0.25, y, top - 0.4), (cab + 0.9, y, top - 0.4)]
        builder.face("glass", glass, (0.0, side, 0.0))
        builder.across("trim", front - 0.1, (side * half * 1.0, side * (half + 0.2)), (1.7, 2.35), None)
