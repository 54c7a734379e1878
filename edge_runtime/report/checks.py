"""What `edge-run doctor` shows on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from edge_runtime.core.check import Check

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "bold red")}


def checks_table(checks: Sequence[Check]) -> RenderableType:
    """One line a check: its state, its name, what was found, and below it what to type."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for check in checks:
        mark, style = _MARKS[check.state]
        found = Text(check.found, style="" if check.state == "ok" else style)
        if check.fix:
            found.append("\n→ ", style="dim").append(check.fix, style="bold")
        grid.add_row(Text(mark, style=style), Text(check.name, style="cyan"), found)
    return grid
