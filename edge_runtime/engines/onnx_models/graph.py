"""Looking things up in an ONNX graph, and the few changes of it that several editors share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from .files import Misuse, need

Array = npt.NDArray[Any]


def outputs(model: Any) -> list[str]:
    return [entry.name for entry in model.graph.output]


def inputs(model: Any) -> list[Any]:
    """The inputs that a caller gives; old exporters list the weights among them."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [entry for entry in model.graph.input if entry.name not in weights]


def tensor_names(model: Any) -> list[str]:
    """Everything that flows through the graph: its inputs and what its nodes make."""
    made = [name for node in model.graph.node for name in node.output if name]
    return list(dict.fromkeys([entry.name for entry in inputs(model)] + made))


def require_tensors(model: Any, names: Iterable[str], option: str) -> None:
    known = tensor_names(model)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 3, 0.5)
            if not near:
                near = [*(entry.name for entry in inputs(model)), *outputs(model)]
            raise Misuse(f"{option}: the model has no tensor '{name}'. Near it: {', '.join(near)}")


def constants(graph: Any) -> dict[str, Any]:
    """`TensorProto` by name, of initializers and of `Constant` nodes."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for entry in node.attribute:
                if entry.name == "value":
                    found[node.output[0]] = entry.t
    return found


def as_array(tensor: Any) -> Array:
    return np.asarray(need("onnx", "the model").numpy_helper.to_array(tensor))


def add_constant(graph: Any, name: str, values: Any, dtype: Any) -> str:
    graph.initializer.append(need("onnx", "the model").numpy_helper.from_array(np.asarray(values, dtype), name))
    return name


def free_name(model: Any, wish: str) -> str:
    taken = {*tensor_names(model), *(tensor.name for tensor in model.graph.initializer)}
    return next(name for name in [wish, *(f"{wish}_{n}" for n in range(2, len(taken) + 3))] if name not in taken)


def rename(model: Any, old: str, new: str) -> None:
    """Rename a tensor wherever it is written, inner graphs too."""
    for graph in _graphs(model.graph):
        for node in graph.node:
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    if name == old:
                        names[index] = new
        for entry in [*graph.input, *graph.output, *graph.value_info]:
            if entry.name == old:
                entry.name = new


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for entry in node.attribute:
            for inner in [entry.g, *entry.graphs]:
                if inner.node:
                    yield from _graphs(inner)


def shape_of(entry: Any) -> list[int | str | None]:
    """The sides of a value: a length, the name of a free one, or None."""
    return [side.dim_value or side.dim_param or None for side in entry.type.tensor_type.shape.dim]


def opset(model: Any) -> int:
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)


def at_opset(model: Any, least: int) -> Any:
    """The model at this opset or a later one, its IR version unchanged where that is enough."""
    if opset(model) >= least:
        return model
    onnx = need("onnx", "the model")
    try:
        newer = onnx.version_converter.convert_version(model, least)
    except Exception as error:  # the converter asserts in C++
        raise Misuse(f"the model is at opset {opset(model)} and onnx cannot lift it to {least}: {error}") from error
    newer.ir_version = max(model.ir_version, 7)
    return newer


def parse_graph(text: str, initializers: dict[str, Array], prefix: str) -> Any:
    """A `GraphProto` of ONNX's text form and of those constants it reads; only inner names get the prefix."""
    onnx = need("onnx", "the model")
    graph = onnx.parser.parse_graph(text)
    read = {name for node in graph.node for name in node.input}
    for name, values in initializers.items():
        if name in read:
            graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values), name))
    # onnx.compose.add_prefix_graph of onnx 1.17 renames the borders too, whatever it is told
    border = {entry.name for entry in [*graph.input, *graph.output]}
    for tensor in graph.initializer:
        tensor.name = prefix + tensor.name
    for number, node in enumerate(graph.node):
        node.name = f"{prefix}{node.op_type}_{number}"
        for names in (node.input, node.output):
            names[:] = [name if name in border else prefix + name for name in names]
    return graph


def join(first: Any, second: Any, io_map: Sequence[tuple[str, str]]) -> Any:
    """Two `GraphProto`s as one, outputs of the first going into inputs of the second."""
    return need("onnx", "the model").compose.merge_graphs(first, second, list(io_map), name=first.name or second.name)
