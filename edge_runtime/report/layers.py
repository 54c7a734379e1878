"""The layers of an engine as a table and as a document."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_runtime.engines.tensorrt.inspect import Inspection
from edge_runtime.engines.tensorrt.inspector import Layer

# Layers that compute nothing: they order streams inside the engine.
_HIDDEN = ("sync",)


def layers_document(found: Inspection) -> dict[str, Any]:
    """The JSON document of `model inspect`."""
    return {
        "board": found.board,
        "layers": [
            {**asdict(layer), "precision_in": layer.precision_in, "precision_out": layer.precision_out}
            for layer in found.layers
        ],
        "fusions": dict(Counter(layer.fusion for layer in found.layers)),
        "dropped": list(found.dropped),
        "refusals": [asdict(refusal) for refusal in found.refusals],
        "notes": list(found.notes),
    }


def layers_table(found: Inspection) -> RenderableType:
    """Layers in order with what was fused into each, or the refused nodes with the way out."""
    if found.refusals:
        lines = [Text(f"{found.board} does not take this network:", style="bold red")]
        return Group(*lines, *(Text(f"  {refusal}") for refusal in found.refusals))
    table = Table(title=found.board, box=box.SIMPLE_HEAD, expand=True)
    table.add_column("#", justify="right")
    table.add_column("ONNX nodes", ratio=1)
    for head in ("fusion", "in", "out", "shape"):
        table.add_column(head, no_wrap=True)
    table.add_column("tactic", max_width=14, no_wrap=True)
    for number, layer in enumerate(layer for layer in found.layers if layer.fusion not in _HIDDEN):
        table.add_row(str(number), _nodes(layer), layer.fusion, *_tensors(layer), layer.tactic or "at load")
    counts = Counter(layer.fusion for layer in found.layers)
    told = ", ".join(f"{count} {fusion}" for fusion, count in counts.most_common())
    lines = [Text(f"{len(found.layers)} layers: {told}")]
    if found.dropped:
        lines.append(
            Text(f"{len(found.dropped)} ONNX nodes are in no layer: folded into constants, or views of memory")
        )
    fallen = [layer.name for layer in found.layers if layer.device == "dla"]
    if fallen:
        lines.append(Text(f"{len(fallen)} layers run on DLA"))
    return Group(table, *lines)


def _nodes(layer: Layer) -> str:
    if not layer.nodes:
        return layer.name
    return " + ".join(
        node if operator in ("?", "") or operator in node else f"{node} [{operator}]"
        for node, operator in zip(layer.nodes, layer.operators, strict=True)
    )


def _tensors(layer: Layer) -> tuple[str, str, str]:
    shape = "x".join(map(str, layer.outputs[0].shape)) if layer.outputs else ""
    return layer.precision_in or "–", layer.precision_out or "–", shape
