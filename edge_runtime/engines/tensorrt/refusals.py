"""Operators that the parser refuses: which node, why, and the way out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import EngineError

from .provider import TensorRT


@dataclass(frozen=True)
class Refusal:
    """One node that TensorRT does not take. `index` is its place in the ONNX graph; -1 when the file itself is bad."""

    index: int
    node: str
    operator: str
    reason: str
    way_out: str
    inside: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f" {self.node}" if self.node else ""
        where = f" (in {' > '.join(self.inside)})" if self.inside else ""
        subject = f"node {self.index}{name} [{self.operator}]{where}: " if self.index >= 0 else ""
        return f"{subject}{self.reason}. {self.way_out}"


class UnsupportedModel(EngineError):
    """A model that TensorRT's parser does not take, with every refusal it reported."""

    def __init__(self, model: str, provider: str, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        lines = "\n".join(f"    {refusal}" for refusal in refusals)
        super().__init__(f"{provider} does not take {model}:\n{lines}")


_EDIT = "cut it off with `edge-run model edit`, or export the model without it"
# What the reason looks like -> (how it is said, the way out). First match wins.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"Plugin not found|creator\b",
        "{provider} has no operator {operator} and no plugin of that name",
        "Load the library that has it (plugin_libraries), or " + _EDIT,
    ),
    (
        r"[Nn]on-zero zero point|UINT8|asymmetric",
        "its quantization is not symmetric, and TensorRT takes only a zero point of 0",
        "Quantize again with symmetric INT8: edge-run model quantize",
    ),
    (r"[Oo]pset", "{reason}", "Export the model again with opset 17"),
    (
        r"ParseFrom|MODEL_DESERIALIZE|deserializ",
        "the file is not an ONNX model, or only a part of one",
        "Copy or export it again",
    ),
    (
        r"DYNAMIC|dynamic|shape tensor|build-time constant|must be an initializer|is_weights\(\)",
        "{reason}",
        "Fold constants and fix the shapes: edge-run model edit",
    ),
    (r"DATATYPE|[Dd]ata ?type|dtype|INT64|DOUBLE", "{reason}", "Put a Cast to FLOAT before it: edge-run model edit"),
    (r"^false$|UNSUPPORTED_NODE|not supported|No importer", "{provider} has no operator {operator} here", _EDIT),
)


def explain(provider: str, operator: str, reason: str, code: str = "") -> tuple[str, str]:
    """The parser's words as a reason and a way out for a reader."""
    said = re.sub(r"^Assertion failed: ", "", reason.strip())
    for pattern, sentence, way_out in _KNOWN:
        if re.search(pattern, said) or re.search(pattern, code):
            words = sentence.format(provider=provider, operator=operator, reason=said.rstrip("."))
            return words, way_out[0].upper() + way_out[1:]
    return said.rstrip(".") or "it gives no reason", _EDIT[0].upper() + _EDIT[1:]


def refusals(trt: TensorRT, parser: Any, onnx: bytes) -> tuple[Refusal, ...]:
    """What the parser said after a `parse`, one entry a node."""
    found: dict[tuple[int, str], Refusal] = {}
    for number in range(parser.num_errors):
        error = parser.get_error(number)
        index = int(error.node())
        if trt.traits.modern:
            node, operator = error.node_name(), error.node_operator()
            inside = tuple(error.local_function_stack())
        else:
            (node, operator), inside = _node(onnx, index), ()
        reason, way_out = explain(str(trt), operator, error.desc(), str(error.code()).rpartition(".")[2])
        found.setdefault((index, node), Refusal(index, node, operator, reason, way_out, inside))
    return tuple(found.values())


def parse(trt: TensorRT, network: Any, onnx: bytes, path: str = "") -> tuple[Any, tuple[Refusal, ...]]:
    """Fill the network from a model: the parser, which must live as long as the network, and what it refused.

    `path` is the model's file; weights beside it are found by it.
    """
    parser = trt.parser(network)
    if not parser.parse(onnx, path or None):
        return parser, refusals(trt, parser, onnx) or (_not_a_model("the parser gives no reason"),)
    if not network.num_outputs:  # an empty or torn file can still be valid protobuf
        return parser, (_not_a_model("the file holds no network"),)
    return parser, ()


def _not_a_model(reason: str) -> Refusal:
    return Refusal(-1, "", "", reason, "Copy or export it again")


def report(trt: TensorRT, onnx: bytes, path: str = "") -> tuple[Refusal, ...]:
    """Everything the parser would refuse in a model, without a build. Raises `EngineError` without a GPU (not RTX)."""
    with trt.log.listening(lambda severity, text: None):
        network = trt.network(trt.builder(), strongly_typed=trt.traits.strongly_typed_only)
        _parser, found = parse(trt, network, onnx, path)
        if found and trt.traits.classic:  # 8.6 stops at its first error; its support query goes on
            found += _unsupported(trt, onnx, {refusal.index for refusal in found})
        return found


def _unsupported(trt: TensorRT, onnx: bytes, known: set[int]) -> tuple[Refusal, ...]:
    parser = trt.parser(trt.network(trt.builder(), strongly_typed=False))
    _, parts = parser.supports_model(onnx)
    taken = {index for nodes, supported in parts if supported for index in nodes}
    more = []
    for index, (name, operator) in enumerate(_nodes(onnx)):
        if index not in taken and index not in known:
            more.append(Refusal(index, name, operator, *explain(str(trt), operator, "false")))
    return tuple(more)


def _node(onnx: bytes, index: int) -> tuple[str, str]:
    nodes = _nodes(onnx)
    return nodes[index] if 0 <= index < len(nodes) else ("", "")


def _nodes(onnx: bytes) -> list[tuple[str, str]]:
    from .precision import load_model

    return [(node.name, node.op_type) for node in load_model(onnx).graph.node]
