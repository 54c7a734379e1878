"""What TensorRT made of a network: one `Layer` for each kernel or copy, with the ONNX nodes that went into it.

Three formats are read, and a missing field is left unknown: the engine inspector's JSON of 8.6 and 10.x (`Bindings`,
`Format/Datatype`), that of 11.x (`I/O Tensors`, `Datatype`), and the layer list that TensorRT-RTX logs while it
builds, because it loads no engine, and so has no inspector, where there is no GPU.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Fusion = Literal["none", "vertical", "horizontal", "pointwise", "region", "mixed", "reformat", "sync"]


@dataclass(frozen=True)
class OnnxNode:
    """A node of the model: its place in the graph, its operator and the tensors it reads and writes."""

    index: int
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tensor:
    """A tensor between layers; `precision` is None where the provider does not tell it (free shapes in 8.6)."""

    name: str
    shape: tuple[int, ...]
    precision: str | None


@dataclass(frozen=True)
class Layer:
    """One layer of an engine. `nodes` and `operators` are those of the ONNX in graph order, an unknown operator "?".

    `tactic` is None where none was chosen yet: TensorRT-RTX chooses most of them when the engine is loaded. `unnamed`
    are those of `nodes` that TensorRT names nowhere, pointwise work on nothing but what this layer makes: a convolution
    that it rewrites as a matrix product takes its activation along and forgets the name.
    """

    name: str
    kind: str
    nodes: tuple[str, ...]
    operators: tuple[str, ...]
    fusion: Fusion
    tactic: str | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    device: Literal["gpu", "dla"] = "gpu"
    unnamed: tuple[str, ...] = ()

    @property
    def precision_in(self) -> str | None:
        return _precision(self.inputs)

    @property
    def precision_out(self) -> str | None:
        return _precision(self.outputs)


def onnx_nodes(model: Any) -> dict[str, OnnxNode]:
    """The nodes of a `ModelProto` by the names that TensorRT's parser gives them: it names the nameless ones."""
    return {
        node.name or f"node_of_{node.output[0]}": OnnxNode(index, node.op_type, tuple(node.input), tuple(node.output))
        for index, node in enumerate(model.graph.node)
        if node.name or node.output
    }


def layers(text: str, nodes: Mapping[str, OnnxNode] | None = None) -> tuple[Layer, ...]:
    """Read a provider's layer information; `nodes` of the model tells operators and siblings.

    Raises `ValueError` when it is in no known format.
    """
    entries, known = _entries(text), nodes or {}
    named = [_nodes(str(entry.get("Name", "")), str(entry.get("Metadata", "")), known) for entry in entries]
    # A generated kernel also names what it prepares data for (padding the channels of a convolution, say).
    computed = {node for entry, found in zip(entries, named, strict=True) if not _generated(entry) for node in found}
    rows = []
    for entry, found in zip(entries, named, strict=True):
        own = tuple(node for node in found if node not in computed) if _generated(entry) else found
        rows.append(_layer(entry, own, known))
    return _with_unnamed(rows, known)


def dropped(rows: Iterable[Layer], nodes: Mapping[str, OnnxNode]) -> tuple[str, ...]:
    """Nodes of the model that are in no layer: folded into constants, or no more than a view of memory."""
    placed = {name for row in rows for name in row.nodes}
    return tuple(name for name in nodes if name not in placed)


def _entries(text: str) -> list[dict[str, Any]]:
    if text.lstrip().startswith("Layers:"):
        lines = (line for line in text.splitlines() if line.startswith("Name: "))
        return [entry for line in lines if (entry := _logged(line)) is not None]
    try:
        document = json.loads(text, strict=False)  # 8.6 leaves control characters in Metadata
        found = document["Layers"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"not the layer information of an engine: {text[:80]!r}") from error
    return [entry if isinstance(entry, dict) else {"Name": str(entry)} for entry in found]


_LOGGED = re.compile(
    r"Name: (?P<Name>.*?), LayerType: (?P<LayerType>.*?), Inputs: \[(?P<Inputs>.*?)\], Constants: \[.*?\], "
    r"Outputs: \[(?P<Outputs>.*?)\], TacticName: (?P<TacticName>.*?), StreamId: .*?Metadata: ?(?P<Metadata>.*)$"
)
_LOGGED_TENSOR = re.compile(r"\{ Name: (.*?), Dimensions: \[([-\d,]*)\].*?Datatype: (\w+)")


def _logged(line: str) -> dict[str, Any] | None:
    match = _LOGGED.match(line)
    if match is None:
        return None
    entry: dict[str, Any] = match.groupdict()
    for side in ("Inputs", "Outputs"):
        entry[side] = [
            {"Name": name, "Dimensions": [int(n) for n in shape.split(",") if n], "Datatype": datatype}
            for name, shape, datatype in _LOGGED_TENSOR.findall(entry[side])
        ]
    return entry


def _generated(entry: Mapping[str, Any]) -> bool:
    return entry.get("LayerType") == "kgen"


def _layer(entry: Mapping[str, Any], nodes: tuple[str, ...], known: Mapping[str, OnnxNode]) -> Layer:
    name, kind = str(entry.get("Name", "")), str(entry.get("LayerType", ""))
    operators = tuple(_operator(node, known) for node in nodes)
    tactic = str(entry.get("TacticName") or entry.get("TacticValue") or "")
    return Layer(
        name,
        kind,
        nodes,
        operators,
        _fusion(name, kind, nodes, operators, known),
        None if not tactic or tactic.endswith("_STUB") else tactic,
        _tensors(entry.get("Inputs")),
        _tensors(entry.get("Outputs")),
        "dla" if kind.upper().startswith("DLA") else "gpu",
    )


def _nodes(name: str, metadata: str, known: Mapping[str, OnnxNode]) -> tuple[str, ...]:
    found = re.findall(r"\[ONNX Layer: ([^\]]*)\]", metadata)
    if not found and not name.startswith(("Reformatting CopyNode", "__my")):
        words = (
            word.strip().strip("{}") for word in re.split(r" \+ | \|\| |, |PWN\(|\.\.\.|ForeignNode\[|[)\]]", name)
        )
        found = [word for word in words if word and (not known or word in known)]
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda node: _place(node, known)))


def _place(node: str, known: Mapping[str, OnnxNode]) -> int:
    if node in known:
        return known[node].index
    return len(known) if "graph_output_cast" in node else -1


def _operator(node: str, known: Mapping[str, OnnxNode]) -> str:
    if node in known:
        return known[node].operator
    return "Cast" if "_cast" in node else "?"  # narrowing a model adds these; they are not in the file


_HEAVY = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_POINTWISE = {
    "Abs", "Add", "BatchNormalization", "Cast", "Ceil", "Clip", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu",
    "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max", "Min", "Mul", "Neg", "PRelu", "Pow", "Relu", "Round",
    "Sigmoid", "Softplus", "Sqrt", "Sub", "Tanh", "Where",
}  # fmt: skip


def _fusion(
    name: str, kind: str, nodes: tuple[str, ...], operators: tuple[str, ...], known: Mapping[str, OnnxNode]
) -> Fusion:
    if kind in ("signal", "wait"):
        return "sync"
    if "ForeignNode" in name:
        return "region"
    if kind in ("Reformat", "NoOp", "Copy") or not nodes:
        return "reformat"
    heavy = [node for node, operator in zip(nodes, operators, strict=True) if operator in _HEAVY]
    if " || " in name or (len(heavy) > 1 and _siblings(heavy, known)):
        return "horizontal"
    if len(nodes) == 1:
        return "none"
    if heavy or (set(operators) == {"?"} and "onv" in kind):
        return "vertical"
    if "PWN(" in name or "PointWise" in kind or set(operators) <= _POINTWISE:
        return "pointwise"
    return "mixed"


def _siblings(nodes: Iterable[str], known: Mapping[str, OnnxNode]) -> bool:
    """Do they all read the same tensor?"""
    return len({known[node].inputs[:1] for node in nodes if node in known}) == 1


def _with_unnamed(rows: list[Layer], known: Mapping[str, OnnxNode]) -> tuple[Layer, ...]:
    """Give pointwise nodes that are in no layer to the one that makes all they read."""
    makers = {tensor: name for name, node in known.items() for tensor in node.outputs}
    home = {node: index for index, row in enumerate(rows) for node in row.nodes}
    for name, node in known.items():
        read = [makers[tensor] for tensor in node.inputs if tensor in makers]
        sources = {home.get(maker, -1) for maker in read if known[maker].operator != "Constant"}
        if name in home or node.operator not in _POINTWISE or len(sources) != 1 or -1 in sources:
            continue
        home[name] = index = sources.pop()
        row = rows[index]
        nodes, operators = (*row.nodes, name), (*row.operators, node.operator)
        fusion = _fusion(row.name, row.kind, nodes, operators, known)
        rows[index] = replace(row, nodes=nodes, operators=operators, fusion=fusion, unnamed=(*row.unnamed, name))
    return tuple(rows)


_PRECISIONS = (
    ("bf16", r"bfloat16|bf16"), ("fp16", r"half|fp16|float16"), ("fp8", r"fp8|float8"), ("fp4", r"fp4|float4"),
    ("fp32", r"fp32|float"), ("int8", r"int8"), ("int4", r"int4"), ("int32", r"int32"), ("int64", r"int64"),
    ("bool", r"bool"),
)  # fmt: skip


def _tensors(entries: Any) -> tuple[Tensor, ...]:
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        words = str(entry.get("Datatype") or entry.get("Format/Datatype") or "").lower()
        precision = next((name for name, pattern in _PRECISIONS if re.search(pattern, words)), None)
        shape = tuple(int(side) for side in entry.get("Dimensions") or ())
        found.append(Tensor(str(entry.get("Name", "")), shape, precision))
    return tuple(found)


def _precision(tensors: tuple[Tensor, ...]) -> str | None:
    """The precision of a side; several are joined by a plus, and one unknown makes it unknown."""
    names = {tensor.precision for tensor in tensors}
    if not names or None in names:
        return None
    return "+".join(sorted(name for name in names if name is not None))
