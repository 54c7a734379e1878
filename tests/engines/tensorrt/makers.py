"""Small networks, keys and clocks for these tests."""

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.engines.tensorrt import provider
from edge_runtime.engines.tensorrt.build import Built
from edge_runtime.engines.tensorrt.compat import Traits
from edge_runtime.engines.tensorrt.onnx_file import OnnxFile
from edge_runtime.engines.tensorrt.options import Target
from edge_runtime.errors import EngineError

TRT_8_6 = Traits("tensorrt", (8, 6, 0))
TRT_10_3 = Traits("tensorrt", (10, 3, 0))
TRT_11_4 = Traits("tensorrt", (11, 4, 0))
RTX = Traits("tensorrt_rtx", (1, 7, 1))
H200 = Target((9, 0), "NVIDIA H200", "570.133", "12.8")
ORIN = Target((8, 7), "Orin", "540.4.0", "12.6")
SM86 = Target((8, 6))


class SteppingClock:
    """Every look at it is one second later; waiting is over at once."""

    def __init__(self):
        self.t_ns = 0

    def now_ns(self):
        self.t_ns += 1_000_000_000
        return self.t_ns

    def thread_cpu_ns(self):
        return 0

    def wait_until_ns(self, due_ns, stop):
        self.t_ns = max(self.t_ns, due_ns)
        return not stop.is_set()


def rtx():
    """TensorRT-RTX, or a skip that says why not."""
    try:
        return provider.load("tensorrt_rtx")
    except EngineError as error:
        pytest.skip(str(error))


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, weights=(), opset=17, domains=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def weights(name, *shape):
    values = np.random.default_rng(len(name)).standard_normal(shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def small_network(batch=1):
    """Two sibling convolutions with ReLU, joined by pointwise work and pooled: (batch, 3, 32, 32) to (…, 8, 16, 16)."""
    nodes = [
        helper.make_node("Conv", ["x", "wl"], ["cl"], name="left", pads=[1] * 4),
        helper.make_node("Conv", ["x", "wr"], ["cr"], name="right", pads=[1] * 4),
        helper.make_node("Relu", ["cl"], ["rl"], name="left_relu"),
        helper.make_node("Sigmoid", ["cr"], ["sr"], name="right_sigmoid"),
        helper.make_node("Mul", ["rl", "sr"], ["m"], name="gate"),
        helper.make_node("MaxPool", ["m"], ["y"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    inits = [weights("wl", 8, 3, 3, 3), weights("wr", 8, 3, 3, 3)]
    return model(nodes, [tensor("x", [batch, 3, 32, 32])], [tensor("y", [batch, 8, 16, 16])], inits)


def quantized_network(kind=TensorProto.INT8, zero=0):
    """One convolution and ReLU between Q/DQ nodes of `kind`."""
    one = 1.0 if kind == TensorProto.FLOAT8E4M3FN else 1
    inits = [
        helper.make_tensor("zero", kind, [], [zero]),
        helper.make_tensor("wq", kind, [8, 3, 3, 3], [one] * 216),
        helper.make_tensor("wzero", kind, [8], [0] * 8),
        numpy_helper.from_array(np.float32(0.05), "scale"),
        numpy_helper.from_array(np.full(8, 0.01, np.float32), "wscale"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="quantize"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"], name="dequantize"),
        helper.make_node("DequantizeLinear", ["wq", "wscale", "wzero"], ["w"], name="weights", axis=0),
        helper.make_node("Conv", ["d", "w"], ["c"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    return model(nodes, [tensor("x", [1, 3, 16, 16])], [tensor("y", [1, 8, 16, 16])], inits, opset=19)


def unsupported_network():
    """ReLU, then two operators that TensorRT has not: one of somebody's own, one of ONNX."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="relu"),
        helper.make_node("Fancy", ["a"], ["b"], name="fancy", domain="my.ops"),
        helper.make_node("Det", ["b"], ["y"], name="det"),
    ]
    return model(nodes, [tensor("x", [1, 3, 4, 4])], [tensor("y", [1, 3])], domains=["my.ops"])


def saved(proto, folder, name="net.onnx"):
    path = folder / name
    onnx.save(proto, path)
    return OnnxFile.read(path)


def built(content=b"an engine", **fields):
    return Built(content, 12.5, **fields)


def sha256(content):
    return hashlib.sha256(content).hexdigest()
