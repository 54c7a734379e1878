"""What `edge-run list` shows on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edge_runtime.config.catalogue import ShippedPipeline

_INDENT = (0, 0, 0, 2)


def catalogue_page(pipelines: Iterable[ShippedPipeline], others: Mapping[str, Iterable[str]]) -> RenderableType:
    """Pipelines with a line each; below them the names of each other kind, by the option or key that takes them."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("pipeline", style="cyan", no_wrap=True)
    table.add_column("for")
    table.add_column("needs", no_wrap=True)
    for pipeline in pipelines:
        table.add_row(pipeline.name, pipeline.purpose, pipeline.needed)
    parts: list[RenderableType] = [table]
    for key, names in others.items():
        parts += [Text(), Text(key, style="bold"), Padding(Text(", ".join(names), style="cyan"), _INDENT, expand=False)]
    return Group(*parts)
