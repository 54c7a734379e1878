"""A pipeline whose one detection is known exactly, on pictures and on a video, and labels for both."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from tests.evaluate.coco import document
from tests.tiny import tiny_detector, tiny_video

# What the tiny network reports in every picture of 160 x 120: 8..40 of its 64-pixel input.
BOX = [20.0, 15.0, 80.0, 60.0]
AWAY = [100.0, 80.0, 30.0, 20.0]

PIPELINE = """\
name: {name}
source: {source}
models:
  road:
    onnx: tiny.onnx
    backend: onnxruntime
    input: {{size: [64, 64], resize: stretch, color: bgr, scale: 1/255}}
    decode: {{family: end2end, classes: [car, lane], confidence: 0.3}}
stages:
  - {{name: objects, kind: detect, model: road}}
  - {{name: tracked, kind: track, of: objects}}
groups: {{vehicle: [car, truck]}}
"""


@pytest.fixture
def folder(tmp_path):
    """`video.yaml` over 20 frames, `images.yaml` over three pictures, and the network they use."""
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "drive.avi", frames=20)
    (tmp_path / "pictures").mkdir()
    for name in ("b.png", "a.png", "c.png"):
        cv2.imwrite(str(tmp_path / "pictures" / name), np.full((120, 160, 3), 200, np.uint8))
    video, images = "{kind: video, path: drive.avi}", "{kind: images, path: pictures}"
    (tmp_path / "video.yaml").write_text(PIPELINE.format(name="video", source=video))
    (tmp_path / "images.yaml").write_text(PIPELINE.format(name="images", source=images))
    return tmp_path


@pytest.fixture
def labelled(folder):
    """Writes labels into the folder and returns their path."""

    def write(annotations, **more):
        path = folder / "labels.json"
        path.write_text(json.dumps(document(annotations, **more)))
        return path

    return write
