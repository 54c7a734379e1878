"""`edge-run list`."""

from __future__ import annotations

import json

import click
from rich.console import Console

from edge_runtime.config.catalogue import catalogue, shipped_pipelines
from edge_runtime.config.shipped import Kind, shipped
from edge_runtime.report.catalogue import catalogue_page

# Where each of the other kinds is named.
PLACES: dict[str, Kind] = {
    "governor.ladder of a pipeline": "ladders",
    "simulate --plant": "plants",
    "simulate --scenario": "scenarios",
    "models.NAME.onnx of a pipeline": "networks",
}


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(as_json: bool) -> None:
    """Show what ships with the package and goes by name: pipelines, ladders, boards and drives to simulate.

    \b
    edge-run list
    edge-run demo
    """
    if as_json:
        click.echo(json.dumps(catalogue(), indent=2, ensure_ascii=False))
        return
    others = {place: shipped(kind) for place, kind in PLACES.items()}
    Console().print(catalogue_page(shipped_pipelines(), others))
