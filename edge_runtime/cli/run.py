"""`edge-run run`."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from .command import Verb, option
from .options import FAULTS, FILE_TO_WRITE, FOLDER_TO_WRITE, FRAMES, RECORDING_TO_WRITE, SECONDS, pipeline_options
from .output import FAILED, NOT_HELD, print_json, refusals
from .values import OneOf

if TYPE_CHECKING:
    from rich.console import Console

    from edge_runtime.pipeline.run import Run

LIVE_S, LOG_S = 0.25, 1.0


@click.command("run", cls=Verb)
@pipeline_options
@FRAMES
@option("--seconds", type=SECONDS, metavar="S", help="Stop after this many seconds.")
@option("--pace", type=OneOf(["live", "fast"]), help="Override source.pace of a file.")
@option("-o", "--out", type=FOLDER_TO_WRITE, metavar="DIR", help="Run folder instead of runs/NAME-TIME.")
@option("--record", type=RECORDING_TO_WRITE, metavar="FILE.mcap", help="Also record the run, for replay and Foxglove.")
@option("--trace", type=FILE_TO_WRITE, metavar="FILE.json", help="Also write a time line for ui.perfetto.dev.")
@FAULTS
@option("--no-build", is_flag=True, help="Refuse to start where an engine must be built.")
@option("--strict", is_flag=True, help="Exit 3 when a stated budget was not held.")
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
    edge-run demo --seconds 20
    edge-run mine.yaml --set source.path=drive.mp4 --pace fast --json
    """
    from rich.console import Console

    from edge_runtime.core import SystemClock
    from edge_runtime.core.trace import TraceLog
    from edge_runtime.pipeline.pipeline import Pipeline
    from edge_runtime.report.builds import shown_builds
    from edge_runtime.report.terminal import summary_panel
    from edge_runtime.report.trace import write_trace
    from edge_runtime.web.site import Site

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
        with refusals():
            page = around.enter_context(Site(SystemClock()))
            page.open(loaded.loaded)
            with shown_builds(console, SystemClock()) as builds:
                run = loaded.start(out=out, frames=frames, seconds=seconds, builds=builds, trace=log)
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
        print_json(summary.document())
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
    from rich.live import Live

    from edge_runtime.report.terminal import status_line, status_panel

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
