"""ONNX of the two networks, node by node from their traced graph.

Few kinds of layers, so no exporter is needed, and the file is the same whichever version of PyTorch trained it: every
shape is a constant but the batch and the picture's sides, and batch normalisation is in the convolutions.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn

OPSET = 17


class _Graph:
    def __init__(self, network: nn.Module) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        traced = fx.symbolic_trace(network)
        modules = dict(traced.named_modules())
        self.names: dict[fx.Node, str] = {}
        self.result: list[str] = []
        for node in traced.graph.nodes:
            inputs = self._inputs(node)
            if node.op == "placeholder":
                self.names[node] = "images"
            elif node.op == "output":
                self.result = inputs
            elif node.op == "call_module":
                self.names[node] = self._layer(modules[node.target], inputs[0], node.target)
            elif node.target is torch.cat:
                self.names[node] = self.add("Concat", inputs, axis=1)
            elif node.target is operator.add:
                self.names[node] = self.add("Add", inputs)
            else:
                raise ValueError(f"no ONNX is written here for {node.op} {node.target}")

    def _inputs(self, node: fx.Node) -> list[str]:
        return [self.names[one] for one in node.all_input_nodes] if node.op != "output" else self._listed(node.args[0])

    def _listed(self, value: Any) -> list[str]:
        return [self.names[one] for one in value] if isinstance(value, list | tuple) else [self.names[value]]

    def constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def _layer(self, layer: nn.Module, source: str, name: str) -> str:
        if isinstance(layer, nn.Identity):
            return source
        if isinstance(layer, nn.Conv2d):
            assert layer.groups == 1, layer
            pad = list(layer.padding) * 2
            return self.add(
                "Conv", [source, *self._weights(layer, name)], kernel_shape=list(layer.kernel_size),
                strides=list(layer.stride), pads=pad,
            )  # fmt: skip
        if isinstance(layer, nn.ReLU):
            return self.add("Relu", [source])
        if isinstance(layer, nn.MaxPool2d):
            size, margin = [layer.kernel_size] * 2, [layer.padding] * 4
            return self.add("MaxPool", [source], kernel_shape=size, pads=margin, strides=[1, 1])
        if isinstance(layer, nn.Upsample):
            scales = self.constant(f"{name}.{len(self.nodes)}", np.array([1, 1, 2, 2], np.float32))
            options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            return self.add("Resize", [source, "", scales], **options)
        if isinstance(layer, nn.Flatten):
            return self.add("Flatten", [source], axis=1)
        if isinstance(layer, nn.Linear):
            return self.add("Gemm", [source, *self._weights(layer, name)], transB=1)
        raise ValueError(f"no ONNX is written here for {layer}")

    def _weights(self, layer: nn.Conv2d | nn.Linear, name: str) -> list[str]:
        state = {key: value.detach().float().cpu().numpy() for key, value in layer.state_dict().items()}
        return [self.constant(f"{name}.{key}", state[key]) for key in ("weight", "bias")]

    def save(
        self, path: Path, shape: Sequence[int | str], output: str, columns: Sequence[int | str], note: str
    ) -> None:
        graph = helper.make_graph(
            self.nodes, path.stem,
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(shape))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, list(columns))],
            self.constants,
        )  # fmt: skip
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="edge_runtime"
        )
        model.doc_string = note
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


def save_detector(network: nn.Module, classes: int, path: Path, note: str) -> None:
    """`network` as `network.fused` left it. Output `boxes` (batch, boxes, 5 + classes), as the family `yolox` reads."""
    graph = _Graph(network.cpu())
    rows = graph.constant("rows", np.array([0, 5 + classes, -1], np.int64))
    maps = [graph.add("Reshape", [one, rows]) for one in graph.result]
    graph.nodes.append(helper.make_node("Concat", maps, ["raw"], "raw", axis=2))
    parts = graph.constant("parts", np.array([4, 1 + classes], np.int64))
    graph.nodes.append(helper.make_node("Split", ["raw", parts], ["place", "logits"], "split", axis=1))
    scores = graph.add("Sigmoid", ["logits"])
    joined = graph.add("Concat", ["place", scores], axis=1)
    graph.nodes.append(helper.make_node("Transpose", [joined], ["boxes"], "transpose", perm=[0, 2, 1]))
    graph.save(path, ("batch", 3, "height", "width"), "boxes", ("batch", "count", 5 + classes), note)


def save_classifier(network: nn.Module, states: int, size: tuple[int, int], path: Path, note: str) -> None:
    """Output `states` (batch, states): probabilities."""
    graph = _Graph(network.cpu())
    graph.nodes.append(helper.make_node("Softmax", graph.result, ["states"], "softmax", axis=1))
    width, height = size
    graph.save(path, ("batch", 3, height, width), "states", ("batch", states), note)
