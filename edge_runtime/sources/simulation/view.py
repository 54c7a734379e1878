"""Things as the camera sees them: the faces turned to it, in pixels. Painting and labels both start here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .camera import NEAREST_M, Camera
from .figures import mesh_of
from .mesh import Array, Mesh
from .road import STRAIGHT, Road
from .things import Thing

_HILL_M = np.arange(4.0, 460.0, 4.0)  # where the road before a thing is looked at
_HARDLY_M = 0.03  # of a thing's foot, hidden by a hill

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """`pixels` of all vertices, `shown` says which faces are seen, `normals` and `places` (a point of
    each face) are the world's.

    `box` is around the faces that are solid and seen, `reach` around all that are seen; neither is clipped to the
    picture. `nearest_m` is how far ahead of the camera the nearest point is. Rows from `ground_px` on are hidden by the
    crest of a hill before it.
    """

    thing: Thing
    mesh: Mesh
    pixels: Array
    shown: npt.NDArray[np.bool_]
    normals: Array
    places: Array
    nearest_m: float
    box: Box
    reach: Box
    ground_px: float


def views(things: Sequence[Thing], camera: Camera, road: Road = STRAIGHT) -> list[View]:
    """Of each thing with a part of its box in the picture, in their order; all are projected at once."""
    if not things:
        return []
    meshes = [mesh_of(model_of(thing), thing.shape, thing.state, thing.arrow) for thing in things]
    place = np.array([(*thing.heading, thing.scale, *thing.xyz_m) for thing in things])
    vertices = _Owned([mesh.vertices for mesh in meshes])
    around = camera.around(road.world(_turned(vertices.values, vertices.spread(place))))
    pixels, depth = camera.seen(around)
    faces = _Owned([mesh.normals for mesh in meshes])
    at = faces.spread(place)
    first = road.world(_turned(np.concatenate([mesh.first for mesh in meshes]), at))
    turn = _with_road(place, road)
    normals = _turned(faces.values, faces.spread(turn))
    ground = _ground_rows(place[:, 3:], camera, road)
    facing = np.einsum("ij,ij->i", normals, np.array(camera.xyz_m) - first)
    shown = (facing > 0) | ~np.concatenate([mesh.is_sided for mesh in meshes])
    corners = np.concatenate([mesh.corners for mesh in meshes])
    solid = shown & np.concatenate([mesh.is_solid for mesh in meshes])
    boxes = vertices.boxes(pixels, np.repeat(solid, corners))
    reaches = vertices.boxes(pixels, np.repeat(shown, corners))
    is_body = np.repeat(np.concatenate([mesh.is_solid for mesh in meshes]), corners)
    ahead = np.where(is_body, around[:, 0], np.inf)
    nearest = np.maximum(np.minimum.reduceat(ahead, vertices.starts[:-1]), 0.0)
    width, height = camera.size
    inside = (boxes[:, 0] < width) & (boxes[:, 1] < height) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    inside &= (np.maximum.reduceat(depth, vertices.starts[:-1]) > NEAREST_M) & (boxes[:, 1] < ground)
    found = []
    for number in np.flatnonzero(inside).tolist():
        a, b = vertices.starts[number : number + 2]
        c, d = faces.starts[number : number + 2]
        found.append(
            View(
                things[number],
                meshes[number],
                pixels[a:b],
                shown[c:d],
                normals[c:d],
                first[c:d],
                float(nearest[number]),
                _box(boxes[number]),
                _box(reaches[number]),
                float(ground[number]),
            )
        )
    return found


def _box(edges: Array) -> Box:
    x0, y0, x1, y1 = edges.tolist()
    return x0, y0, x1, y1


class _Owned:
    """Rows of many things in one array; `starts` says whose they are."""

    def __init__(self, parts: list[Array]) -> None:
        self.values = np.concatenate(parts)
        self.counts = np.array([len(part) for part in parts])
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])

    def spread(self, of_each: Array) -> Array:
        """One row for each of ours."""
        return np.repeat(of_each, self.counts, axis=0)

    def boxes(self, points: Array, counts: npt.NDArray[np.bool_]) -> Array:
        """Around the points of each thing that count; inside out where none does."""
        low = np.where(counts[:, None], points, np.inf)
        high = np.where(counts[:, None], points, -np.inf)
        starts = self.starts[:-1]
        return np.concatenate([np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)], axis=1)


def _turned(points: Array, place: Array) -> Array:
    """Points (n, 3) of objects in the world; `place` is cosine, sine, scale, x, y, z of each."""
    scale = place[:, 2]
    cos, sin = place[:, 0] * scale, place[:, 1] * scale
    turned = np.empty_like(points)
    turned[:, 0] = points[:, 0] * cos - points[:, 1] * sin
    turned[:, 1] = points[:, 0] * sin + points[:, 1] * cos
    turned[:, 2] = points[:, 2] * scale
    return turned + place[:, 3:]


def _with_road(place: Array, road: Road) -> Array:
    """Only the turn of each thing, in the world."""
    turn = np.zeros_like(place)
    cos, sin = road.at(place[:, 3])[:, 3:5].T
    turn[:, 0] = place[:, 0] * cos - place[:, 1] * sin
    turn[:, 1] = place[:, 1] * cos + place[:, 0] * sin
    turn[:, 2] = 1.0
    return turn


def _ground_rows(xyz: Array, camera: Camera, road: Road) -> Array:
    """The row from which on a hill hides things at these places of the road; infinite where none does."""
    eye_m = camera.xyz_m[2]
    slope = np.maximum.accumulate((road.at(camera.along_m + _HILL_M)[:, 2] - eye_m) / _HILL_M)
    ahead = np.maximum(xyz[:, 0] - camera.along_m, 1.0)
    foot = xyz * np.array([1.0, 1.0, 0.0])
    world = road.world(foot)
    hidden_m = eye_m + np.interp(ahead - _HILL_M[0], _HILL_M, slope) * ahead - world[:, 2]
    rows = np.full(len(xyz), np.inf)
    hides = (hidden_m > _HARDLY_M) & (ahead > 2 * _HILL_M[0])
    if hides.any():
        world[:, 2] += hidden_m
        rows[hides] = camera.project(world[hides])[0][:, 1]
    return rows


def model_of(thing: Thing) -> str:
    """The name of a thing's mesh."""
    if thing.model in ("house", "row house"):
        length, width, height = thing.size_m
        return f"house {length:.2f} {width:.2f} {height:.2f}"
    return thing.model
