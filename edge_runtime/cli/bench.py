"""`edge-run bench`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.evaluate.bench import BenchReport, bench
from edge_runtime.pipeline.assemble import build_engines
from edge_runtime.report.builds import shown_builds
from edge_runtime.report.terminal import bench_table

from .options import CAMERA
from .run import SECONDS, pipeline_options


@click.command("bench")
@pipeline_options
@click.option(
    "--repeats", type=click.IntRange(1, 100), metavar="N", default=5, show_default=True, help="Measure this many times."
)
@click.option("--seconds", type=SECONDS, default=3.0, show_default=True, help="Length of one measurement.")
@click.option("--frames", type=click.IntRange(min=10), metavar="N", help="Length of one measurement in frames instead.")
@CAMERA
@click.option("--resident", type=click.IntRange(min=1), metavar="N", help="Keep N pictures in memory: no decoding.")
def command(
    pipeline: Path,
    overrides: tuple[str, ...],
    as_json: bool,
    repeats: int,
    seconds: float,
    frames: int | None,
    camera: str | None,
    resident: int | None,
) -> None:
    """Measure a pipeline: the bare networks, everything one after another, and pipelined, in turn.

    \b
    edge-run bench pipelines/highway_video.yaml --set source.path=drive.mp4
    edge-run bench pipelines/highway_video.yaml --frames 10000 --repeats 1 --json
    """
    loaded = load_pipeline(pipeline, overrides).of_camera(camera).all_required()
    console, clock = Console(stderr=True), SystemClock()
    columns = (TextColumn("{task.description:18}"), BarColumn(), TextColumn("repeat {task.completed} of {task.total}"))
    with shown_builds(console, clock) as builds:
        build_engines(loaded, clock, builds)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=repeats)
        report: BenchReport = bench(
            loaded,
            clock,
            repeats=repeats,
            seconds=seconds,
            frames=frames,
            resident=resident,
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    if as_json:
        click.echo(json.dumps(report.document(), indent=2))
    else:
        Console().print(bench_table(report.document()))
