"""Labels, detections and matches made by hand."""

from __future__ import annotations

import numpy as np

from edge_runtime.core import Detections
from edge_runtime.evaluate.accuracy import found_in
from edge_runtime.evaluate.kinds import match_kinds
from edge_runtime.evaluate.labels import parse_labels
from edge_runtime.evaluate.matching import Sought, match

CLASSES = ("car", "truck", "person")


def document(annotations, *, images=1, categories=CLASSES, file_name=None):
    """A COCO document; an annotation is (image id, category, [x, y, w, h], {more keys})."""
    names = [{"file_name": file_name(number)} if file_name else {} for number in range(images)]
    return {
        "images": [{"id": number, **name} for number, name in enumerate(names)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories, start=1)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": categories.index(category) + 1,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
                **(more[0] if more else {}),
            }
            for number, (image, category, box, *more) in enumerate(annotations, start=1)
        ],
    }


def boxes(*rows):
    """Detections from (class, confidence, [x, y, w, h])."""
    xywh = np.array([row[2] for row in rows], np.float64).reshape(-1, 4)
    xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    return Detections.of(xyxy, [row[1] for row in rows], [CLASSES.index(row[0]) for row in rows])


def matched(coco, frames, *, groups=None, iou=0.5):
    """The matches of a document against the detections of its images, in order."""
    labels = parse_labels(coco, "test")
    kinds = match_kinds(labels.names, CLASSES, CLASSES, groups or {})
    objects = labels.objects
    sought = Sought(
        np.arange(len(objects)), objects.picture, kinds.of_category[objects.category], objects.xyxy, objects.ignored
    )
    found = found_in(frames)
    kind = kinds.of_class[found.class_id] if len(found.class_id) else np.empty(0, np.intp)
    return labels, found, match(sought, found, kind, kinds.names, len(frames), iou)
