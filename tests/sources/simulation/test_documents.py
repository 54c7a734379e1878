import json
import math

import pytest

from edge_runtime.sources.simulation import Drive, coco_document, map_document

from .drives import block, drive


def test_the_coco_document_holds_the_labels_of_the_pictures():
    document = json.loads(json.dumps(coco_document(block(seconds=2.0), every=5)))
    assert [image["id"] for image in document["images"]] == [0, 5, 10, 15]
    assert (document["images"][0]["width"], document["images"][0]["height"]) == (640, 360)
    names = {category["id"]: category["name"] for category in document["categories"]}
    assert set(names.values()) == {"person", "car", "truck", "traffic light", "traffic sign"}
    mine = [entry for entry in document["annotations"] if entry["image_id"] == 5]
    labels = drive(seconds=2.0).labels(5)
    assert [names[entry["category_id"]] for entry in mine] == [label.category for label in labels]
    for entry, label in zip(mine, labels, strict=True):
        x, y, width, height = entry["bbox"]
        assert (x, y, x + width, y + height) == pytest.approx(label.xyxy, abs=0.02)
        assert entry["area"] == pytest.approx(width * height, abs=0.5 + 0.01 * (width + height))
        assert entry["distance_m"] == pytest.approx(label.distance_m, abs=0.01)
        assert entry["visibility"] == pytest.approx(label.visibility, abs=0.001)
        assert entry.get("state") == label.state
        assert entry.get("arrow") == label.arrow
    identities = [entry["id"] for entry in document["annotations"]]
    assert len(set(identities)) == len(identities)


def test_what_is_hardly_visible_counts_neither_way():
    document = coco_document(block(seconds=10.0, traffic=1.0), every=10)
    assert {entry["iscrowd"] for entry in document["annotations"] if entry["visibility"] > 0.25} == {0}
    assert {entry["iscrowd"] for entry in document["annotations"] if entry["visibility"] < 0.15} == {1}


def test_the_map_projects_onto_the_labels():
    settings = block(seconds=5.0, size=(1920, 1080))
    document, world = json.loads(json.dumps(map_document(settings))), Drive(settings)
    assert {point["class"] for point in document["points"]} == {"traffic light", "traffic sign"}
    assert len(document["poses"]) == 50
    calibration, pose = world.calibration, document["poses"][20]
    boxes = [label.xyxy for label in world.labels(20) if label.category in ("traffic light", "traffic sign")
             and label.visibility == 1 and label.distance_m > 40]  # fmt: skip
    assert boxes
    centres = []
    yaw, pitch = math.radians(pose["yaw_deg"]), math.radians(pose["pitch_deg"])
    for point in document["points"]:
        x, y, up = (a - b for a, b in zip(point["xyz_m"], pose["xyz_m"], strict=True))
        ahead, left = x * math.cos(yaw) + y * math.sin(yaw), y * math.cos(yaw) - x * math.sin(yaw)
        depth = ahead * math.cos(pitch) - up * math.sin(pitch)
        if depth > 1:
            down = -ahead * math.sin(pitch) - up * math.cos(pitch)
            centres.append((calibration.centre_px[0] - calibration.focal_px[0] * left / depth,
                            calibration.centre_px[1] + calibration.focal_px[1] * down / depth))  # fmt: skip
    for x0, y0, x1, y1 in boxes:
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        assert min(abs(x - middle[0]) + abs(y - middle[1]) for x, y in centres) < 2.5
