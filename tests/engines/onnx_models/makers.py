"""Small networks with known weights, and the edits run on them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.engines.onnx_models.edit import edit
from edge_runtime.engines.onnx_models.running import Runner, Sampler


def info(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def network(nodes, inputs, outputs, constants=(), opset=13):
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in dict(constants).items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs.split(), [output], name=f"{kind}_{output}", **attributes)


def conv_net(side=8):
    """image (1, 3, s, s) -> conv, relu, conv -> rows (1, 4, s * s) through a Reshape with the batch in it."""
    random = np.random.default_rng(3)
    return network(
        [
            node("Conv", "image w1", "c1", pads=[1, 1, 1, 1]),
            node("Relu", "c1", "r1"),
            node("Conv", "r1 w2", "c2", pads=[1, 1, 1, 1]),
            node("Relu", "c2", "r2"),
            node("Conv", "r2 w3", "c3"),
            node("Reshape", "c3 shape", "rows"),
        ],
        [info("image", [1, 3, side, side])],
        [info("rows", [1, 4, side * side])],
        {
            "w1": random.normal(size=(6, 3, 3, 3)).astype(np.float32),
            "w2": random.normal(size=(6, 6, 3, 3)).astype(np.float32),
            "w3": random.normal(size=(4, 6, 1, 1)).astype(np.float32),
            "shape": np.array([1, 4, side * side], np.int64),
        },
    )


def edited(model, *changes, sampler=None):
    return edit(model, changes, sampler or Sampler())


def run(model, **feeds):
    return Runner(model).run(feeds)


def shape(model, name):
    entries = [*model.graph.input, *model.graph.output]
    dims = next(entry for entry in entries if entry.name == name).type.tensor_type.shape.dim
    return [side.dim_value or side.dim_param for side in dims]
