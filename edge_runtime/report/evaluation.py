"""The accuracy of pipelines on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

# key of the document -> what a person reads, digits, unit
FIGURES: Mapping[str, tuple[str, int, str]] = {
    "ap50": ("AP at IoU 0.5", 3, ""),
    "ap": ("AP", 3, ""),
    "streaming_ap": ("streaming AP", 3, ""),
    "recall": ("recall", 3, ""),
    "precision": ("precision", 3, ""),
    "false_positives_per_frame": ("false positives a frame", 2, ""),
    "light_state_accuracy": ("light state accuracy", 3, ""),
    "regions_per_frame": ("regions a frame", 2, ""),
    "ms_per_frame": ("cost a frame", 2, " ms"),
}
Intervals = Mapping[str, tuple[float, float] | None]


def told(key: str, value: float | None) -> str:
    """A figure with its unit; a dash for what is not known."""
    _, digits, unit = FIGURES[key]
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def told_range(key: str, interval: Sequence[float] | None) -> str:
    digits = FIGURES[key][1]
    return "" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def band(row: Mapping[str, Any], unit: str) -> str:
    """0–20, and from the last edge on: 200+."""
    low, high = row[f"from_{unit}"], row[f"to_{unit}"]
    return f"{low:g}+" if high is None else f"{low:g}–{high:g}"


def kinds(document: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The rows by which tables and charts split the figures: groups where there are some, else classes."""
    rows: Mapping[str, Mapping[str, Any]] = document["by_group"] or document["by_class"]
    return rows


def streaming_sentence(streaming: Mapping[str, Any]) -> str:
    done = f"{streaming['published']} of {streaming['captured']} frames worked on"
    if streaming["frames_behind"] is None:
        return f"streaming in {streaming['mode']} time: {done}, no result was out in time"
    return (
        f"streaming in {streaming['mode']} time: {done}, results {streaming['frames_behind']:.1f} frames behind, "
        f"latency {streaming['latency_ms']:.1f} ms"
    )


def evaluation_tables(document: Mapping[str, Any], intervals: Intervals) -> RenderableType:
    """Everything `edge-run eval` says of one pipeline."""
    name = document["config"]["name"]
    objects = document["labels"]["objects"] - document["labels"]["ignored"]
    title = f"{name} · {document['stage']} · {document['frames']} frames, {objects} objects"
    head = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    head.add_column("figure")
    head.add_column("value", justify="right", style="bold")
    head.add_column("95 % interval", justify="right", style="dim")
    for key, (label, *_) in FIGURES.items():
        if document[key] is not None or key in ("ap50", "ap", "recall", "streaming_ap"):
            head.add_row(label, told(key, document[key]), told_range(key, intervals.get(key)))
    parts: list[RenderableType] = [head, Text(streaming_sentence(document["streaming"]), style="dim")]
    for key, word in (("by_group", "group"), ("by_class", "class")):
        if document[key]:
            parts.append(_kind_table(document[key], word))
    for key, unit, label in (("recall_by_distance", "m", "metres"), ("recall_by_height_px", "px", "pixels high")):
        if document[key]:
            parts.append(_recall_table(document, key, unit, label))
    if document["light_states"]:
        parts.append(_light_line(document["light_states"]))
    parts += [Text(f"! {warning}", style="yellow") for warning in document["warnings"]]
    return Group(*parts)


def _kind_table(rows: Mapping[str, Mapping[str, Any]], word: str) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(word, style="cyan", no_wrap=True)
    for heading in ("AP50", "AP", "recall", "precision", "false/frame", "objects"):
        table.add_column(heading, justify="right")
    for name, row in rows.items():
        shown = f"{name} (as {row['judged_as']})" if "judged_as" in row else name
        table.add_row(
            shown,
            *(told(key, row[key]) for key in ("ap50", "ap", "recall", "precision", "false_positives_per_frame")),
            str(row["count"]),
        )
    return table


def _recall_table(document: Mapping[str, Any], key: str, unit: str, label: str) -> RenderableType:
    """Recall in each band, of everything and of each kind; a band without objects is left out."""
    columns = {"all": document[key], **{name: row[key] for name, row in kinds(document).items() if row[key]}}
    if len(columns) == 2:
        del columns[list(columns)[1]]
    table = Table(title="recall", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(label, no_wrap=True)
    table.add_column("objects", justify="right", style="dim")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    for place, row in enumerate(document[key]):
        if row["count"]:
            values = (cells[place]["recall"] for cells in columns.values())
            table.add_row(band(row, unit), str(row["count"]), *(_shaded(value) for value in values))
    return table


def _shaded(recall: float | None) -> Text:
    if recall is None:
        return Text("–", style="dim")
    return Text(f"{recall:.3f}", style="green" if recall >= 0.9 else "yellow" if recall >= 0.5 else "red")


def _light_line(lights: Mapping[str, Any]) -> Text:
    each = ", ".join(
        f"{state} {row['accuracy']:.3f} of {row['count']}" for state, row in lights["by_state"].items() if row["count"]
    )
    return Text(f"light states: {lights['accuracy']:.3f} of {lights['count']} lights found right ({each})")


def comparison_table(document: Mapping[str, Any]) -> RenderableType:
    """Pipelines side by side, each difference to the first with its interval; what is certain stands out."""
    names = list(document["pipelines"])
    baseline = document["baseline"]
    first = document["pipelines"][baseline]
    title = f"{', '.join(first['judged'])} in {first['frames']} frames; differences to {baseline}, 95 % intervals"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("figure")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
        if name != baseline:
            table.add_column("difference", justify="right", no_wrap=True)
    for key, (label, *_) in FIGURES.items():
        if all(document["pipelines"][name][key] is None for name in names):
            continue
        cells: list[str | Text] = [label]
        for name in names:
            cells.append(told(key, document["pipelines"][name][key]))
            if name != baseline:
                cells.append(_difference(key, document["differences"][name].get(key)))
        table.add_row(*cells)
    warnings = dict.fromkeys(text for name in names for text in document["pipelines"][name]["warnings"])
    return Group(table, *(Text(f"! {text}", style="yellow") for text in warnings))


# key of the document without labels -> what a person reads, digits, unit
COUNTS: Mapping[str, tuple[str, int, str]] = {
    "boxes_per_frame": ("boxes a frame", 2, ""),
    "added_per_frame": ("of them added", 2, ""),
    "gone_per_frame": ("no longer found", 2, ""),
    "found_twice_per_frame": ("found twice", 2, ""),
    "regions_per_frame": FIGURES["regions_per_frame"],
    "ms_per_frame": FIGURES["ms_per_frame"],
}


def counted(key: str, value: float | None) -> str:
    _, digits, unit = COUNTS[key]
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def agreement_table(document: Mapping[str, Any]) -> RenderableType:
    """What pipelines find where nobody knows what is right."""
    pipelines = document["pipelines"]
    title = f"{document['frames']} pictures without labels; added and no longer found: beside {document['baseline']}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("figure")
    for name in pipelines:
        table.add_column(name, justify="right", overflow="fold")
    for key, (label, *_) in COUNTS.items():
        table.add_row(label, *(counted(key, one[key]) for one in pipelines.values()))
    heights = Table(title="boxes by height", title_justify="left", box=box.SIMPLE_HEAD)
    heights.add_column("pixels high", no_wrap=True)
    for name in pipelines:
        heights.add_column(name, justify="right", overflow="fold")
    for rows in zip(*(one["by_height_px"] for one in pipelines.values()), strict=True):
        if any(row["boxes"] for row in rows):
            heights.add_row(band(rows[0], "px"), *(str(row["boxes"]) for row in rows))
    warnings = dict.fromkeys(text for one in pipelines.values() for text in one["warnings"])
    return Group(table, heights, *(Text(f"! {text}", style="yellow") for text in warnings))


def _difference(key: str, change: Mapping[str, Any] | None) -> Text:
    if change is None or change["difference"] is None:
        return Text("–", style="dim")
    digits = FIGURES[key][1]
    text = f"{change['difference']:+.{digits}f}"
    if change["interval"]:
        text += f" ({change['interval'][0]:+.{digits}f} to {change['interval'][1]:+.{digits}f})"
    style = "dim" if not change["certain"] else "bold green" if change["better"] else "bold red"
    return Text(text, style=style)
