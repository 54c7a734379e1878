"""`edge-run report`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from edge_runtime.errors import SourceError
from edge_runtime.recording.run_folder import write_whole
from edge_runtime.report.run_at import add_evaluation, add_stills, page_beside, read_story
from edge_runtime.report.run_page import run_page
from edge_runtime.report.run_panels import point_order, power_panel, rate_panel
from edge_runtime.report.run_words import report_document, verdict
from edge_runtime.report.story import RunStory
from edge_runtime.report.time_chart import plot_svg

from .main import BAD_USE
from .options import FILE_TO_WRITE


@click.command("report")
@click.argument("run", metavar="RUN_FOLDER|RECORDING", type=click.Path(path_type=Path))
@click.option(
    "--out", type=FILE_TO_WRITE, metavar="FILE.html", help="The page; default: in the folder, or beside the recording."
)
@click.option(
    "--plot", type=FILE_TO_WRITE, metavar="FILE.svg", help="Frame rate, watts and point as one picture instead."
)
@click.option(
    "--eval",
    "evaluation",
    type=click.Path(path_type=Path),
    metavar="EVAL.json",
    help="Recall over distance, of `edge-run eval --json`; default: one that lies in the run folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(run: Path, out: Path | None, plot: Path | None, evaluation: Path | None, as_json: bool) -> int:
    """A run as one HTML file that opens offline: were its budgets held, when not, and why.

    From its folder, or from a recording alone. A run that was killed, a recording that was cut off or that an event
    saved, a run without a governor or a sensor give what they have.

    \b
    edge-run report runs/highway-20260102-101500
    edge-run report drive.mcap --out drive.html
    edge-run report runs/highway-20260102-101500 --plot power.svg
    """
    try:
        with Console(stderr=True).status("reading"):
            story = read_story(run)
            if evaluation is not None:
                story = add_evaluation(story, evaluation)
            if plot is not None:
                write_whole(plot, _plot(story))
            if plot is None or out is not None:
                out = out or page_beside(run)
                story = add_stills(story, run)
                write_whole(out, run_page(story))
    except SourceError as error:
        click.echo(f"edge-run: {error}", err=True)
        return BAD_USE
    if as_json:
        click.echo(json.dumps(report_document(story, out, plot), indent=2, ensure_ascii=False))
    else:
        click.echo(verdict(story).sentence)
        click.echo("\n".join(str(path) for path in (out, plot) if path is not None))
    return 0


def _plot(story: RunStory) -> str:
    shown = [panel for panel in (rate_panel(story), power_panel(story)) if panel is not None]
    title = f"{story.name}: {verdict(story).sentence}"
    return plot_svg(title, shown, story.points, point_order(story), story.span_s)
