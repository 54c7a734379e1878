"""A folder with the files that the pages speak of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from edge_runtime.cli.main import run_app
from tests.material import HIGHWAY, HIGHWAY_720P, MATERIAL, YOLOX

from .pages import ROOT

NETWORKS = {
    "yolox_nano.onnx": YOLOX,
    "detector.onnx": YOLOX,
    "vehicle-detection-adas-0002.onnx": "models/vehicle-detection-adas-0002.onnx",
    "udacity_highway_720p.mp4": HIGHWAY_720P,
    "pictures": "images",
}
MISTAKEN = """\
name: mine
source: {kind: vidoe, path: drive.mp4}
models:
  road:
    onnx: yolox_nano.onnx
    input: {size: [416, 416], resize: letterbox, color: bgr}
    decode: {family: yolox, classes: coco, confidence: 0.3, iou: 0.5}
stages: [{name: objects, kind: detect, model: road}]
sinks: [{kind: jsonl}]
"""
DRIVE = ["--pace", "fast", "--frames", "8", "--set", "source.fps=5", "--set", "sinks=[{kind: jsonl}]"]
# Of the motorway: few, so that nothing takes long, and slow ones, so that a busy machine finds something in time.
FRAMES, FPS = 30, 5.0


@pytest.fixture(scope="session")
def shelf(tmp_path_factory) -> Path:
    """Everything that a page may name; each page takes a copy of it."""
    folder = tmp_path_factory.mktemp("shelf")
    shutil.copytree(ROOT / "pipelines", folder / "pipelines")
    for new in ("pipelines/new.yaml", "new.yaml"):
        text = (ROOT / "pipelines/demo.yaml").read_text(encoding="utf-8")
        (folder / new).write_text(text.replace("confidence: 0.35", "confidence: 0.8"), encoding="utf-8")
    (folder / "mistaken.yaml").write_text(MISTAKEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_app(["demo", *DRIVE, "--record", "drive.mcap", "--out", "recorded"]) == 0
        assert run_app(["demo_governed", "--seconds", "2", "--out", "runs/motorway-20261122-214500"]) == 0
    for copy in ("drives/one.mcap", "drives/two.mcap", "front.20261122T215403.camera_lost/000001.mcap"):
        (folder / copy).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "drive.mcap", folder / copy)
    if MATERIAL.exists():
        _put_material(folder)
    return folder


def _put_material(folder: Path) -> None:
    for name, what in NETWORKS.items():
        (folder / name).symlink_to(MATERIAL / what)
    _cut(MATERIAL / HIGHWAY, folder / "drive.mp4")
    plain = yaml.safe_load((ROOT / "pipelines/highway_video.yaml").read_text(encoding="utf-8"))
    plain["models"]["road"]["decode"]["classes"] = "coco"
    (folder / "mine.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    objects, tracked = plain["stages"]
    far = {"name": "far", "kind": "detect", "model": "road", "regions": {"max": 2, "from": ["tracks", "horizon"]}}
    found = {"name": "found", "kind": "merge", "of": ["objects", "far"]}
    plain["stages"] = [objects, far, found, {**tracked, "of": "found"}]
    (folder / "far.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_app(["mine.yaml", "--pace", "fast", "--out", "labelled", "--set", "sinks=[{kind: jsonl}]"]) == 0
    lines = (folder / "labelled/detections.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "labels.json").write_text(json.dumps(_labels(map(json.loads, lines))))


def _labels(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What a network found, as if somebody had drawn it."""
    images, boxes = [], []
    for line in lines:
        images.append({"id": line["frame_id"], "file_name": f"{line['frame_id']:06}.png", "width": 960, "height": 540})
        for x0, y0, x1, y1 in line["stages"]["tracked"]["xyxy"]:
            place = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}
            boxes.append({"id": len(boxes) + 1, "image_id": line["frame_id"], "category_id": 1, **place})
    return {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "car"}]}


def _cut(film: Path, to: Path) -> None:
    taken = cv2.VideoCapture(str(film))
    size = int(taken.get(cv2.CAP_PROP_FRAME_WIDTH)), int(taken.get(cv2.CAP_PROP_FRAME_HEIGHT))
    written = cv2.VideoWriter(str(to), cv2.VideoWriter_fourcc(*"mp4v"), FPS, size)
    for _ in range(FRAMES):
        written.write(taken.read()[1])
    written.release()
    taken.release()
