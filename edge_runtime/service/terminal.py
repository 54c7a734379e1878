"""What `edge-run service status` shows on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from . import places
from .manager import UnitState

# Of systemd's states: mark, style, and what it is in words.
_STATES = {
    "active": ("●", "green", "running"),
    "activating": ("◌", "yellow", "starting"),
    "reloading": ("◌", "yellow", "running, and reloading"),
    "deactivating": ("◌", "yellow", "stopping"),
    "failed": ("✗", "bold red", "failed"),
    "inactive": ("○", "dim", "stopped"),
}


def status_of(state: UnitState, now_us: int, run: str | None, errors: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One service; `errors` are entries of its journal, shown when it does not run."""
    mark, style, word = _STATES.get(state.active, ("?", "yellow", state.active))
    head = Text.assemble((f"{mark} ", style), (state.name, "bold"), "  ", (word, style))
    if state.failed:
        head.append(f": {state.why}", style=style)
        if state.restarts:
            head.append(f"; given up after {state.restarts} restart{'s' * (state.restarts != 1)}", style=style)
    elif state.active == "active" and state.started_us is not None:
        head.append(f" for {lasting((now_us - state.started_us) / 1e6)}")
    if state.restarts and not state.failed:
        head.append(f", restarted {state.restarts} time{'s' * (state.restarts != 1)}", style="yellow")
    says: list[RenderableType] = []
    if state.status and not state.failed:
        says.append(Text(state.status, style="bold" if state.active == "active" else ""))
    says += [Text(str(entry["message"]), style="red") for entry in errors]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("pipeline", str(places.pipeline(state.name)))
    if run:
        grid.add_row("results", run)
    at_boot = "yes" if state.at_boot else f"no: sudo systemctl enable {places.unit(state.name)}"
    grid.add_row("at boot", f"{at_boot}{f', as user {state.user}' if state.user else ''}")
    grid.add_row("logs", f"edge-run service logs {state.name}")
    if state.failed:
        grid.add_row("again", f"sudo systemctl reset-failed {places.unit(state.name)}")
        grid.add_row("", f"sudo systemctl start {places.unit(state.name)}")
    elif state.active == "inactive":
        grid.add_row("start", f"sudo systemctl start {places.unit(state.name)}")
    return Group(head, Padding(Group(*says, grid), (0, 0, 0, 2)))


def lasting(seconds: float) -> str:
    """12 s, 5 min, 2 h 5 min, 3 d 4 h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
