"""What `edge-run replay` of one drive does."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from edge_runtime.core import SystemClock
from edge_runtime.evaluate.compare import NO_COMPARISON, Comparison
from edge_runtime.pipeline.drive import open_drive
from edge_runtime.pipeline.replay import ReplayOutcome, pipeline_of, replay
from edge_runtime.report.builds import shown_builds
from edge_runtime.report.compare import comparison_table
from edge_runtime.report.progress import shown_progress
from edge_runtime.report.replay import decisions_line
from edge_runtime.report.terminal import summary_panel

from .output import FAILED, NOT_HELD, print_json, refusals
from .replay_against import Against


def replay_one(
    *,
    drive: Path,
    pipeline: Path | None,
    overrides: tuple[str, ...],
    clock: Literal["virtual", "live"],
    telemetry: Path | None,
    frames: int | None,
    camera: str | None,
    faults: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **against: Any,
) -> int:
    """The verb, with its options; returns the exit code."""
    golden = Against(**against, clock=clock)
    console, wall = Console(stderr=True), SystemClock()
    with refusals():
        opened = open_drive(drive, telemetry, camera)
        golden.open(opened, out)
        with (
            pipeline_of(opened, pipeline, overrides, faults) as loaded,
            shown_builds(console, wall) as builds,
            shown_progress(console, wall) as progress,
        ):
            outcome = replay(
                opened,
                loaded,
                clock=clock,
                out=out,
                frames=frames,
                builds=builds,
                progress=partial(progress, "replaying"),
            )
            progress("comparing", 0, None)
            comparison = golden.compare(opened, outcome, frames)
    if as_json:
        print_json({**NO_COMPARISON, **outcome.document(), **golden.document()})
    else:
        _show(outcome, comparison)
    golden.tell()
    if outcome.summary.error is not None:
        return FAILED
    return NOT_HELD if golden.broken else 0


def _show(outcome: ReplayOutcome, comparison: Comparison | None) -> None:
    console = Console()
    console.print(summary_panel(outcome.summary))
    if (line := decisions_line(outcome.decisions)) is not None:
        console.print(line, soft_wrap=True, highlight=False)
    console.print(f"results in {outcome.summary.folder}", soft_wrap=True, highlight=False)
    if comparison is not None:
        console.print(comparison_table(comparison))
