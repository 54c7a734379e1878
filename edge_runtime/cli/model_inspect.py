"""`edge-run model inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import click
from rich.console import Console

from edge_runtime.core import SystemClock
from edge_runtime.cuda.driver import open_gpu
from edge_runtime.engines.tensorrt.inspect import inspect_engine, inspect_onnx
from edge_runtime.engines.tensorrt.options import PRECISIONS, BuildOptions, Precision, Provider, Target
from edge_runtime.engines.tensorrt.provider import load
from edge_runtime.errors import EngineError
from edge_runtime.report.layers import layers_document, layers_table

from .main import BAD_USE, FAILED


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(file: Path, provider: str, precision: str, sm: int | None, level: int, as_json: bool) -> int:
    """Show what TensorRT makes of a network: which nodes became which layer, tactics, precisions, refused operators.

    A cached ENGINE is read; an ONNX model is built for this, which takes a while with provider tensorrt.

    \b
    edge-run model inspect yolox_nano.onnx --provider tensorrt_rtx --sm 86
    edge-run model inspect ~/.cache/edge_runtime/engines/road-fp16-7e4e33c5.engine --json
    """
    try:
        if file.suffix == ".engine":
            found = inspect_engine(file)
        else:
            options = BuildOptions(precision=cast(Precision, precision), optimization_level=level)
            trt = load(cast(Provider, provider))
            found = inspect_onnx(file, options, _target(provider, sm), trt, SystemClock())
    except EngineError as error:
        click.echo(f"edge-run: {error}", err=True)
        if provider == "tensorrt" and file.suffix != ".engine":
            click.echo("    without a GPU: --provider tensorrt_rtx --sm 86", err=True)
        return BAD_USE
    if as_json:
        click.echo(json.dumps(layers_document(found), indent=2))
    else:
        Console().print(layers_table(found))
    return FAILED if found.refusals else 0


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
