"""What `edge-run doctor` shows on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_runtime.core.check import Check

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "bold red")}
_WIDEST_NAME = 18


def checks_page(areas: Mapping[str, Sequence[Check]], verdict: str) -> RenderableType:
    """The checks of each area below its title, names in one column, and one sentence at the end."""
    width = max(len(check.name) for checks in areas.values() for check in checks)
    parts: list[RenderableType] = []
    for title, checks in areas.items():
        parts += [Text(title, style="bold"), checks_table(checks, min(width, _WIDEST_NAME)), Text()]
    return Group(*parts, Text(verdict))


def checks_table(checks: Sequence[Check], name_width: int | None = None) -> RenderableType:
    """One line a check: its state, its name, what was found, and below it what to type."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(width=name_width, no_wrap=name_width is None, overflow="fold")
    grid.add_column(overflow="fold")
    for check in checks:
        mark, style = _MARKS[check.state]
        found = Text.assemble((check.found, "" if check.state == "ok" else style))
        if check.fix:
            found.append("\n→ ", style="dim").append(check.fix, style="bold")
        grid.add_row(Text(mark, style=style), Text(check.name, style="cyan"), found)
    return grid


def verdict(checks: Sequence[Check], pipeline: str | None, *, runs: bool) -> str:
    """The last line: whether the pipeline could run here, and how much there is to mend."""
    counts = [_count(sum(check.state == state for check in checks), state) for state in ("error", "warning")]
    rest = " and ".join(count for count in counts if count)
    if pipeline is None:
        return rest or "nothing to mend"
    could = f"{pipeline} can run here" if runs else f"{pipeline} could not run here"
    return f"{could}: {rest}" if rest else could


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}" if number else ""
