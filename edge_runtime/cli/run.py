"""`edge-run run`."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from edge_runtime.core import SystemClock
from edge_runtime.core.trace import TraceLog
from edge_runtime.errors import ConfigError, EdgeRuntimeError
from edge_runtime.pipeline.run import Pipeline, Run
from edge_runtime.report.builds import shown_builds
from edge_runtime.report.terminal import status_line, status_panel, summary_panel
from edge_runtime.report.trace import write_trace
from edge_runtime.web.site import Site

from .main import BAD_USE, FAILED, NOT_HELD
from .options import FAULTS, FILE_TO_WRITE, PIPELINE, RECORDING_TO_WRITE

LIVE_S, LOG_S = 0.25, 1.0


class Seconds(click.FloatRange):
    """A duration; unlike a plain range it refuses nan and infinity."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        seconds = float(super().convert(value, param, context))
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds.", param, context)
        return seconds


SECONDS = Seconds(min=0, min_open=True)


def pipeline_options(function: Any) -> Any:
    """What every verb that takes a pipeline file understands."""
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(function)
    function = click.option(
        "--set", "overrides", multiple=True, metavar="A.B=C", help="Override a value of the file; may be repeated."
    )(function)
    return click.argument("pipeline", type=PIPELINE)(function)


@click.command("run")
@pipeline_options
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Stop after this many frames.")
@click.option("--seconds", type=SECONDS, metavar="S", help="Stop after this many seconds.")
@click.option("--pace", type=click.Choice(["live", "fast"]), help="Override source.pace of a file.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder instead of runs/NAME-TIME.")
@click.option(
    "--record", type=RECORDING_TO_WRITE, metavar="FILE.mcap", help="Also record the run, for replay and Foxglove."
)
@click.option("--trace", type=FILE_TO_WRITE, metavar="FILE", help="Also write a time line for https://ui.perfetto.dev.")
@FAULTS
@click.option("--no-build", is_flag=True, help="Refuse to start when an engine would have to be built.")
@click.option("--strict", is_flag=True, help="Exit 3 when a stated budget was not held.")
def command(
    pipeline: Path,
    overrides: tuple[str, ...],
    as_json: bool,
    frames: int | None,
    seconds: float | None,
    pace: str | None,
    out: Path | None,
    record: Path | None,
    trace: Path | None,
    faults: tuple[str, ...],
    no_build: bool,
    strict: bool,
) -> int:
    """Run a pipeline to the end of its source; Ctrl-C stops it in order.

    \b
    edge-run pipelines/highway_video.yaml --set source.path=drive.mp4
    edge-run pipelines/highway_video.yaml --pace fast --frames 500 --json
    """
    if pace is not None:
        overrides = (*overrides, f"source.pace={pace}")
    if record is not None:
        overrides = (*overrides, f"record.path={json.dumps(str(record.absolute()))}")
    if no_build:
        overrides = (*overrides, "engines.build=false")
    console = Console(stderr=True)
    loaded = Pipeline.load(pipeline, overrides, faults)
    log = None if trace is None else TraceLog()
    with ExitStack() as around:
        try:
            page = around.enter_context(Site(SystemClock()))
            page.open(loaded.loaded)
            with shown_builds(console, SystemClock()) as builds:
                run = loaded.start(out=out, frames=frames, seconds=seconds, builds=builds, trace=log)
        except ConfigError:
            raise
        except EdgeRuntimeError as error:
            click.echo(f"edge-run: {error}", err=True)
            return BAD_USE
        around.enter_context(run)
        around.enter_context(stop_on_signals(run, console))
        page.show(run)
        if page.address is not None:
            console.print(f"live page: {page.address}", soft_wrap=True, highlight=False)
        follow(run, console, frames)
        summary = run.finish()
    if trace is not None and log is not None:
        write_trace(trace, log, run.name)
    if as_json:
        click.echo(json.dumps(summary.document(), indent=2, ensure_ascii=False))
    else:
        out_console = Console()
        out_console.print(summary_panel(summary))
        out_console.print(f"results in {summary.folder}", soft_wrap=True, highlight=False)
    if summary.error is not None or (summary.frames.failed and not summary.frames.published):
        return FAILED
    return NOT_HELD if strict and not summary.budgets_held else 0


@contextmanager
def stop_on_signals(run: Run, console: Console) -> Iterator[None]:
    """SIGINT and SIGTERM stop the run in order; a second SIGINT ends the program at once.

    SIGUSR1 lets a recording save what it holds.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        run.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def save(number: int, frame: FrameType | None) -> None:
        run.save_recording("signal")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, save)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def follow(run: Run, console: Console, frames: int | None) -> None:
    """Show the run until its last frame is out: a live panel on a terminal, else one line a second."""
    if not console.is_terminal:
        while not run.wait(LOG_S):
            state = run.steering(), run.no_picture(), run.models_out(), run.camera_vitals()
            console.print(status_line(run.snapshot(), *state), soft_wrap=True, highlight=False)
        return
    goal = frames * len(run.cameras) if frames else run.pictures
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not run.wait(LIVE_S):
            now = run.snapshot(), goal, run.notices(), run.stopping, run.steering(), run.no_picture()
            panel = status_panel(run.name, *now, run.models_out(), run.camera_vitals())
            live.update(panel, refresh=True)
