"""A simulated scenario on a terminal: the policies side by side, and what the governor did in each segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .terminal import clock_text

_BUDGETS = {"power": "power", "fps": "fps", "thermal": "heat", "latency": "latency"}


def simulation_tables(document: Mapping[str, Any]) -> RenderableType:
    """The document of `edge-run simulate` for a person."""
    return Group(_policies(document), _segments(document), _budgets(document))


def _policies(document: Mapping[str, Any]) -> RenderableType:
    table = Table(
        title=f"{document['scenario']} on {document['plant']}, {clock_text(document['seconds'])}",
        caption="seconds in which each budget was held",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
    )
    table.add_column("policy", style="cyan")
    for head in (*_BUDGETS.values(), "late frames", "in a row", "usefulness", "energy", "changes"):
        table.add_column(head, justify="right")
    for name, row in document["policies"].items():
        table.add_row(
            name,
            *(_held(row["windows_held"][budget]) for budget in _BUDGETS),
            f"{100 * row['deadline_miss_share']:.2f} %",
            str(row["longest_miss_burst"]),
            f"{row['usefulness']:.3f}",
            f"{row['energy_j'] / 1e3:.1f} kJ",
            f"{row['changes_per_minute']:.1f}/min",
        )
    return table


def _held(share: float) -> Text:
    # Just below all of them is not all of them.
    text = "100 %" if share == 1.0 else f"{min(100 * share, 99.9):.1f} %"
    return Text(text, style="green" if share >= 0.97 else "red")


def _segments(document: Mapping[str, Any]) -> RenderableType:
    table = Table(
        title="the governor, segment by segment", box=box.SIMPLE_HEAD, padding=(0, 1), caption="usefulness / oracle's"
    )
    for head in ("from", "km/h", "load", "air", "extra", "camera", "sensor"):
        table.add_column(head, justify="right", style="dim")
    table.add_column("mostly at", style="cyan", no_wrap=True)
    for head in ("W", "fps", "°C", "useful", "held"):
        table.add_column(head, justify="right")
    start_s = 0.0
    for segment in document["segments"]:
        mine, best = segment["policies"]["governor"], segment["policies"]["oracle"]
        speed = segment["speed_kmh"]
        table.add_row(
            clock_text(start_s),
            "–" if speed is None else f"{speed:.0f}",
            f"{segment['scene_load']:g}",
            f"{segment['ambient_c']:.0f}",
            f"{segment['extra_power_w']:g}",
            f"{segment['camera_fps']:g}",
            segment["sensor"],
            mine["point"],
            f"{mine['power_w']:.1f}",
            f"{mine['fps']:.1f}",
            f"{mine['temp_c']:.0f}",
            f"{mine['usefulness']:.2f} / {best['usefulness']:.2f}",
            _held(min(mine["windows_held"].values())) if segment["feasible"] else Text("not possible", style="yellow"),
        )
        start_s += segment["seconds"]
    return table


def _budgets(document: Mapping[str, Any]) -> RenderableType:
    budgets, parts = document["budgets"], []
    floor = budgets.get("fps_floor")
    if isinstance(floor, Mapping):
        parts.append(f"{floor['city']:g} fps, above {floor['highway_above_kmh']:g} km/h {floor['highway']:g} fps")
    elif floor is not None:
        parts.append(f"{floor:g} fps")
    units = {"max_metres_per_frame": "m a frame", "power_w": "W", "thermal_c": "°C", "latency_ms": "ms"}
    for key, unit in units.items():
        if key in budgets:
            parts.append(f"{budgets[key]:g} {unit}")
    return Text(f"budgets: {'; '.join(parts) or 'none'}", style="dim")
