"""Which quantized layers cost most, and which of them go back to float for the outputs to stay close enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..tensorrt.parity import compare, worst
from .files import need
from .running import Outputs, Runner

Told = Callable[[int, int], None]


def in_float(model: Any, layers: Collection[str]) -> Any:
    """A copy of a Q/DQ model in which these layers read what went into their Q/DQ pairs."""
    onnx = need("onnx", "quantizing")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if not layers:
        return copy
    maker = {node.output[0]: node for node in copy.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")}
    for node in copy.graph.node:
        if node.name in layers:
            for place, name in enumerate(node.input):
                if name in maker and maker[name].input[0] in maker:
                    node.input[place] = maker[maker[name].input[0]].input[0]
    _sweep(copy.graph)
    return copy


def _sweep(graph: Any) -> None:
    """Take out the pairs, and their constants, that nobody reads any more."""
    while True:
        read = {name for node in graph.node for name in node.input} | {entry.name for entry in graph.output}
        idle = [node for node in graph.node if not read.intersection(node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def back_to_float(
    model: Any, layers: Sequence[str], references: Sequence[tuple[Outputs, Outputs]], goal: float, told: Told
) -> list[str]:
    """The layers to leave in float for every output to have at least this cosine similarity; none when it has already.

    `references` are (inputs, outputs in FP32) of a few pictures. Each layer is quantized alone to see what it costs;
    then the costly ones go, as few as a bisection finds.
    """
    if lowest(model, references) >= goal:
        return []
    cost = []
    for done, layer in enumerate(layers, 1):
        alone = in_float(model, [other for other in layers if other != layer])
        cost.append((lowest(alone, references[:2]), layer))
        told(done, len(layers))
    ranked = [layer for _, layer in sorted(cost)]
    few, many = 0, len(ranked)
    while many - few > 1:
        middle = (few + many) // 2
        if lowest(in_float(model, ranked[:middle]), references) >= goal:
            many = middle
        else:
            few = middle
    return ranked[:many]


def lowest(model: Any, references: Sequence[tuple[Outputs, Outputs]]) -> float:
    """The lowest cosine similarity of any output on any picture; -1 where one is NaN."""
    runner = Runner(model)
    found = worst(compare(expected, runner.run(feeds)) for feeds, expected in references)
    return min(-1.0 if output.cosine is None else output.cosine for output in found)
