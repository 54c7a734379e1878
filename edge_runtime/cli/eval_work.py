"""What `edge-run eval` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.config.schema import SimulationSource
from edge_runtime.core import SystemClock
from edge_runtime.errors import LabelError
from edge_runtime.evaluate.accuracy import evaluate, expectations_missed, labels_of, shared_kinds
from edge_runtime.evaluate.agreement import agree
from edge_runtime.evaluate.agreement import without_regions as whole_frame_only
from edge_runtime.evaluate.bootstrap import compare, uncertainty
from edge_runtime.evaluate.evaluation import Evaluation
from edge_runtime.evaluate.labels import Labels
from edge_runtime.evaluate.misses import pictures_of, worst_misses
from edge_runtime.evaluate.observe import Progress, judged_stage, labelled_source
from edge_runtime.evaluate.rules import Bands, Rules
from edge_runtime.pipeline.builds import Builds
from edge_runtime.recording.run_folder import write_whole
from edge_runtime.report.agreement_page import agreement_page
from edge_runtime.report.builds import shown_builds
from edge_runtime.report.evaluation import agreement_table, comparison_table, evaluation_tables
from edge_runtime.report.evaluation_page import comparison_page, evaluation_page
from edge_runtime.report.progress import shown_progress

from .eval_limits import AT_LEAST, AT_MOST, stated
from .output import NOT_HELD, print_json, refusals


def judge(
    *,
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
    """The verb, with its options; returns the exit code."""
    if len(pipelines) > 1 and not side_by_side:
        raise click.UsageError("several pipelines are judged side by side with --compare")
    if side_by_side and without_regions:
        raise click.UsageError("--without-regions compares one pipeline with itself, --compare several")
    if side_by_side and len(pipelines) < 2:
        raise click.UsageError("--compare needs at least two pipelines")
    wanted = {option: value for option, value in expected.items() if value is not None}
    side_by_side = side_by_side or without_regions
    if side_by_side and wanted:
        raise click.UsageError("--min-… and --max-… judge one pipeline, not a comparison")
    rules = Rules(iou, only, min_visibility, first_frame, Bands(distances, heights))
    console = Console(stderr=True)
    with refusals(LabelError):
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
    if html is not None:
        write_whole(html, page)
    if as_json:
        print_json(document)
    else:
        Console().print(shown)
    missed = expectations_missed(document, stated(AT_LEAST, wanted), stated(AT_MOST, wanted))
    for sentence in missed:
        click.echo(f"not held: {sentence}", err=True)
    return NOT_HELD if missed else 0


def _judged(
    loaded: LoadedPipeline,
    labels: Labels,
    rules: Rules,
    stage: str | None,
    frames: int | None,
    live: bool,
    console: Console,
) -> Evaluation:
    with _followed([loaded], console) as (builds, (progress,)):
        return evaluate(loaded, labels, rules, stage=stage, frames=frames, live=live, builds=builds, progress=progress)


@contextmanager
def _followed(pipelines: Sequence[LoadedPipeline], console: Console) -> Iterator[tuple[Builds, list[Progress]]]:
    """Builds and runs that are shown while the block lasts."""
    clock = SystemClock()
    with shown_builds(console, clock) as builds, shown_progress(console, clock) as progress:
        yield builds, [partial(progress, f"looking: {one.config.name}") for one in pipelines]


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
    with _followed(loaded, console) as (builds, progress):
        agreement = agree(loaded, rules, stage=stage, frames=frames, builds=builds, progress=progress)
    document = agreement.document
    page = agreement_page(agreement, agreement.shown()) if paged else ""
    return document, agreement_table(document), page
