"""A small network, a small video and a pipeline of both, so that a whole run takes a second."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64


def tiny_detector(path, *, nan_above=None):
    """An `end2end` detector on 64 x 64 that reports one box; its confidence is the picture's mean brightness.

    With `nan_above` the confidence is 0/0 for pictures brighter than that (0..1).
    """
    box = numpy_helper.from_array(np.array([8, 8, 40, 40], np.float32).reshape(1, 1, 4), "box")
    kind = numpy_helper.from_array(np.array([0], np.float32).reshape(1, 1, 1), "kind")
    shape = numpy_helper.from_array(np.array([1, 1, 1], np.int64), "shape")
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["brightness"]),
    ]
    constants = [box, kind, shape]
    confidence = "brightness"
    if nan_above is not None:
        constants.append(numpy_helper.from_array(np.array([nan_above], np.float32), "limit"))
        constants.append(numpy_helper.from_array(np.array([0], np.float32), "zero"))
        constants.append(numpy_helper.from_array(np.array([np.nan], np.float32), "nan"))
        nodes += [
            helper.make_node("Greater", ["brightness", "limit"], ["bright"]),
            helper.make_node("Where", ["bright", "nan", "brightness"], ["confidence"]),
        ]
        confidence = "confidence"
    nodes.append(helper.make_node("Concat", ["box", confidence, "kind"], ["found"], axis=2))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 1, 6])],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def tiny_video(path, frames=40, size=(160, 120), brightness=None):
    """A video whose pictures are of one grey each: `brightness(n)` in 0..255, by default 200."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, size)
    for n in range(frames):
        writer.write(np.full((size[1], size[0], 3), 200 if brightness is None else brightness(n), np.uint8))
    writer.release()
    return path


PIPELINE = """\
name: tiny
source: {kind: video, path: drive.avi, pace: fast}
models:
  road:
    onnx: tiny.onnx
    backend: onnxruntime
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: [car], confidence: 0.3}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: tracked, kind: track, of: objects}
sinks:
  - {kind: jsonl, path: detections.jsonl}
"""
