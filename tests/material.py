"""Real models and videos, which lie beside the checkout and not in it; tests that need one skip where it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

MATERIAL = Path(__file__).resolve().parents[2] / "shared" / "material"
YOLOX = "models/yolox_nano_coco_416.onnx"
ADAS = "models/pedestrian-and-vehicle-detector-adas-0001.onnx"
TWINLITE = "models/twinlitenet_bdd100k_360x640.onnx"
HIGHWAY = "video/udacity_highway_540p.mp4"
HIGHWAY_720P = "video/udacity_highway_720p.mp4"


def material(name: str) -> Path:
    """The file, or a skip that says which one is missing."""
    path = MATERIAL / name
    if not path.exists():
        pytest.skip(f"the test material is not here: {path}")
    return path
