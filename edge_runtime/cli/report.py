"""`edge-run report`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge_runtime.report.run_files import read_run
from edge_runtime.report.run_page import run_page
from edge_runtime.report.run_panels import point_order, power_panel, rate_panel
from edge_runtime.report.run_pictures import with_stills
from edge_runtime.report.run_words import report_document, verdict
from edge_runtime.report.time_chart import plot_svg

from .options import FILE_TO_WRITE


@click.command("report")
@click.argument("run", metavar="RUN_FOLDER", type=click.Path(path_type=Path))
@click.option("--out", type=FILE_TO_WRITE, metavar="FILE.html", help="The page; default: report.html in the folder.")
@click.option(
    "--plot", type=FILE_TO_WRITE, metavar="FILE.svg", help="Frame rate, watts and point as one picture instead."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(run: Path, out: Path | None, plot: Path | None, as_json: bool) -> int:
    """A run folder as one HTML file that opens offline: were its budgets held, when not, and why.

    A run that was killed, had no governor or was not measured gives what it has.

    \b
    edge-run report runs/highway-20260102-101500
    edge-run report runs/highway-20260102-101500 --plot power.svg
    """
    story = read_run(run)
    if plot is not None:
        shown = [panel for panel in (rate_panel(story), power_panel(story)) if panel is not None]
        title = f"{story.name}: {verdict(story).sentence}"
        plot.write_text(plot_svg(title, shown, story.points, point_order(story), story.span_s), encoding="utf-8")
    if plot is None or out is not None:
        out = out or run / "report.html"
        story = with_stills(story, run)
        out.write_text(run_page(story), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report_document(story, out, plot), indent=2, ensure_ascii=False))
    else:
        click.echo(verdict(story).sentence)
        click.echo("\n".join(str(path) for path in (out, plot) if path is not None))
    return 0
