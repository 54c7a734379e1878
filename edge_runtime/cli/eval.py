"""`edge-run eval`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.config.schema import SimulationSource
from edge_runtime.core import SystemClock
from edge_runtime.errors import LabelError
from edge_runtime.evaluate.accuracy import evaluate, expectations_missed, labels_of, shared_kinds
from edge_runtime.evaluate.agreement import agree
from edge_runtime.evaluate.agreement import without_regions as whole_frame_only
from edge_runtime.evaluate.bootstrap import compare, uncertainty
from edge_runtime.evaluate.evaluation import Evaluation, Rules
from edge_runtime.evaluate.figures import Bands
from edge_runtime.evaluate.labels import Labels
from edge_runtime.evaluate.misses import pictures_of, worst_misses
from edge_runtime.evaluate.observe import Progress, judged_stage, labelled_source
from edge_runtime.pipeline.builds import Builds
from edge_runtime.report.agreement_page import agreement_page
from edge_runtime.report.builds import shown_builds
from edge_runtime.report.evaluation import agreement_table, comparison_table, evaluation_tables
from edge_runtime.report.evaluation_page import comparison_page, evaluation_page

from .main import BAD_USE, NOT_HELD
from .options import CAMERA, PIPELINE

# option -> key of the document; the parameter has the option's name with _ for -
AT_LEAST = {
    "--min-ap50": "ap50",
    "--min-ap": "ap",
    "--min-streaming-ap": "streaming_ap",
    "--min-recall": "recall",
    "--min-precision": "precision",
    "--min-light-state": "light_state_accuracy",
}
AT_MOST = {"--max-false-positives": "false_positives_per_frame", "--max-ms": "ms_per_frame"}


DEFAULT = Rules()


class Edges(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.4 on
    """Where the bands of a table begin: rising numbers of 0 or more."""

    name = "edges"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            edges = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 0,50,100", param, context)
        if not all(0 <= edge < math.inf for edge in edges) or sorted(set(edges)) != list(edges):
            self.fail(f"{value!r}: the edges of bands rise and start at 0 or more", param, context)
        return edges


def limits(function: Any) -> Any:
    """The options that make a figure a condition."""
    for options, word in ((AT_MOST, "above"), (AT_LEAST, "below")):
        for option, key in reversed(options.items()):
            said = f"Exit 3 when {key} is {word} X."
            function = click.option(option, type=float, metavar="X", help=said)(function)
    return function


@click.command("eval")
@click.argument("pipelines", type=PIPELINE, nargs=-1, required=True, metavar="PIPELINE")
@click.option("--labels", type=click.Path(path_type=Path), metavar="COCO.json", help="What should be found.")
@click.option(
    "--set", "overrides", multiple=True, metavar="A.B=C", help="Override a value of the file; may be repeated."
)
@click.option("--compare", "side_by_side", is_flag=True, help="Several pipelines, each against the first.")
@click.option(
    "--without-regions", is_flag=True, help="Compare the pipeline with itself looking at the whole frame only."
)
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Stop after this many frames.")
@CAMERA
@click.option("--stage", metavar="NAME", help="The stage to judge; default: the last that reports boxes.")
@click.option(
    "--iou", type=click.FloatRange(0.05, 0.95), default=0.5, show_default=True, help="Overlap that is a match."
)
@click.option("--only", multiple=True, metavar="NAME", help="Judge only this class or group; may be repeated.")
@click.option(
    "--min-visibility",
    type=click.FloatRange(0, 1),
    default=DEFAULT.visibility,
    show_default=True,
    help="An object of which less is seen is ignored, not missed.",
)
@click.option(
    "--first-frame", type=int, default=0, show_default=True, help="The labels' number of a video's first frame."
)
@click.option(
    "--distances", type=Edges(), default=DEFAULT.bands.distance_m, metavar="M,…", help="Bands of recall, in metres."
)
@click.option("--heights", type=Edges(), default=DEFAULT.bands.height_px, metavar="PX,…", help="The same, in pixels.")
@click.option(
    "--live/--virtual", default=False, help="Streaming AP from a second run in real time, or from stage times."
)
@click.option(
    "--resamples", type=click.IntRange(10, 100_000), default=1000, show_default=True, help="Of the bootstrap."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the bootstrap.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a page with charts and misses.")
@limits
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(
    pipelines: tuple[Path, ...],
    labels: Path | None,
    overrides: tuple[str, ...],
    side_by_side: bool,
    without_regions: bool,
    frames: int | None,
    camera: str | None,
    stage: str | None,
    iou: float,
    only: tuple[str, ...],
    min_visibility: float,
    first_frame: int,
    distances: tuple[float, ...],
    heights: tuple[float, ...],
    live: bool,
    resamples: int,
    seed: int,
    html: Path | None,
    as_json: bool,
    **expected: float | None,
) -> int:
    """Accuracy of a pipeline against labels in COCO's format, and what its latency costs.

    Labels name pictures of a folder by file_name. In a video they name frames: the last number in file_name, or the
    image id where there is none, counted from --first-frame. A simulation brings its own. An annotation may carry
    distance_m, visibility (0..1), state (red, yellow, green) and object_id; iscrowd and ignore mark what is not judged.

    A comparison of pictures that nobody has labelled says what one pipeline finds beside the other, and what it finds
    twice; --html shows it.

    \b
    edge-run eval pipelines/highway_video.yaml --set source.path=drive.mp4 --labels drive.json --html accuracy.html
    edge-run eval --compare one.yaml two.yaml --labels drive.json
    edge-run eval far.yaml --without-regions --html added.html
    """
    if len(pipelines) > 1 and not side_by_side:
        raise click.UsageError("several pipelines are judged side by side with --compare")
    if side_by_side and without_regions:
        raise click.UsageError("--without-regions compares one pipeline with itself, --compare several")
    if side_by_side and len(pipelines) < 2:
        raise click.UsageError("--compare needs at least two pipelines")
    if html is not None:
        _make_room(html)
    wanted = {option: value for option, value in expected.items() if value is not None}
    side_by_side = side_by_side or without_regions
    if side_by_side and wanted:
        raise click.UsageError("--min-… and --max-… judge one pipeline, not a comparison")
    rules = Rules(iou, only, min_visibility, first_frame, Bands(distances, heights))
    console = Console(stderr=True)
    try:
        loaded = [load_pipeline(path, overrides).of_camera(camera).all_required() for path in pipelines]
        if without_regions:
            loaded = [whole_frame_only(loaded[0]), *loaded]
        for one in loaded:
            judged_stage(one, stage)
        source = labelled_source(loaded[0])
        if side_by_side and labels is None and not isinstance(source, SimulationSource):
            if live:
                raise click.UsageError("--live is about accuracy, which needs --labels")
            document, shown, page = _unlabelled(loaded, rules, stage, frames, html is not None, console)
        else:
            known = labels_of(source, labels, frames)
            if side_by_side:
                rules = replace(rules, only=shared_kinds(loaded, known, stage, only))
            judged = [_judged(one, known, rules, stage, frames, live, console) for one in loaded]
            document, shown, page = (
                _compared(judged, resamples, seed)
                if side_by_side
                else _alone(judged[0], resamples, seed, html is not None)
            )
    except LabelError as error:
        click.echo(f"edge-run: {error}", err=True)
        return BAD_USE
    if html is not None:
        html.write_text(page, encoding="utf-8")
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        Console().print(shown)
    missed = expectations_missed(document, _limits(AT_LEAST, wanted), _limits(AT_MOST, wanted))
    for sentence in missed:
        click.echo(f"not held: {sentence}", err=True)
    return NOT_HELD if missed else 0


def _make_room(html: Path) -> None:
    """Know before the run that its page can be written."""
    try:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.touch()
    except OSError as error:
        raise click.BadParameter(f"{html}: {error.strerror}", param_hint="--html") from error


def _judged(
    loaded: LoadedPipeline,
    labels: Labels,
    rules: Rules,
    stage: str | None,
    frames: int | None,
    live: bool,
    console: Console,
) -> Evaluation:
    with _followed([loaded], frames, console) as (builds, (progress,)):
        return evaluate(loaded, labels, rules, stage=stage, frames=frames, live=live, builds=builds, progress=progress)


@contextmanager
def _followed(
    pipelines: Sequence[LoadedPipeline], frames: int | None, console: Console
) -> Iterator[tuple[Builds, list[Progress]]]:
    """Builds and runs shown on the terminal, with a bar for each pipeline."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        shown_builds(console, SystemClock()) as builds,
        Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars,
    ):
        tasks = [bars.add_task(one.config.name, total=frames) for one in pipelines]
        yield builds, [partial(_moved, bars, task) for task in tasks]


def _moved(bars: Bars, task: TaskID, done: int, total: int | None) -> None:
    bars.update(task, completed=done, total=total)


def _alone(evaluation: Evaluation, resamples: int, seed: int, paged: bool) -> tuple[dict[str, Any], Any, str]:
    intervals = uncertainty(evaluation, resamples, seed)
    document = {**evaluation.document, "intervals": intervals}
    page = ""
    if paged:
        misses = worst_misses(evaluation)
        page = evaluation_page(evaluation, intervals, misses, pictures_of(evaluation, misses))
    return document, evaluation_tables(document, intervals), page


def _compared(evaluations: list[Evaluation], resamples: int, seed: int) -> tuple[dict[str, Any], Any, str]:
    comparison = compare(evaluations, resamples, seed)
    return comparison.document, comparison_table(comparison.document), comparison_page(comparison)


def _unlabelled(
    loaded: Sequence[LoadedPipeline], rules: Rules, stage: str | None, frames: int | None, paged: bool, console: Console
) -> tuple[dict[str, Any], Any, str]:
    with _followed(loaded, frames, console) as (builds, progress):
        agreement = agree(loaded, rules, stage=stage, frames=frames, builds=builds, progress=progress)
    document = agreement.document
    page = agreement_page(agreement, agreement.shown()) if paged else ""
    return document, agreement_table(document), page


def _limits(options: dict[str, str], wanted: dict[str, float]) -> dict[str, float]:
    """The limits asked for, by key of the document."""
    return {
        key: wanted[name] for option, key in options.items() if (name := option.lstrip("-").replace("-", "_")) in wanted
    }
