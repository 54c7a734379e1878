"""A picture's bytes as the input: colour order, scale, mean and std move into the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..base import Array
from .agreement import EXACT, Tolerance
from .change import Pair
from .files import Misuse, need
from .graph import free_name, inputs, join, opset, parse_graph, rename, shape_of
from .running import Runner, Sampler

_FLOATS = {1: ("FLOAT", np.float32), 10: ("FLOAT16", np.float16)}
PerChannel = float | tuple[float, float, float]


@dataclass(frozen=True)
class Uint8Input:
    """The input takes uint8 BGR pixels as `layout`; inside, value = (pixel * scale - mean) / std in `color` order.

    `color`, `scale`, `mean` and `std` say what the network was trained with, as in a pipeline's `input` block. That
    block then reads `dtype: uint8, color: bgr, scale: 1.0` with neither mean nor std.
    """

    color: Literal["bgr", "rgb"]
    scale: float
    mean: PerChannel = 0.0
    std: PerChannel = 1.0
    layout: Literal["nchw", "nhwc"] = "nhwc"
    input_name: str | None = None
    tolerance: Tolerance = EXACT
    name = "uint8-input"

    def apply(self, model: Any) -> tuple[Any, str]:
        entry = self._input(model)
        shape, kind = shape_of(entry), entry.type.tensor_type.elem_type
        if kind not in _FLOATS:
            raise Misuse(f"--uint8-input: input '{entry.name}' is {_type_name(kind)}, not float32 or float16")
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise Misuse(f"--uint8-input: input '{entry.name}' is {tuple(shape)}, not three channels of a picture")
        planar = shape[1] == 3
        rows, height, width = (shape[0], *(shape[2:] if planar else shape[1:3]))
        name = entry.name
        dims = [rows, 3, height, width] if self.layout == "nchw" else [rows, height, width, 3]
        inner = free_name(model, f"{name}/normalized")
        rename(model, name, inner)
        if opset(model) < 9:
            raise Misuse(f"--uint8-input: the model is at opset {opset(model)}; it takes 9 or later")
        model.graph.CopyFrom(join(self._graph(name, dims, shape, kind), model.graph, [("ready", inner)]))
        shown = ", ".join("?" if side is None else str(side) for side in dims)
        return model, f"input '{name}' takes uint8 BGR ({shown}), the network {self.color.upper()}"

    def runs(self, before: Any, after: Any, sampler: Sampler) -> Iterator[Pair]:
        entry = self._input(before)
        planar = shape_of(entry)[1] == 3
        old, new = Runner(before), Runner(after)
        for feeds in sampler.calls(new):
            pixels = feeds[entry.name] if self.layout == "nhwc" else feeds[entry.name].transpose(0, 2, 3, 1)
            ordered = pixels[..., ::-1] if self.color == "rgb" else pixels
            values = (ordered.astype(np.float64) * self.scale - self.mean) / self.std
            values = values.transpose(0, 3, 1, 2) if planar else values
            dtype = _FLOATS[entry.type.tensor_type.elem_type][1]
            yield old.run(feeds | {entry.name: np.ascontiguousarray(values, dtype)}), new.run(feeds)

    def _input(self, model: Any) -> Any:
        taken = inputs(model)
        names = [entry.name for entry in taken]
        if self.input_name is None and len(taken) > 1:
            raise Misuse(f"--uint8-input: the model has several inputs; say which: --input-name {'|'.join(names)}")
        if self.input_name is not None and self.input_name not in names:
            raise Misuse(f"--input-name: there is no input '{self.input_name}'; there are {', '.join(names)}")
        return taken[names.index(self.input_name) if self.input_name else 0]

    def _graph(self, name: str, dims: list[Any], made: list[Any], kind: int) -> Any:
        """Cast first, which is all that TensorRT does to uint8; then one product and one sum a channel."""
        planar, axis = made[1] == 3, 1 if self.layout == "nchw" else 3
        wide = (1, 3, 1, 1) if axis == 1 else (1, 1, 1, 3)
        mean, std = (np.broadcast_to(np.asarray(value, np.float64), 3) for value in (self.mean, self.std))
        gain, shift = (np.asarray(values, np.float32).reshape(wide) for values in (self.scale / std, -mean / std))
        steps = ["Cast <to = 1> ({})"]
        if self.color == "rgb":
            steps.append(f"Gather <axis = {axis}> ({{}}, swap)")
        if (gain != 1).any():
            steps.append("Mul ({}, gain)")
        if (shift != 0).any():
            steps.append("Add ({}, shift)")
        if planar != (axis == 1):
            steps.append(f"Transpose <perm = {[0, 3, 1, 2] if planar else [0, 2, 3, 1]}> ({{}})")
        if kind == 10:
            steps.append("Cast <to = 10> ({})")
        values = ["pixels", *(f"step_{number}" for number in range(1, len(steps))), "ready"]
        lines = [f"{values[n + 1]} = {step.format(values[n])}" for n, step in enumerate(steps)]
        constants: dict[str, Array] = {"swap": np.array([2, 1, 0], np.int64), "gain": gain, "shift": shift}
        text = "bytes (uint8[B] pixels) => (float[B] ready) {" + "\n".join(lines) + "}"
        graph = parse_graph(text, constants, f"{name}/")
        helper = need("onnx", "--uint8-input").helper
        graph.input[0].CopyFrom(helper.make_tensor_value_info(name, 2, dims))
        graph.output[0].CopyFrom(helper.make_tensor_value_info("ready", kind, made))
        graph.node[0].input[0] = name
        return graph


def _type_name(kind: int) -> str:
    return str(need("onnx", "--uint8-input").TensorProto.DataType.Name(kind).lower())
