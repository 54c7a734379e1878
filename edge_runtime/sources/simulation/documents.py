"""The labels of a whole drive as documents: COCO, and a map of its lights and signs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edge_runtime.config.schema import SimulationSource

from .labels import Label
from .scene import Drive
from .things import CATEGORIES

# Nobody can be asked to find what is covered further than this: COCO's evaluation counts it neither way.
HARDLY_VISIBLE = 0.2


def coco_document(block: SimulationSource, every: int = 1) -> dict[str, Any]:
    """The labels of every `every`-th picture of the drive; `image_id` is the picture's index. Nothing is painted."""
    drive = Drive(block)
    width, height = block.size
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in range(0, drive.pictures, every):
        images.append({"id": index, "file_name": f"{index:06d}.png", "width": width, "height": height})
        for label in drive.labels(index):
            annotations.append(annotation(label, index, len(annotations) + 1))
    categories = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def map_document(block: SimulationSource) -> dict[str, Any]:
    """Where the lights and signs of the drive's world stand, and the camera's pose at every picture.

    World frame: x ahead, y to the left, z up, from where the drive begins on the middle of the road. `xyz_m` is the
    middle of a thing, `size_m` its width and height; `yaw_deg` turns to the left, `pitch_deg` nods down.
    """
    drive = Drive(block)
    things = drive.landmarks()
    places = drive.road.world(np.array([thing.xyz_m for thing in things]).reshape(-1, 3))
    points = [
        {
            "class": thing.category,
            "xyz_m": [round(value, 3) for value in place],
            "size_m": [round(value, 3) for value in thing.size_m[1:]],
        }
        for thing, place in zip(things, places.tolist(), strict=True)
    ]
    poses = []
    for index in range(drive.pictures):
        camera = drive.camera(index)
        poses.append(
            {
                "t_stream_ns": round(index * 1e9 / block.fps),
                "xyz_m": [round(value, 3) for value in camera.xyz_m],
                "yaw_deg": round(math.degrees(camera.yaw_rad), 4),
                "pitch_deg": round(math.degrees(camera.pitch_rad), 4),
            }
        )
    return {"points": points, "poses": poses}


def annotation(label: Label, image_id: int, number: int) -> dict[str, Any]:
    """One entry of `annotations`, COCO's keys first; keys of ours where they say something."""
    x0, y0, x1, y1 = (round(edge, 2) for edge in label.xyxy)
    known = {"state": label.state, "arrow": label.arrow, "sign": label.sign}
    return {
        "id": number,
        "image_id": image_id,
        "category_id": CATEGORIES.index(label.category) + 1,
        "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)],
        "area": round((x1 - x0) * (y1 - y0), 2),
        "iscrowd": int(label.visibility < HARDLY_VISIBLE),
        "distance_m": round(label.distance_m, 2),
        "visibility": round(label.visibility, 3),
        "object_id": label.identity,
        **{key: value for key, value in known.items() if value is not None},
    }
