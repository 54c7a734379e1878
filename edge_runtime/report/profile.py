"""A profile for a person: tables and bars on a terminal, and the words at the top of the ladder it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_runtime.version import VERSION

from .terminal import number

BAR = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"
Point = Mapping[str, Any]


def profile_tables(document: Mapping[str, Any]) -> RenderableType:
    """The document of `edge-run profile`: the rungs of the ladder, and what was left out of it."""
    points: Sequence[Point] = document["points"]
    kept = [point for point in points if point["in_ladder"]]
    rest = [point for point in points if not point["in_ladder"]]
    parts: list[RenderableType] = [_table(f"{document['name']} on {document['board']}", kept, document)]
    if rest:
        parts.append(_table("measured, but a more useful point costs no more", rest, document, dim=True))
    if document["useless"]:
        parts.append(Text(f"found nothing: {', '.join(document['useless'])}", style="yellow"))
    parts.append(Text(truth_sentence(document), style="dim"))
    if document["idle_w"] is not None:
        at_rest = f"W: above {document['idle_w']:.1f} W at rest, behind {document['camera_fps']:g} frames a second"
        parts.append(Text(at_rest, style="dim"))
    return Group(*parts)


def _table(title: str, points: Sequence[Point], document: Mapping[str, Any], *, dim: bool = False) -> Table:
    watts = document["idle_w"] is not None
    style = "dim" if dim else ""
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, row_styles=[style]
    )
    table.add_column("point", style="cyan", overflow="fold")
    table.add_column("useful", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for column in ("fps", "", "p99 ms", "nets / host ms", *(["W"] if watts else [])):
        table.add_column(column, justify="right", style="" if column else "dim", no_wrap=True)
    best = max(point["usefulness"] for point in document["points"])
    for point in reversed(points):
        table.add_row(
            point["name"],
            f"{point['usefulness']:.3f}",
            Text(bar(point["usefulness"] / best), style=style or "green"),
            number(point["fps"]),
            _swing(point["spread"].get("fps"), point["fps"]),
            number(point["latency_ms"]["p99"]),
            f"{number(point['busy_ms']['gpu'])} / {number(point['busy_ms']['host'])}",
            *([number(point["live_watts"])] if watts else []),
        )
    return table


def bar(share: float, width: int = BAR) -> str:
    """A bar of blocks, to an eighth of one."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _swing(spread: Sequence[float] | None, value: float) -> str:
    """Half of how far the rounds lay apart, as a share."""
    return "" if spread is None or not value else f"±{50 * (spread[1] - spread[0]) / value:.0f} %"


def truth_sentence(document: Mapping[str, Any]) -> str:
    """What usefulness means in this profile."""
    useful = document["usefulness"]
    what = {"streaming-ap": "streaming AP", "recall-by-distance": "streaming recall, the mean over bands of distance"}
    judged = f"{what[useful['of']]} on {useful['frames']} frames"
    if useful["labelled"]:
        return f"usefulness: {judged}, against {useful['truth']}"
    return f"usefulness: {judged}, against {useful['truth']}, as nobody has labelled the pictures"


def ladder_comment(document: Mapping[str, Any], command: str, day: str) -> str:
    """The head of a ladder file: where its numbers come from, and what a person may do with them."""
    machine, versions = document["machine"], document["versions"]
    kept = sum(point["in_ladder"] for point in document["points"])
    lines = [
        f"Measured on {day} by edge-run {VERSION}:",
        f"  {command}",
        f"on {machine['cpu']}, {machine['cores']} cores, {versions['platform']}.",
        f"The {kept} of {len(document['points'])} points that are worth having, least useful first; medians of "
        f"{document['repeats']} rounds of {document['seconds']:g} s each.",
        "fps and watts: as fast as it goes. latency_ms and busy_ms: behind the source at its own rate.",
    ]
    lines.append(f"{capitalised(truth_sentence(document))}.")
    if not document["usefulness"]["labelled"]:
        lines += [
            "That says how much of the pipeline's best a point keeps, not how often that best is right: with --labels",
            "it would. Where you know better, write your own numbers; only their order and ratios count.",
        ]
    if document["idle_w"] is None:
        lines.append("Nothing measured power here: with this ladder budgets of power and heat cannot be held.")
    told = ("throttled", "simulated board")
    lines += [f"{capitalised(one)}." for one in document["warnings"] if any(word in one for word in told)]
    lines.append("Edit it freely: points may be taken out, renamed, or given another usefulness.")
    return "\n".join(lines)


def capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
