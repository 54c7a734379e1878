"""Solid things as flat faces: what a vehicle, a person or a traffic light is made of.

Object frame in metres: x to its front, y to its left, z up, the origin on the ground below its middle. Faces are
listed in the order they are painted in; a face whose back is turned to the camera is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """`starts[i]:starts[i + 1]` of `vertices` is face i; its normal is 0 where it has two sides.

    `material` names the colour of each face; faces that are not solid (a shadow) belong to no outline.
    """

    vertices: Array
    starts: tuple[int, ...]
    normals: Array
    material: tuple[str, ...]

    first: Array  # one point of every face
    corners: npt.NDArray[np.int64]  # of every face
    is_solid: npt.NDArray[np.bool_]
    is_sided: npt.NDArray[np.bool_]  # faces whose normal is not 0


@dataclass(slots=True)
class Builder:
    """Collects faces; `away` tells which side of a face is the outer one, (0, 0, 0) for both."""

    points: list[Point] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    normals: list[Array] = field(default_factory=list)
    material: list[str] = field(default_factory=list)
    solid: list[bool] = field(default_factory=list)

    def face(self, material: str, points: Sequence[Point], away: Point = (0.0, 0.0, 0.0), solid: bool = True) -> None:
        corners = np.array(points[:3])
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        normal = normal / (np.linalg.norm(normal) or 1.0) * np.sign(normal @ np.array(away))
        self.points += points
        self.starts.append(len(self.points))
        self.normals.append(normal)
        self.material.append(material)
        self.solid.append(solid)

    def across(self, material: str, x: float, y: Sequence[float], z: Sequence[float], front: bool | None) -> None:
        """A rectangle across the road at x, its outer side to the front, the back, or both."""
        away = (0.0 if front is None else 1.0 if front else -1.0, 0.0, 0.0)
        self.face(material, [(x, y[0], z[0]), (x, y[1], z[0]), (x, y[1], z[1]), (x, y[0], z[1])], away)

    def disc(
        self, material: str, x: float, y: float, z: float, radius: float, front: bool | None = False, corners: int = 12
    ) -> None:
        """A disc across the road."""
        away = (0.0 if front is None else 1.0 if front else -1.0, 0.0, 0.0)
        self.face(material, [(x, y + radius * c, z + radius * s) for c, s in circle(corners)], away)

    def box(self, materials: tuple[str, str, str], x: Sequence[float], y: Sequence[float], z: Sequence[float]) -> None:
        """Ends, sides and top of a box."""
        ends, sides, top = materials
        for side, away in ((y[0], -1.0), (y[1], 1.0)):
            corners = [(x[0], side, z[0]), (x[1], side, z[0]), (x[1], side, z[1]), (x[0], side, z[1])]
            self.face(sides, corners, (0.0, away, 0.0))
        self.across(ends, x[0], y, z, False)
        self.across(ends, x[1], y, z, True)
        corners = [(x[0], y[0], z[1]), (x[1], y[0], z[1]), (x[1], y[1], z[1]), (x[0], y[1], z[1])]
        self.face(top, corners, (0.0, 0.0, 1.0))

    def build(self) -> Mesh:
        vertices, starts = np.array(self.points), np.array(self.starts)
        return Mesh(
            vertices,
            tuple(self.starts),
            np.array(self.normals),
            tuple(self.material),
            vertices[starts[:-1]],
            np.diff(starts),
            np.array(self.solid),
            np.asarray(np.array(self.normals).any(axis=1)),
        )


def circle(corners: int) -> list[tuple[float, float]]:
    """Cosine and sine around the circle."""
    angles = [math.tau * index / corners for index in range(corners)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]
