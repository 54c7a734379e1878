"""What a network is, told from its outputs alone; every kind of head that a family reads, as its exporter writes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from edge_runtime.config.schema import Decode, InputBlock
from edge_runtime.core import COCO, ClassTable
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.guess.decoding import NoReading, guess_decode
from edge_runtime.vision.guess.facts import Facts

RANDOM = np.random.default_rng(5)
SIZE = (640, 384)
CELLS = {stride: (SIZE[0] // stride) * (SIZE[1] // stride) for stride in (4, 8, 16, 32)}
USUAL = CELLS[8] + CELLS[16] + CELLS[32]
NAMES = {"names": "{0: 'car', 1: 'truck', 2: 'bus'}"}


def uniform(*shape: int, high: float = 1.0) -> Any:
    return RANDOM.uniform(0.0, high, (1, *shape)).astype(np.float32)


def centres(strides: tuple[int, ...] = (8, 16, 32)) -> Any:
    """(n, 2) in pixels of the input, cell by cell."""
    return np.concatenate(
        [
            (np.stack(np.meshgrid(np.arange(SIZE[0] // s), np.arange(SIZE[1] // s)), axis=-1).reshape(-1, 2) + 0.5) * s
            for s in strides
        ]
    )


def boxes_on_grid(anchors: int = 1) -> Any:
    """(1, n, 4) centre and size in pixels."""
    middle = np.tile(centres(), (anchors, 1))
    return np.concatenate([middle, RANDOM.uniform(8, 80, middle.shape)], axis=1)[None].astype(np.float32)


def corners(n: int, scale: float = 1.0) -> Any:
    low = RANDOM.uniform(0, 0.5, (1, n, 2))
    return (np.concatenate([low, low + RANDOM.uniform(0.01, 0.4, (1, n, 2))], axis=2) * scale).astype(np.float32)


def softmax_rows(n: int, classes: int, usual: int) -> Any:
    scores = RANDOM.uniform(0, 0.05, (1, n, classes))
    scores[..., usual] = 1 - scores.sum(axis=2) + scores[..., usual]
    return scores.astype(np.float32)


HEADS = {
    "YOLOX, raw": (
        {"output": np.concatenate([uniform(USUAL, 4), uniform(USUAL, 85 - 4)], axis=2)},
        {"family": "yolox", "classes": "coco"},
    ),
    "YOLOX with a level for small things": (
        {"output": uniform(USUAL + CELLS[4], 8)},
        {"family": "yolox", "strides": [4, 8, 16, 32], "classes": ["class_0", "class_1", "class_2"]},
    ),
    "YOLOX, decoded in the graph": (
        {"output": np.concatenate([boxes_on_grid(), uniform(USUAL, 6)], axis=2)},
        {"family": "yolov5", "classes": [f"class_{index}" for index in range(5)]},
    ),
    "YOLOv5": (
        {"output": np.concatenate([boxes_on_grid(3), uniform(3 * USUAL, 81)], axis=2)},
        {"family": "yolov5", "classes": "coco"},
    ),
    "YOLOv5 beside its raw heads": (
        {
            "output": np.concatenate([boxes_on_grid(3), uniform(3 * USUAL, 6)], axis=2),
            "heads": uniform(3, 48, 80, 10),
        },
        {"family": "yolov5", "output": "output"},
    ),
    "YOLOv8": (
        {"output0": np.concatenate([boxes_on_grid(), uniform(USUAL, 80)], axis=2).transpose(0, 2, 1)},
        {"family": "yolov8", "classes": "coco"},
    ),
    "YOLOv8 with masks": (
        {
            "output0": np.concatenate([boxes_on_grid(), uniform(USUAL, 3 + 32)], axis=2).transpose(0, 2, 1),
            "output1": uniform(32, 96, 160),
        },
        {"family": "yolov8", "output": "output0", "classes": {0: "class_0", 1: "class_1", 2: "class_2"}},
    ),
    "YOLOv10": (
        {"output0": np.concatenate([corners(300, 640.0), uniform(300, 1), np.full((1, 300, 1), 4.0)], axis=2)},
        {"family": "end2end"},
    ),
    "EfficientNMS": (
        {
            "num_dets": np.array([[3]], np.float32),
            "det_boxes": corners(100, 640.0),
            "det_scores": uniform(100),
            "det_classes": np.zeros((1, 100), np.float32),
        },
        {"family": "end2end", "outputs": ["num_dets", "det_boxes", "det_scores", "det_classes"]},
    ),
    "NMS on boxes of 0..1": (
        {
            "num": np.array([3], np.float32),
            "boxes": corners(50),
            "scores": uniform(50),
            "labels": np.zeros((1, 50), np.float32),
        },
        {"family": "end2end", "normalized": True},
    ),
    "RT-DETR of Ultralytics": (
        {"output0": np.concatenate([uniform(300, 4), uniform(300, 80)], axis=2)},
        {"family": "rtdetr", "classes": "coco"},
    ),
    "DETR with logits": (
        {"logits": uniform(300, 5, high=8.0) - 6.0, "pred_boxes": uniform(300, 4)},
        {"family": "rtdetr", "boxes": "pred_boxes", "scores": "logits", "activation": "sigmoid"},
    ),
    "SSD with a background": (
        {"boxes": corners(2000), "scores": softmax_rows(2000, 3, 0)},
        {"family": "boxes_scores", "boxes": "boxes", "scores": "scores", "classes": {1: "class_1", 2: "class_2"}},
    ),
    "SSD with the background last": (
        {"scores": softmax_rows(2000, 3, 2), "boxes": corners(2000)},
        {"family": "boxes_scores", "classes": {0: "class_0", 1: "class_1"}},
    ),
    "YOLO-NAS": (
        {"913": corners(USUAL, 384.0), "904": uniform(USUAL, 80)},
        {"family": "boxes_scores", "boxes": "913", "scores": "904", "normalized": False, "classes": "coco"},
    ),
    "boxes by centre, 0..1": (
        {"boxes": uniform(3000, 4) * [1, 1, 0.1, 0.1], "scores": uniform(3000, 4)},
        {"family": "boxes_scores", "box_format": "cxcywh"},
    ),
    "TwinLiteNet": (
        {"drivable": uniform(2, 96, 160), "lane": uniform(2, 96, 160)},
        {
            "family": "segmentation",
            "heads": [{"output": "drivable", "classes": {1: "drivable"}}, {"output": "lane", "classes": {1: "lane"}}],
        },
    ),
    "a classifier": ({"logits": uniform(3, high=9.0)}, {"family": "classification", "activation": "softmax"}),
    "a classifier that ends in a softmax": (
        {"prob": np.array([[[0.25]], [[0.5]], [[0.25]]], np.float32)[None]},
        {"family": "classification", "activation": "none"},
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_recognised_and_its_block_is_one_that_the_decoder_takes(name):
    outputs, expected = HEADS[name]
    block = guess_decode(Facts(SIZE, outputs)).block
    assert {key: block.get(key) for key in expected} == expected
    decoder = make_decoder(
        TypeAdapter(Decode).validate_python(block),
        InputBlock(size=SIZE, resize="stretch", color="rgb", scale=1.0),
        ClassTable(),
    )
    assert decoder.check({key: value.shape for key, value in outputs.items()}) == []


def test_every_guess_of_a_family_says_why():
    for outputs, _ in HEADS.values():
        assert guess_decode(Facts(SIZE, outputs)).why["family"]


def test_the_names_that_an_exporter_put_into_the_file_are_taken():
    head = np.concatenate([boxes_on_grid(), uniform(USUAL, 3)], axis=2).transpose(0, 2, 1)
    guess = guess_decode(Facts(SIZE, {"output0": head}, metadata=NAMES))
    assert guess.block["classes"] == ["car", "truck", "bus"]
    assert guess.remarks == ()
    coco = guess_decode(Facts(SIZE, HEADS["YOLOv8"][0], metadata={"names": str(dict(enumerate(COCO)))}))
    assert coco.block["classes"] == "coco"


def test_what_a_box_of_a_pose_carries_besides_is_left_aside_and_said():
    head = np.concatenate([boxes_on_grid(), uniform(USUAL, 1 + 51)], axis=2).transpose(0, 2, 1)
    guess = guess_decode(Facts(SIZE, {"output0": head}, metadata={"names": "{0: 'person'}", "task": "pose"}))
    assert guess.block["classes"] == {0: "person"}
    assert "51 values a box are left aside (points)" in guess.remarks[0]


def test_scores_that_are_no_probabilities_are_said():
    guess = guess_decode(Facts(SIZE, {"boxes": corners(2000), "scores": uniform(2000, 3, high=9.0) - 4.0}))
    assert any("sigmoid" in remark for remark in guess.remarks)


@pytest.mark.parametrize("text", ["{0: 'car'", "[1, {", "{'a': 'b'}", "7", "{-1: 'x'}", "('a', 'a', 'a')"])
def test_broken_names_in_a_file_are_no_names(text):
    head = np.concatenate([boxes_on_grid(), uniform(USUAL, 3)], axis=2).transpose(0, 2, 1)
    assert guess_decode(Facts(SIZE, {"output0": head}, metadata={"names": text})).block["classes"][0] == "class_0"


@pytest.mark.parametrize(
    ("outputs", "advice"),
    [
        ({"a": uniform(255, 48, 80), "b": uniform(255, 24, 40), "c": uniform(255, 12, 20)}, "raw heads"),
        ({"detection_out": uniform(1, 200, 7)}, "DetectionOutput"),
        ({"mask": uniform(1, 96, 160)}, "no decode family reads such outputs: 'mask' 1 x 96 x 160"),
        ({"embedding": uniform(1)}, "no decode family"),
    ],
)
def test_what_no_family_reads_is_refused_with_what_it_is(outputs, advice):
    with pytest.raises(NoReading, match=advice):
        guess_decode(Facts(SIZE, outputs))
