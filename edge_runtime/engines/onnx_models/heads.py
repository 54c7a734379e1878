"""Which layers of a network stay in float when it is quantized: those at its outputs, and those that are named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .files import Misuse
from .graph import constants

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def name_nodes(model: Any) -> None:
    """Give every node a name of its own, which is how the quantizer is told to leave it alone."""
    taken: set[str] = set()
    for number, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{number}_{node.output[0]}"
        taken.add(node.name)


def distance_to_output(model: Any) -> dict[str, int]:
    """For each layer with weights, how many such layers lie between it and the nearest output, itself counted."""
    graph = model.graph
    known = constants(graph)
    below: dict[str, int] = {entry.name: 0 for entry in graph.output}
    found: dict[str, int] = {}
    for node in reversed(graph.node):
        reached = [below[name] for name in node.output if name in below]
        if not reached:
            continue
        distance = min(reached)
        if is_weighted(node, known):
            distance += 1
            found[node.name] = distance
        for name in node.input:
            below[name] = min(below.get(name, distance), distance)
    return found


def is_weighted(node: Any, known: Any) -> bool:
    """Layers with constant weights are worth INT8; a product of two activations is not, and loses most."""
    return node.op_type in WEIGHTED and len(node.input) > 1 and node.input[1] in known


def kept_float(model: Any, head_layers: int, patterns: Sequence[str]) -> list[str]:
    """Names of the layers left alone: the last `head_layers` before any output, and those a pattern matches.

    Raises `Misuse` for a pattern that is none or matches no layer, and when nothing would be left to quantize.
    """
    distances = distance_to_output(model)
    kept = {name for name, distance in distances.items() if distance <= head_layers}
    for text in patterns:
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise Misuse(f"--keep-float: '{text}' is no regular expression: {error}") from error
        hits = {name for name in distances if pattern.search(name)}
        if not hits:
            raise Misuse(f"--keep-float: '{text}' matches none of the layers: {_some(list(distances))}")
        kept |= hits
    if len(kept) == len(distances):
        what = "has no layers with weights" if not distances else f"keeps all of its {len(distances)} layers in float"
        raise Misuse(f"the model {what}, so there is nothing to quantize; see --head-layers and --keep-float")
    return [name for name in distances if name in kept]


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
