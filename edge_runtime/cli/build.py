"""`edge-run build`."""

from __future__ import annotations

from pathlib import Path

import click

from .command import Verb
from .options import pipeline_options
from .output import print_json


@click.command("build", cls=Verb)
@pipeline_options
def command(pipeline: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Build and cache the engines of a pipeline, and compare each with its ONNX file.

    \b
    edge-run build mine.yaml
    edge-run build mine.yaml --set models.road.precision=int8 --json
    """
    from rich.console import Console

    from edge_runtime.config.load import load_pipeline
    from edge_runtime.core import SystemClock
    from edge_runtime.pipeline.assemble import build_engines
    from edge_runtime.report.builds import shown_builds

    clock = SystemClock()
    with shown_builds(Console(stderr=True), clock) as builds:
        backends = build_engines(load_pipeline(pipeline, overrides).all_required(), clock, builds)
    if as_json:
        print_json({"models": dict(backends)})
        return
    for name, backend in backends.items():
        click.echo(f"{name}: {backend}")
