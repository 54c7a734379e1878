"""`edge-run init`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import cv2
import numpy.typing as npt
from pydantic import TypeAdapter
from rich.console import Console

from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import Source
from edge_runtime.core import SystemClock
from edge_runtime.core.check import Check
from edge_runtime.errors import EngineError, RunError
from edge_runtime.evaluate.first_look import FirstLook, first_look
from edge_runtime.evaluate.starter import Starter, source_block
from edge_runtime.evaluate.starter_check import painted, picture_of, try_out
from edge_runtime.recording.run_folder import write_whole
from edge_runtime.report.checks import checks_table
from edge_runtime.sources.images import load_picture
from edge_runtime.vision.guess.decoding import NoReading

from .main import BAD_USE
from .options import FILE_TO_WRITE

SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


@click.command("init")
@click.argument("model", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="MODEL.onnx")
@click.option("--source", metavar="WHAT", help="Your drive: a video, a folder, a recording; a camera: 0 or rtsp://…")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Try it on this; default: a picture of --source.",
)
@click.option("-o", "--out", type=FILE_TO_WRITE, metavar="FILE.yaml", help="The pipeline; default: MODEL.yaml, here.")
@click.option("--force", is_flag=True, help="Replace the pipeline if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(model: Path, source: str | None, picture: Path | None, out: Path | None, force: bool, as_json: bool) -> int:
    """Write a pipeline for a network: what it takes and gives is guessed, said, and tried on one picture.

    Beside the pipeline, FILE.check.png shows what was found in the picture. Nothing is written where no decode family
    fits the network.

    \b
    edge-run init detector.onnx --picture street.jpg
    edge-run init detector.onnx --source drive.mp4 -o mine.yaml
    """
    out = out or Path(f"{model.stem}.yaml")
    if out.exists() and not force:
        raise click.UsageError(f"{out} is there already. Replace it with --force, or name another with -o FILE.yaml")
    block = None
    if source is not None and (block := source_block(source)) is None:
        hint = " A single picture goes with --picture." if Path(source).is_file() else ""
        raise click.BadParameter(f"{source} is no video, folder, recording or camera.{hint}", param_hint="--source")
    console = Console(stderr=True)
    with console.status("looking for a picture") as status:
        image, what, believed = _picture(picture, block)
        try:
            look = first_look(model, image, SystemClock(), believed=believed, said=status.update)
        except (NoReading, EngineError) as error:
            click.echo(f"edge-run: {error}", err=True)
            return BAD_USE
        status.update(f"trying it on {what}")
        starter = Starter(model, out, look, block, what if believed else None)
        text = starter.text()
        tried = try_out(load_pipeline(out, runs=False, text=text), image, what, believed=believed)
    if not tried.runs:
        click.echo(f"edge-run: {tried.checks[0].found}", err=True)
        return BAD_USE
    drawn = out.with_suffix(".check.png")
    write_whole(out, text)
    if not cv2.imwrite(str(drawn), tried.drawn):
        raise RunError(f"{drawn} cannot be written")
    checks = [*_guessed(starter), *tried.checks]
    if as_json:
        document = {
            "pipeline": str(out),
            "annotated": str(drawn),
            "guesses": starter.guesses,
            "found": dict(tried.found),
            "checks": [check.document() for check in checks],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    shown = Console()
    shown.print(checks_table(checks))
    shown.print(f"\n{out} is written; {drawn} shows what was found. Run it:", soft_wrap=True, highlight=False)
    drive = " --set source.path=drive.mp4" if block is None else ""
    shown.print(f"  edge-run {out}{drive}", soft_wrap=True, highlight=False, style="bold")
    return 0


def _picture(path: Path | None, block: dict[str, Any] | None) -> tuple[npt.NDArray[Any], str, bool]:
    """A picture, what it is called, and whether there is something in it to find."""
    if path is not None:
        image, trouble = load_picture(path)
        if image is None:
            raise click.BadParameter(f"{path}: {trouble}", param_hint="--picture")
        return image, path.name, True
    if block is not None:
        return picture_of(SOURCE.validate_python(block)), "a picture of the source", True
    return painted(), "a painted street", False


def _guessed(starter: Starter) -> list[Check]:
    """What was guessed, a line each."""
    look: FirstLook = starter.look
    guesses = starter.guesses
    outputs = ", ".join(f"'{name}' {' x '.join(map(str, shape))}" for name, shape in look.outputs.items())
    width, height = look.size
    checks = [Check("network", "ok", f"{width} x {height} in, {outputs} out")]
    for key in ("decode.family", "input.resize", "input.color", "input.scale"):
        guess = guesses[key]
        checks.append(Check(key.partition(".")[2], "ok", f"{guess['value']}: {guess['why']}"))
    return [*checks, *(Check("note", "warning", remark) for remark in look.decode.remarks)]
