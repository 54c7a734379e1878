"""A planner on a 1280 x 720 camera with a 416 x 416 network, and what it is told."""

from __future__ import annotations

from edge_runtime.config.schema import CalibrationBlock, RegionsBlock
from edge_runtime.core import COCO, ClassGroups, ClassTable, Detections, Region
from edge_runtime.vision.regions import Looked, RegionPlanner, Scene

WIDTH, HEIGHT, SIDE = 1280, 720, 416
CLASSES = ClassTable(COCO)
CAR, LIGHT = COCO.index("car"), COCO.index("traffic light")
CAMERA = CalibrationBlock(focal_px=(1000.0, 1000.0), centre_px=(640.0, 360.0), pitch_deg=0.0, height_m=1.5)
FRAME_NS = 40_000_000


def planner(*sources, network=(SIDE, SIDE), calibration=None, never_shed=(), prior=None, resize="letterbox", **keys):
    block = RegionsBlock.model_validate({"max": 8, **({"from": list(sources)} if sources else {}), **keys})
    return RegionPlanner(
        block,
        input_size=network,
        resize=resize,
        classes=CLASSES,
        calibration=calibration,
        never_shed=never_shed,
        groups=ClassGroups({"vehicle": ("car", "truck")}, CLASSES),
        prior=prior,
    )


def scene(frame_id=0, width=WIDTH, height=HEIGHT, pose=None):
    return Scene(frame_id, frame_id * FRAME_NS, width, height, pose=pose)


def boxes(*rows):
    """Rows of x, y of the middle, height (half of it is the width), class and track."""
    xyxy = [[x - h / 4, y - h / 2, x + h / 4, y + h / 2] for x, y, h, _, _ in rows]
    return Detections.of(xyxy, [0.8] * len(rows), [row[3] for row in rows], [row[4] for row in rows])


def whole(found=None):
    return Looked(Region((0, 0, WIDTH, HEIGHT)), Detections.empty() if found is None else found)


def close(found):
    """A region that shows these boxes."""
    return Looked(Region((100, 100, 516, 516), "track 1"), found)


def holds(region, x, y):
    x0, y0, x1, y1 = region.xyxy
    return x0 <= x <= x1 and y0 <= y <= y1


def middle(region):
    x0, y0, x1, y1 = region.xyxy
    return (x0 + x1) / 2, (y0 + y1) / 2
