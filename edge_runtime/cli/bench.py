"""`edge-run bench`."""

from __future__ import annotations

from pathlib import Path

import click

from .command import Verb, option
from .options import CAMERA, COUNT, SECONDS, pipeline_options
from .output import print_json
from .values import Whole


@click.command("bench", cls=Verb)
@pipeline_options
@option("--repeats", type=Whole(1, 100), metavar="N", default=5, help="Measure this many times.")
@option("--seconds", type=SECONDS, metavar="S", default=3.0, help="Length of one measurement.")
@option("--frames", type=Whole(min=10), metavar="N", help="Length of one measurement in frames instead.")
@CAMERA
@option("--resident", type=COUNT, metavar="N", help="Keep N pictures in memory: no decoding.")
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
    edge-run bench demo
    edge-run bench mine.yaml --frames 10000 --repeats 1 --json
    """
    from rich.console import Console

    from edge_runtime.config.load import load_pipeline
    from edge_runtime.core import SystemClock
    from edge_runtime.evaluate.bench import bench
    from edge_runtime.pipeline.assemble import build_engines
    from edge_runtime.report.builds import shown_builds
    from edge_runtime.report.progress import shown_progress
    from edge_runtime.report.terminal import bench_table

    loaded = load_pipeline(pipeline, overrides).of_camera(camera).all_required()
    console, clock = Console(stderr=True), SystemClock()
    with shown_builds(console, clock) as builds:
        build_engines(loaded, clock, builds)
    with shown_progress(console, clock) as progress:
        report = bench(
            loaded, clock, repeats=repeats, seconds=seconds, frames=frames, resident=resident, progress=progress
        )
    if as_json:
        print_json(report.document())
    else:
        Console().print(bench_table(report.document()))
