"""`edge-run list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .command import Verb
from .options import AS_JSON
from .output import print_json

if TYPE_CHECKING:
    from edge_runtime.config.shipped import Kind

# Where each of the other kinds is named.
PLACES: dict[str, Kind] = {
    "governor.ladder of a pipeline": "ladders",
    "simulate --plant": "plants",
    "simulate --scenario": "scenarios",
    "models.NAME.onnx of a pipeline": "networks",
}


@click.command("list", cls=Verb)
@AS_JSON
def command(as_json: bool) -> None:
    """Show what ships with the package and goes by name: pipelines, ladders, boards and drives to simulate.

    \b
    edge-run list
    edge-run list --json
    """
    from rich.console import Console

    from edge_runtime.config.catalogue import catalogue, shipped_pipelines
    from edge_runtime.config.shipped import shipped
    from edge_runtime.report.catalogue import catalogue_page

    if as_json:
        print_json(catalogue())
        return
    others = {place: shipped(kind) for place, kind in PLACES.items()}
    Console().print(catalogue_page(shipped_pipelines(), others))
