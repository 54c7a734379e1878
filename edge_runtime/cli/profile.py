"""`edge-run profile`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import Verb, option
from .options import CAMERA, COUNT, FILE, FILE_TO_WRITE, SECONDS, pipeline_options
from .output import print_json, refusals
from .values import OneOf, Whole

if TYPE_CHECKING:
    from rich.console import Console

    from edge_runtime.evaluate.profile_steps import Progress, Say
    from edge_runtime.evaluate.profile_usefulness import Metric

METRICS = ("streaming-ap", "recall-by-distance")


@click.command("profile", cls=Verb)
@pipeline_options
@option("-o", "--out", type=FILE_TO_WRITE, metavar="FILE.yaml", help="The ladder; default: NAME-ladder.yaml, here.")
@option("--labels", type=FILE, metavar="COCO.json", help="What should be found.")
@option(
    "--usefulness",
    type=OneOf(METRICS),
    default=METRICS[0],
    metavar="METRIC",
    rare=True,
    help=f"What points are judged by: {' or '.join(METRICS)}.",
)
@option("--frames", type=Whole(min=10), metavar="N", default=300, help="Judge on this many frames.")
@option("--stage", metavar="NAME", rare=True, help="The stage to judge; default: the last that reports boxes.")
@option(
    "--first-frame",
    type=Whole(),
    default=0,
    metavar="N",
    rare=True,
    help="Number that labels give the first frame.",
)
@option("--seconds", type=SECONDS, metavar="S", default=2.0, help="Length of one measurement of a point.")
@option("--repeats", type=Whole(1, 100), metavar="N", default=3, help="Measure every point this many times.")
@CAMERA
@option("--resident", type=COUNT, metavar="N", rare=True, help="Keep N pictures in memory: no decoding.")
@option("--points", "only", multiple=True, metavar="PATTERN", rare=True, help="Only points so named, such as 'r2*'.")
@option("--max-points", "most", type=COUNT, metavar="N", help="Measure at most N, evenly spread.")
@option("--fresh", is_flag=True, help="Forget what an earlier call has measured.")
@option("--html", type=FILE_TO_WRITE, metavar="FILE.html", help="Write a page with plots.")
def command(
    pipeline: Path,
    overrides: tuple[str, ...],
    as_json: bool,
    out: Path | None,
    labels: Path | None,
    usefulness: Metric,
    frames: int,
    stage: str | None,
    first_frame: int,
    seconds: float,
    repeats: int,
    camera: str | None,
    resident: int | None,
    only: tuple[str, ...],
    most: int | None,
    fresh: bool,
    html: Path | None,
) -> int:
    """Measure the operating points of a pipeline and write the ladder that a governor steers by.

    What was measured lies beside the ladder: a call that was cut short goes on, a changed pipeline begins anew.

    \f
    Every point takes two short runs a round, as fast as it goes and at the source's own rate, in random order, and one
    look at the pictures for its usefulness. Without --labels that is agreement with the point that works hardest; a
    simulation brings its own labels. With `board: {control: true}` power modes and GPU clocks are tried too, and set
    back.

    \b
    edge-run profile mine.yaml --labels drive.json --out ladder.yaml
    edge-run mine.yaml --set governor.ladder=ladder.yaml
    """
    from rich.console import Console

    from edge_runtime.config.ladder import ladder_text
    from edge_runtime.config.load import load_pipeline
    from edge_runtime.core import SystemClock
    from edge_runtime.errors import LabelError
    from edge_runtime.evaluate.profile import profile
    from edge_runtime.evaluate.profile_steps import Asked
    from edge_runtime.evaluate.rules import Rules
    from edge_runtime.pipeline.assemble import build_engines
    from edge_runtime.recording.run_folder import write_whole
    from edge_runtime.report.builds import shown_builds
    from edge_runtime.report.profile import ladder_comment, profile_tables
    from edge_runtime.report.profile_page import profile_page

    # The file's governor may name the very ladder that is about to be made.
    loaded = load_pipeline(pipeline, [*overrides, "governor=null"]).of_camera(camera).all_required()
    ladder_file = out or Path(f"{loaded.config.name}-ladder.yaml")
    book = ladder_file.with_suffix(".measured.jsonl")
    rules = Rules(first_frame=first_frame)
    asked = Asked(seconds, repeats, frames, resident, only, most, usefulness, labels, stage, rules)
    console, clock = Console(stderr=True), SystemClock()
    with shown_builds(console, clock) as builds:
        build_engines(loaded, clock, builds)
    try:
        with refusals(LabelError), _shown(console) as (progress, say):
            found = profile(loaded, clock, asked, book, fresh=fresh, progress=progress, say=say)
    except KeyboardInterrupt:
        console.print(f"what was measured is kept in {book}: the same command goes on from there", soft_wrap=True)
        raise
    document = {"ladder": str(ladder_file), **found.document}
    text = ladder_text(found.ladder, ladder_comment(document, _command_line(), date.today().isoformat()))
    _keep(ladder_file, text, console)
    write_whole(ladder_file, text)
    if html is not None:
        write_whole(html, profile_page(document, text))
    if as_json:
        print_json(document)
    else:
        shown = Console()
        shown.print(profile_tables(document))
        shown.print(f"{_count(len(found.ladder.points))} in {ladder_file}. Steer by it: ", end="", highlight=False)
        shown.print(f"edge-run {pipeline} --set governor.ladder={ladder_file}", soft_wrap=True, highlight=False)
    return 0


def _count(rungs: int) -> str:
    return "1 rung" if rungs == 1 else f"{rungs} rungs"


def _command_line() -> str:
    return shlex.join(["edge-run", *sys.argv[1:]])


def _keep(ladder_file: Path, text: str, console: Console) -> None:
    """A ladder that somebody may have edited is not lost."""
    if ladder_file.exists() and ladder_file.read_text(encoding="utf-8") != text:
        before = ladder_file.with_suffix(".before.yaml")
        ladder_file.replace(before)
        console.print(f"the ladder that was there is now {before}", soft_wrap=True, highlight=False)


@contextmanager
def _shown(console: Console) -> Iterator[tuple[Progress, Say]]:
    """A bar on a terminal, elsewhere a line for everything that was finished."""
    from edge_runtime.core import SystemClock
    from edge_runtime.report.progress import shown_progress

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, highlight=False, markup=False)

    if not console.is_terminal:

        def line(what: str, done: float, total: float, result: str) -> None:
            if result:
                say(f"{done:.0f} of {total:.0f}: {result}")

        yield line, say
        return
    with shown_progress(console, SystemClock()) as progress:
        yield (lambda what, done, total, result: progress(what, done, total)), say
