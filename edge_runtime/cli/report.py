"""`edge-run report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import Verb, option
from .options import AS_JSON, FILE, FILE_TO_WRITE, PATH
from .output import print_json, refusals

if TYPE_CHECKING:
    from edge_runtime.report.story import RunStory


@click.command("report", cls=Verb)
@click.argument("run", type=PATH, required=False)
@option("-o", "--out", type=FILE_TO_WRITE, metavar="FILE.html", help="The page; default: in or beside RUN.")
@option("--plot", type=FILE_TO_WRITE, metavar="FILE.svg", help="Frame rate, watts and point as one picture instead.")
@option("--eval", "evaluation", type=FILE, metavar="EVAL.json", help="Recall over distance, of edge-run eval --json.")
@AS_JSON
def command(run: Path | None, out: Path | None, plot: Path | None, evaluation: Path | None, as_json: bool) -> int:
    """A run as one HTML file that opens offline: were its budgets held, when not, and why.

    RUN is its folder, or a recording alone; without one the newest run in runs/ here. A run that was killed, a
    recording that was cut off or that an event saved, a run without a governor or a sensor give what they have. An
    evaluation that lies in the folder is found.

    \b
    edge-run report
    edge-run report drive.mcap --out drive.html
    edge-run report runs/highway-20260102-101500 --plot power.svg
    """
    from rich.console import Console

    from edge_runtime.core import SystemClock
    from edge_runtime.errors import RunError, SourceError
    from edge_runtime.recording.run_folder import newest_run, write_whole
    from edge_runtime.report.progress import shown_progress
    from edge_runtime.report.run_at import add_evaluation, add_stills, page_beside, read_story
    from edge_runtime.report.run_page import run_page
    from edge_runtime.report.run_words import report_document, verdict

    with refusals(SourceError, RunError):
        run = run or newest_run()
    with refusals(SourceError), shown_progress(Console(stderr=True), SystemClock()) as progress:
        progress("reading", 0, None)
        story = read_story(run)
        if evaluation is not None:
            story = add_evaluation(story, evaluation)
        if plot is not None:
            write_whole(plot, _plot(story))
        if plot is None or out is not None:
            out = out or page_beside(run)
            progress("drawing", 0, None)
            story = add_stills(story, run)
            write_whole(out, run_page(story))
    if as_json:
        print_json(report_document(story, out, plot))
    else:
        click.echo(verdict(story).sentence)
        click.echo("\n".join(str(path) for path in (out, plot) if path is not None))
    return 0


def _plot(story: RunStory) -> str:
    from edge_runtime.report.run_panels import point_order, power_panel, rate_panel
    from edge_runtime.report.run_words import verdict
    from edge_runtime.report.time_chart import plot_svg

    shown = [panel for panel in (rate_panel(story), power_panel(story)) if panel is not None]
    title = f"{story.name}: {verdict(story).sentence}"
    return plot_svg(title, shown, story.points, point_order(story), story.span_s)
