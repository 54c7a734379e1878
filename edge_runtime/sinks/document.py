"""The JSON document of a result: a line of `detections.jsonl`, a message of a recording, what goes over the wire."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from edge_runtime.core import ClassTable, Detections, FrameResult

Document = dict[str, Any]

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def boxes_document(detections: Detections, classes: ClassTable) -> Document:
    """The columns of one stage: pixels to two decimals, confidence to four, no track and no label is null."""
    names = classes.names
    class_id = detections.class_id.tolist()
    document: Document = {
        "xyxy": detections.xyxy.astype(np.float64).round(2).tolist(),
        "confidence": detections.confidence.astype(np.float64).round(4).tolist(),
        "class_id": class_id,
        "class_name": [names[index] for index in class_id],
        "track_id": [None if track < 0 else track for track in detections.track_id.tolist()],
    }
    if detections.label is not None:
        document["label"] = [None if label < 0 else names[label] for label in detections.label.tolist()]
    return document


def result_document(result: FrameResult, classes: ClassTable) -> Document:
    """One frame without its masks."""
    document: Document = {
        "frame_id": result.frame_id,
        "camera": result.camera,
        "t_capture_ns": result.t_capture_ns,
        "t_stream_ns": result.t_stream_ns,
        "latency_ms": round(result.latency_ms, 3),
        "point": result.point.name,
        "stages": {stage: boxes_document(found, classes) for stage, found in result.detections.items()},
    }
    if result.regions:
        document["regions"] = {
            stage: {"xyxy": [list(region.xyxy) for region in regions], "reason": [region.reason for region in regions]}
            for stage, regions in result.regions.items()
        }
    if result.error is not None:
        document["error"] = result.error
    return document
