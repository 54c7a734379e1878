"""`edge-run replay`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console

from edge_runtime.core import SystemClock
from edge_runtime.errors import ConfigError, EdgeRuntimeError
from edge_runtime.evaluate.compare import NO_COMPARISON, Comparison
from edge_runtime.pipeline.drive import open_drive
from edge_runtime.pipeline.replay import ReplayOutcome, pipeline_of, replay
from edge_runtime.report.builds import shown_builds
from edge_runtime.report.compare import comparison_table
from edge_runtime.report.replay import decisions_line
from edge_runtime.report.terminal import summary_panel

from .main import BAD_USE, FAILED, NOT_HELD
from .options import FAULTS, PIPELINE
from .replay_against import Against, against_options
from .replay_many import one_or_many

PATH = click.Path(path_type=Path)


@click.command("replay")
@one_or_many
@click.option("--pipeline", type=PIPELINE, metavar="P.yaml", help="Run this one; default: as it was recorded.")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override a value; may be repeated.")
@click.option(
    "--clock",
    type=click.Choice(["virtual", "live"]),
    default="virtual",
    show_default=True,
    help="virtual: every frame, the same result every time; live: at the drive's rate, as a camera.",
)
@click.option("--telemetry", type=PATH, metavar="FILE", help="Power, temperatures and speed of a video: a CSV.")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Stop after this many frames of each camera.")
@click.option("--camera", metavar="NAME", help="Only this camera of a recording with several.")
@against_options
@FAULTS
@click.option("--out", type=PATH, metavar="DIR", help="Run folder instead of runs/NAME-replay-TIME.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(
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
    """Run a drive again: a recording, a folder that an event saved, a video, or a folder of pictures (KITTI's too).

    \b
    edge-run replay drive.mcap
    edge-run replay drive.mcap --set models.road.decode.confidence=0.5
    edge-run replay drive.mp4 --pipeline pipelines/highway_video.yaml --telemetry power_fps.csv
    edge-run replay drive.mcap --against golden.jsonl --update-golden
    edge-run replay drive.mcap --against golden.jsonl --html changed.html
    """
    golden = Against(**against, clock=clock)
    console = Console(stderr=True)
    try:
        opened = open_drive(drive, telemetry, camera)
        golden.open(opened, out)
        with (
            pipeline_of(opened, pipeline, overrides, faults) as loaded,
            shown_builds(console, SystemClock()) as builds,
            console.status("replaying") as status,
        ):
            outcome = replay(
                opened,
                loaded,
                clock=clock,
                out=out,
                frames=frames,
                builds=builds,
                progress=lambda done, of: status.update(f"replaying: frame {done}" + (f" of {of}" if of else "")),
            )
            status.update("comparing")
            comparison = golden.compare(opened, outcome, frames)
    except ConfigError:
        raise
    except EdgeRuntimeError as error:
        click.echo(f"edge-run: {error}", err=True)
        return BAD_USE
    if as_json:
        told = {**NO_COMPARISON, **outcome.document()}
        click.echo(json.dumps({**told, **golden.document()}, indent=2, ensure_ascii=False))
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
