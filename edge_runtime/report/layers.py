"""The layers of an engine as rows with their share of the time, as a table and as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_runtime.engines.tensorrt.inspect import Inspection
from edge_runtime.engines.tensorrt.inspector import Layer

WIDE = 110  # characters for a table with every column
# Layers that compute nothing: they order streams inside the engine.
_HIDDEN = ("sync",)


@dataclass(frozen=True)
class Row:
    """A layer at its place (`number`) in the engine; shares are of the sum of all layers, None where not timed.

    `up_to_share` adds up the shares of this row and of those before it in `ranked`.
    """

    number: int
    layer: Layer
    time_ms: float | None = None
    share: float | None = None
    up_to_share: float | None = None


def ranked(found: Inspection) -> list[Row]:
    """Every layer that does something: the slowest first where they were timed, else in the order they run in."""
    if found.times is None:
        return [Row(number, layer) for number, layer in enumerate(found.layers) if layer.fusion not in _HIDDEN]
    whole_ms = found.times.sum_ms or 1.0
    timed = sorted(
        zip(found.times.of(found.layers), range(len(found.layers)), found.layers, strict=True),
        key=lambda row: (-(row[0] or 0.0), row[1]),
    )
    shares = [(time_ms or 0.0) / whole_ms for time_ms, _, _ in timed]
    return [
        Row(number, layer, time_ms, None if time_ms is None else share, up_to)
        for (time_ms, number, layer), share, up_to in zip(timed, shares, accumulate(shares), strict=True)
        if layer.fusion not in _HIDDEN or time_ms
    ]


def chains(found: Inspection) -> list[tuple[str, str, int]]:
    """What was fused, by pattern: (fusion, operators, how often), the most frequent first."""
    counts = Counter((layer.fusion, chain(layer.operators)) for layer in found.layers if len(layer.nodes) > 1)
    return [(fusion, operators, count) for (fusion, operators), count in counts.most_common()]


def chain(operators: Sequence[str]) -> str:
    """Conv + Sigmoid + Mul; in a long chain each operator stands once, with its count."""
    if len(operators) <= 5:
        return " + ".join(operators)
    return " + ".join(
        f"{operator} ×{count}" if count > 1 else operator for operator, count in Counter(operators).items()
    )


def headline(found: Inspection) -> str:
    """What became of the network, in one sentence."""
    counts: Counter[str] = Counter(layer.fusion for layer in found.layers)
    copies, hidden = counts["reformat"], sum(counts[name] for name in _HIDDEN)
    kernels = len(found.layers) - copies - hidden
    began = "" if found.onnx_nodes is None else f"{found.onnx_nodes} ONNX nodes became "
    parts = [f"{kernels} layers that compute"]
    parts += [f"{copies} that copy or reformat"] if copies else []
    parts += [f"{hidden} that order streams"] if hidden else []
    return began + (", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0])


def times_sentence(found: Inspection) -> str | None:
    """The time of the whole beside the sum of its layers; None where nothing was timed."""
    if (times := found.times) is None:
        return None
    text = (
        f"the network takes {times.network_ms:.3f} ms; its layers, timed one by one over {times.runs} calls, add up to"
        f" {times.sum_ms:.3f} ms"
    )
    unlisted_ms = sum(times.unlisted(found.layers).values())
    return text + (f", {unlisted_ms:.3f} ms of it under names that no layer has" if unlisted_ms else "")


def layers_document(found: Inspection) -> dict[str, Any]:
    """The JSON document of `model inspect`: layers in the order they run in, each with its time where it was timed."""
    times = found.times
    timed = {row.number: row for row in ranked(found)}
    layers = []
    for number, layer in enumerate(found.layers):
        row = timed.get(number)
        layers.append(
            {
                **asdict(layer),
                "precision_in": layer.precision_in,
                "precision_out": layer.precision_out,
                "time_ms": row.time_ms if row else None,
                "share": row.share if row else None,
            }
        )
    return {
        "model": found.model,
        "board": found.board,
        "onnx_nodes": found.onnx_nodes,
        "layers": layers,
        "fusions": dict(Counter(layer.fusion for layer in found.layers)),
        "chains": [
            {"fusion": fusion, "operators": operators, "layers": count} for fusion, operators, count in chains(found)
        ],
        "dropped": list(found.dropped),
        "dla_fallback": None if found.dla_fallback is None else list(found.dla_fallback),
        "times": None
        if times is None
        else {
            "network_ms": times.network_ms,
            "layers_ms": times.sum_ms,
            "runs": times.runs,
            "unlisted_ms": times.unlisted(found.layers),
        },
        "refusals": [asdict(refusal) for refusal in found.refusals],
        "notes": list(found.notes),
    }


def layers_table(found: Inspection, width: int = WIDE) -> RenderableType:
    """Layers with what was fused into each, or the refused nodes with the way out; a narrow one leaves columns out."""
    if found.refusals:
        title = Text(f"{found.board} does not take {len(found.refusals)} nodes of {found.model}:", style="bold red")
        return Group(title, *(Text(f"  {refusal}") for refusal in found.refusals), *_notes(found))
    table = Table(title=f"{found.model} · {found.board}", box=box.SIMPLE_HEAD, expand=True)
    table.add_column("#", justify="right", style="dim")
    if found.times is not None:
        for head in ("µs", "share", "up to"):
            table.add_column(head, justify="right", no_wrap=True)
    table.add_column("ONNX nodes", ratio=1)
    for head in ("fusion", "precision"):
        table.add_column(head, no_wrap=True)
    if width >= WIDE:
        table.add_column("shape", no_wrap=True)
        table.add_column("tactic", max_width=14, no_wrap=True)
    for row in ranked(found):
        layer = row.layer
        times = () if found.times is None else (_us(row.time_ms), percent(row.share), percent(row.up_to_share))
        more = (shape(layer), layer.tactic or "at load") if width >= WIDE else ()
        table.add_row(str(row.number), *times, _nodes(layer), layer.fusion, precision(layer), *more)
    lines = [Text(headline(found), style="bold")]
    if sentence := times_sentence(found):
        lines.append(Text(sentence))
    lines += [Text(f"{count:4} × {operators} ({fusion})") for fusion, operators, count in chains(found)]
    if found.dropped:
        lines.append(
            Text(f"{len(found.dropped)} ONNX nodes are in no layer: folded into constants, or views of memory")
        )
    lines += _dla(found)
    return Group(table, *lines, *_notes(found))


def dla_sentence(found: Inspection) -> str | None:
    """How much of the network runs on DLA; None when that was not asked for."""
    if found.dla_fallback is None:
        return None
    on_dla = sum(layer.device == "dla" for layer in found.layers)
    runs = f"on DLA core {found.dla_core}: {on_dla} layers of the engine"
    return runs + (
        f"; {len(found.dla_fallback)} that DLA does not take fell back to the GPU" if found.dla_fallback else ""
    )


def _dla(found: Inspection) -> list[Text]:
    sentence = dla_sentence(found)
    if sentence is None:
        return []
    return [Text(sentence), *(Text(f"    {name}") for name in found.dla_fallback or ())]


def _notes(found: Inspection) -> list[Text]:
    return [Text(f"! {note}", style="yellow") for note in found.notes]


def _nodes(layer: Layer) -> str:
    if not layer.nodes:
        return layer.name
    shown = [
        node if operator in ("?", "") or operator in node else f"{node} [{operator}]"
        for node, operator in zip(layer.nodes, layer.operators, strict=True)
    ]
    if len(shown) > 6:
        shown = [*shown[:4], f"{len(shown) - 5} more", shown[-1]]
    return " + ".join(shown)


def precision(layer: Layer) -> str:
    """What goes in, and what comes out where that is another."""
    taken, given = layer.precision_in or "–", layer.precision_out or "–"
    return taken if taken == given else f"{taken} → {given}"


def shape(layer: Layer) -> str:
    """Of what comes out."""
    return "×".join(map(str, layer.outputs[0].shape)) if layer.outputs else ""


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f}%"


def _us(time_ms: float | None) -> str:
    return "–" if time_ms is None else f"{time_ms * 1000:.1f}"
