"""`edge-run init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import Verb, option
from .options import AS_JSON, FILE, FILE_TO_WRITE
from .output import Refused, print_json, refusals

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_runtime.core.check import Check
    from edge_runtime.evaluate.starter import Starter


@click.command("init", cls=Verb)
@click.argument("model", type=FILE, metavar="MODEL.onnx")
@option("--source", metavar="WHAT", help="Your drive: a video, folder, recording; a camera: 0, rtsp://…")
@option("--picture", type=FILE, metavar="FILE", help="Try it on this; default: a picture of --source.")
@option("-o", "--out", type=FILE_TO_WRITE, metavar="FILE.yaml", help="The pipeline; default: MODEL.yaml, here.")
@option("--force", is_flag=True, help="Replace the pipeline if it is there.")
@AS_JSON
def command(model: Path, source: str | None, picture: Path | None, out: Path | None, force: bool, as_json: bool) -> int:
    """Write a pipeline for a network: what it takes and gives is guessed, said, and tried on one picture.

    Beside the pipeline, FILE.check.png shows what was found in the picture. Nothing is written where no decode family
    fits the network.

    \b
    edge-run init detector.onnx --picture street.jpg
    edge-run init detector.onnx --source drive.mp4 -o mine.yaml
    """
    import cv2
    from rich.console import Console

    from edge_runtime.config.load import load_pipeline
    from edge_runtime.core import SystemClock
    from edge_runtime.errors import EngineError, RunError
    from edge_runtime.evaluate.first_look import first_look
    from edge_runtime.evaluate.starter import Starter, source_block
    from edge_runtime.evaluate.starter_check import try_out
    from edge_runtime.recording.run_folder import write_whole
    from edge_runtime.report.checks import checks_table
    from edge_runtime.report.progress import shown_progress
    from edge_runtime.vision.guess.decoding import NoReading

    out = out or Path(f"{model.stem}.yaml")
    if out.exists() and not force:
        raise click.UsageError(f"{out} is there already. Replace it with --force, or name another with -o FILE.yaml")
    block = None
    if source is not None and (block := source_block(source)) is None:
        hint = " A single picture goes with --picture." if Path(source).is_file() else ""
        raise click.BadParameter(f"{source} is no video, folder, recording or camera.{hint}", param_hint="--source")
    clock = SystemClock()
    with shown_progress(Console(stderr=True), clock) as progress:
        progress("looking for a picture", 0, None)
        image, what, believed = _picture(picture, block)
        with refusals(NoReading, EngineError):
            look = first_look(model, image, clock, believed=believed, said=lambda what: progress(what, 0, None))
        progress(f"trying it on {what}", 0, None)
        starter = Starter(model, out, look, block, what if believed else None)
        text = starter.text()
        tried = try_out(load_pipeline(out, runs=False, text=text), image, what, believed=believed)
    if not tried.runs:
        raise Refused(tried.checks[0].found)
    drawn = out.with_suffix(".check.png")
    write_whole(out, text)
    if not cv2.imwrite(str(drawn), tried.drawn):
        raise RunError(f"{drawn} cannot be written")
    checks = [*_guessed(starter), *tried.checks]
    if as_json:
        print_json(
            {
                "pipeline": str(out),
                "annotated": str(drawn),
                "guesses": starter.guesses,
                "found": dict(tried.found),
                "checks": [check.document() for check in checks],
            }
        )
        return 0
    shown = Console()
    shown.print(checks_table(checks))
    shown.print(f"\n{out} is written; {drawn} shows what was found. Run it:", soft_wrap=True, highlight=False)
    drive = " --set source.path=drive.mp4" if block is None else ""
    shown.print(f"  edge-run {out}{drive}", soft_wrap=True, highlight=False, style="bold")
    return 0


def _picture(path: Path | None, block: dict[str, Any] | None) -> tuple[npt.NDArray[Any], str, bool]:
    """A picture, what it is called, and whether there is something in it to find."""
    from pydantic import TypeAdapter

    from edge_runtime.config.schema import Source
    from edge_runtime.evaluate.starter_check import painted, picture_of
    from edge_runtime.sources.images import load_picture

    if path is not None:
        image, trouble = load_picture(path)
        if image is None:
            raise click.BadParameter(f"{path}: {trouble}", param_hint="--picture")
        return image, path.name, True
    if block is not None:
        return picture_of(TypeAdapter(Source).validate_python(block)), "a picture of the source", True
    return painted(), "a painted street", False


def _guessed(starter: Starter) -> list[Check]:
    """What was guessed, a line each."""
    from edge_runtime.core.check import Check

    look, guesses = starter.look, starter.guesses
    outputs = ", ".join(f"'{name}' {' x '.join(map(str, shape))}" for name, shape in look.outputs.items())
    width, height = look.size
    checks = [Check("network", "ok", f"{width} x {height} in, {outputs} out")]
    for key in ("decode.family", "input.resize", "input.color", "input.scale"):
        guess = guesses[key]
        checks.append(Check(key.partition(".")[2], "ok", f"{guess['value']}: {guess['why']}"))
    return [*checks, *(Check("note", "warning", remark) for remark in look.decode.remarks)]
