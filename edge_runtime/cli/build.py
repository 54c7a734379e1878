"""`edge-run build`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.pipeline.assemble import build_engines
from edge_runtime.report.builds import shown_builds

from .run import pipeline_options


@click.command("build")
@pipeline_options
def command(pipeline: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Build and cache the engines of a pipeline, and compare each with its ONNX file.

    \b
    edge-run build pipelines/highway_video.yaml --set models.road.backend=tensorrt
    edge-run build pipelines/highway_video.yaml --set models.road.tensorrt.optimization_level=1 --json
    """
    clock = SystemClock()
    with shown_builds(Console(stderr=True), clock) as builds:
        backends = build_engines(load_pipeline(pipeline, overrides).all_required(), clock, builds)
    if as_json:
        click.echo(json.dumps({"models": dict(backends)}, indent=2))
        return
    for name, backend in backends.items():
        click.echo(f"{name}: {backend}")
