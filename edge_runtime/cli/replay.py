"""`edge-run replay`: of one drive, or of many on processes or a Ray cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .command import Verb, option
from .options import AS_JSON, COUNT, FAULTS, FILE, FILE_TO_WRITE, FOLDER, FOLDER_TO_WRITE, FRAMES, PATH, PIPELINE, SET
from .values import OneOf, Real

LOCAL = "local"
# What takes many drives, and what takes one.
MANY = ("jobs", "cluster", "gpus", "resume")
ONE = ("telemetry", "update_golden")


def _cluster(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None or value == LOCAL or value.startswith("ray://"):
        return value
    raise click.BadParameter(f"{value!r} is neither ray://HOST:PORT nor {LOCAL}", context, param)


@click.command("replay", cls=Verb)
@click.argument("drives", nargs=-1, required=True, metavar="DRIVE...")
@option("--pipeline", type=PIPELINE, metavar="PIPELINE", help="Run this one; default: as it was recorded.")
@SET
@option(
    "--clock",
    type=OneOf(["virtual", "live"]),
    default="virtual",
    help="virtual: every frame, always the same; live: as a camera.",
)
@FRAMES
@option("--camera", metavar="NAME", rare=True, help="Only this camera of a recording with several.")
@option("--telemetry", type=FILE, metavar="FILE.csv", rare=True, help="Power, temperatures and speed of a video.")
@option("--against", type=PATH, metavar="GOLDEN", help="Compare with a recording, run folder or detections.jsonl.")
@option("--tolerances", type=PATH, metavar="FILE.yaml", help="How much may change, else exit 3; default: nothing.")
@option(
    "--labels", metavar="COCO.json", rare=True, help="Tables by distance; `simulation`: as a simulated drive knows."
)
@option("--html", type=FILE_TO_WRITE, metavar="FILE.html", help="One page: the verdict and the worst frames.")
@option("--junit", "junit_file", type=FILE_TO_WRITE, metavar="FILE.xml", rare=True, help="The conditions as tests.")
@option("--annotations", type=OneOf(["github"]), rare=True, help="What is broken on stderr, as GitHub shows it.")
@option("--update-golden", is_flag=True, help="Make this replay the golden, and say what changed.")
@option("--jobs", type=COUNT, metavar="N", help="Replay so many drives at a time; default: 1.")
@option("--cluster", callback=_cluster, metavar="ADDRESS", help="Replay on a Ray cluster: ray://HOST:PORT or local.")
@option(
    "--gpus-per-drive",
    "gpus",
    type=Real(min=0),
    metavar="N",
    rare=True,
    help="GPUs a drive takes on the cluster.",
)
@option(
    "--resume", type=FOLDER, metavar="DIR", rare=True, help="Go on with the drives of this folder (--out of before)."
)
@FAULTS
@option("-o", "--out", type=FOLDER_TO_WRITE, metavar="DIR", help="Run folder instead of runs/NAME-replay-TIME.")
@AS_JSON
def command(drives: tuple[str, ...], **options: Any) -> int:
    """Run a drive again: a recording, a folder that an event saved, a video, or a folder of pictures (KITTI's too).

    \b
    edge-run replay drive.mcap --set models.road.decode.confidence=0.5
    edge-run replay drive.mcap --against golden.jsonl --html changed.html
    edge-run replay drives/*.mcap --jobs 4 --out runs/today
    """
    many = {name: options.pop(name) for name in MANY}
    if len(drives) == 1 and "://" not in drives[0] and not any(many.values()):
        from .replay_one import replay_one

        return replay_one(drive=Path(drives[0]), **options)
    for param in click.get_current_context().command.params:
        if param.name in ONE and _given(param):
            raise click.UsageError(f"{param.opts[0]} goes with one drive, without {', '.join(_used(drives, many))}")
    from .replay_many import replay_all

    return replay_all(drives, **{name: value for name, value in options.items() if name not in ONE}, **many)


def _given(param: click.Parameter) -> bool:
    source = click.get_current_context().get_parameter_source(param.name or "")
    return source is ParameterSource.COMMANDLINE


def _used(drives: tuple[str, ...], many: dict[str, Any]) -> list[str]:
    """What makes it many drives."""
    given = [param.opts[0] for param in click.get_current_context().command.params if many.get(param.name or "")]
    return given or (["an address"] if len(drives) == 1 else [f"{len(drives) - 1} more"])
