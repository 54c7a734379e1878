"""YAML in the pages is read by what it is for."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

from edge_runtime.config.block_file import load_block
from edge_runtime.config.load import load_pipeline
from edge_runtime.evaluate.tolerances import Tolerances

from .pages import PAGES, ROOT, Block, blocks

BASE = """
name: mine
source: {kind: video, path: drive.mp4}
models:
  road:
    onnx: yolox_nano.onnx
    input: {size: [416, 416], resize: letterbox_top_left, color: bgr, scale: 1.0, pad: 114}
    decode: {family: yolox, classes: coco, confidence: 0.3, iou: 0.5}
stages: [{name: objects, kind: detect, model: road}]
sinks: [{kind: jsonl}]
"""
PARTS = [(page, block) for page in PAGES for block in blocks(page) if block.language == "yaml"]


def documents(block: Block) -> list[str]:
    """A block; where it has a key several times, as alternatives, one document for each."""
    keys = re.findall(r"^(\w+):", block.text, re.MULTILINE)
    if len(keys) == len(set(keys)) and not {"source", "sources"} <= set(keys):
        return [block.text]
    return re.split(r"^(?=\w+:)", block.text, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize(("page", "block"), PARTS, ids=lambda value: getattr(value, "name", None) or str(value.line))
def test_yaml_in_the_pages_is_right(page, block, tmp_path):
    for text in documents(block):
        told = yaml.safe_load(re.sub(r",? …", "", text.replace("kind: camera, …", "kind: camera, device: 0")))
        if "lost" in told:
            file = tmp_path / "tolerances.yaml"
            file.write_text(text)
            load_block(file, Tolerances)
            continue
        whole = yaml.safe_load(BASE)
        if "sources" in told:
            del whole["source"]
        for name, model in told.pop("models", {}).items():
            usual = whole["models"].get(name, whole["models"]["road"])
            whole["models"][name] = {**usual, **model, "decode": {**usual["decode"], **model.get("decode", {})}}
        for ladder in ("ladder.yaml", "mine-ladder.yaml"):
            shutil.copy(ROOT / "configs/ladders/demo.yaml", tmp_path / ladder)
        whole |= told
        used = {stage.get("model") for stage in whole["stages"]}
        whole["stages"] += [
            {"name": f"of-{name}", "kind": "detect", "model": name} for name in whole["models"] if name not in used
        ]
        load_pipeline(tmp_path / "mine.yaml", runs=False, text=yaml.safe_dump(whole, sort_keys=False))
