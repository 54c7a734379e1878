"""`edge-run model inspect`."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import click
from rich.console import Console

from edge_runtime.core import SystemClock
from edge_runtime.cuda.driver import open_gpu
from edge_runtime.engines.tensorrt.inspect import Inspection, inspect_engine, inspect_onnx, with_times
from edge_runtime.engines.tensorrt.options import PRECISIONS, BuildOptions, Precision, Provider, Target
from edge_runtime.engines.tensorrt.provider import load
from edge_runtime.errors import EngineError, RunError
from edge_runtime.recording.run_folder import write_whole
from edge_runtime.report.layers import layers_document, layers_table
from edge_runtime.report.layers_page import layers_page

from .main import BAD_USE, FAILED
from .options import FILE_TO_WRITE

PIPED_WIDTH = 160


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="MODEL.onnx|ENGINE")
@click.option(
    "--provider",
    type=click.Choice(["tensorrt", "tensorrt_rtx"]),
    default="tensorrt",
    show_default=True,
    help="tensorrt_rtx needs no GPU.",
)
@click.option("--precision", type=click.Choice(PRECISIONS), default="fp16", show_default=True, help="Of the engine.")
@click.option("--sm", type=click.IntRange(50, 130), metavar="86", help="For tensorrt_rtx: the GPU to build for.")
@click.option("--level", type=click.IntRange(0, 5), default=1, show_default=True, help="Optimisation level.")
@click.option("--dla-core", type=click.IntRange(0, 1), help="Build for this DLA core of a Jetson Orin.")
@click.option("--html", type=FILE_TO_WRITE, metavar="FILE", help="Also write a page to look at.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(
    file: Path,
    provider: str,
    precision: str,
    sm: int | None,
    level: int,
    dla_core: int | None,
    html: Path | None,
    as_json: bool,
) -> int:
    """Show what TensorRT makes of a network: which nodes became which layer, tactics, precisions, refused operators.

    A cached ENGINE is read; an ONNX model is built for this, which takes a while with provider tensorrt. Where the GPU
    it is for is at hand, every layer is timed on it.

    \b
    edge-run model inspect yolox_nano.onnx --provider tensorrt_rtx --sm 86
    edge-run model inspect yolox_nano.onnx --html layers.html
    edge-run model inspect ~/.cache/edge_runtime/engines/road-fp16-7e4e33c5.engine --json
    """
    try:
        if file.suffix == ".engine":
            found = inspect_engine(file)
        else:
            options = BuildOptions(precision=cast(Precision, precision), optimization_level=level, dla_core=dla_core)
            trt = load(cast(Provider, provider))
            found = inspect_onnx(file, options, _target(provider, sm), trt, SystemClock())
    except EngineError as error:
        click.echo(f"edge-run: {error}", err=True)
        if provider == "tensorrt" and file.suffix != ".engine":
            click.echo("    without a GPU: --provider tensorrt_rtx --sm 86", err=True)
        return BAD_USE
    found = _timed(found)
    if html is not None:
        try:
            write_whole(html, layers_page(found))
        except RunError as error:
            click.echo(f"edge-run: {error}. Choose another with --html FILE", err=True)
            return BAD_USE
        click.echo(f"page in {html}", err=True)
    if as_json:
        click.echo(json.dumps(layers_document(found), indent=2))
    else:
        terminal = Console()
        console = terminal if terminal.is_terminal else Console(width=PIPED_WIDTH)
        console.print(layers_table(found, console.width))
    return FAILED if found.refusals else 0


def _timed(found: Inspection) -> Inspection:
    """With the time of each layer, or with a note that says why there is none."""
    if found.refusals:
        return found
    try:
        gpu = open_gpu()
        with closing(gpu.stream("layers")) as stream:
            return with_times(found, load(found.provider), gpu=gpu, stream=stream)
    except EngineError as error:
        return replace(found, notes=(*found.notes, f"the layers were not timed: {error}"))


def _target(provider: str, sm: int | None) -> Target:
    if provider == "tensorrt_rtx" and sm is not None:
        return Target(divmod(sm, 10))
    if provider == "tensorrt" and sm is not None:
        raise EngineError("--sm is for --provider tensorrt_rtx; TensorRT builds for the GPU of this machine only")
    try:
        gpu = open_gpu()
    except EngineError as error:
        hint = (
            "Name one with --sm 86" if provider == "tensorrt_rtx" else "Without a GPU: --provider tensorrt_rtx --sm 86"
        )
        raise EngineError(f"{error}. {hint}") from error
    return Target(gpu.compute_capability, gpu.name, gpu.driver_cuda, gpu.runtime_cuda)
