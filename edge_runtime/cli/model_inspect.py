"""`edge-run model inspect`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from .command import Verb, option
from .options import AS_JSON, FILE, FILE_TO_WRITE
from .output import FAILED, Refused, print_json
from .values import OneOf, Whole

if TYPE_CHECKING:
    from edge_runtime.engines.tensorrt.inspect import Inspection
    from edge_runtime.engines.tensorrt.options import Precision, Provider, Target

PRECISIONS = ("fp32", "fp16", "bf16", "int8", "fp8", "as_is")
PIPED_WIDTH = 160


@click.command("inspect", cls=Verb)
@click.argument("file", type=FILE, metavar="MODEL.onnx|ENGINE")
@option(
    "--provider",
    type=OneOf(["tensorrt", "tensorrt_rtx"]),
    metavar="NAME",
    default="tensorrt",
    help="Or tensorrt_rtx, which needs no GPU.",
)
@option(
    "--precision",
    type=OneOf(PRECISIONS),
    metavar="NAME",
    default="fp16",
    help=f"Of the engine: {', '.join(PRECISIONS)}.",
)
@option("--sm", type=Whole(50, 130), metavar="86", help="For tensorrt_rtx: the GPU to build for.")
@option("--level", type=Whole(0, 5), metavar="0..5", default=1, help="Optimisation level.")
@option("--dla-core", type=Whole(0, 1), metavar="0|1", help="Build for this DLA core of a Jetson Orin.")
@option("--html", type=FILE_TO_WRITE, metavar="FILE.html", help="Also write a page to look at.")
@AS_JSON
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
    edge-run model inspect yolox.onnx --provider tensorrt_rtx --sm 86
    edge-run model inspect yolox.onnx --html layers.html
    """
    from rich.console import Console

    from edge_runtime.core import SystemClock
    from edge_runtime.engines.tensorrt.inspect import inspect_engine, inspect_onnx
    from edge_runtime.engines.tensorrt.options import BuildOptions
    from edge_runtime.engines.tensorrt.provider import load
    from edge_runtime.errors import EngineError, RunError
    from edge_runtime.recording.run_folder import write_whole
    from edge_runtime.report.layers import layers_document, layers_table
    from edge_runtime.report.layers_page import layers_page
    from edge_runtime.report.progress import shown_progress

    if not file.stat().st_size:
        raise Refused(f"{file} is empty (0 bytes)")
    console = Console(stderr=True)
    try:
        with shown_progress(console, SystemClock()) as progress:
            if file.suffix == ".engine":
                found = inspect_engine(file)
            else:
                progress("building", 0, None)
                options = BuildOptions(
                    precision=cast("Precision", precision), optimization_level=level, dla_core=dla_core
                )
                trt = load(cast("Provider", provider))
                found = inspect_onnx(file, options, _target(provider, sm), trt, SystemClock())
            progress("timing layers", 0, None)
            found = _timed(found)
    except EngineError as error:
        without = provider == "tensorrt" and file.suffix != ".engine"
        hint = "\n    without a GPU: --provider tensorrt_rtx --sm 86" if without else ""
        named = "" if str(file) in str(error) else f"{file}: "
        raise Refused(f"{named}{error}{hint}") from error
    if html is not None:
        try:
            write_whole(html, layers_page(found))
        except RunError as error:
            raise Refused(f"{error}. Choose another with --html FILE") from error
        click.echo(f"page in {html}", err=True)
    if as_json:
        print_json(layers_document(found))
    else:
        terminal = Console()
        console = terminal if terminal.is_terminal else Console(width=PIPED_WIDTH)
        console.print(layers_table(found, console.width))
    return FAILED if found.refusals else 0


def _timed(found: Inspection) -> Inspection:
    """With the time of each layer, or with a note that says why there is none."""
    from edge_runtime.cuda.driver import open_gpu
    from edge_runtime.engines.tensorrt.inspect import with_times
    from edge_runtime.engines.tensorrt.provider import load
    from edge_runtime.errors import EngineError

    if found.refusals:
        return found
    try:
        gpu = open_gpu()
        with closing(gpu.stream("layers")) as stream:
            return with_times(found, load(found.provider), gpu=gpu, stream=stream)
    except EngineError as error:
        return replace(found, notes=(*found.notes, f"the layers were not timed: {error}"))


def _target(provider: str, sm: int | None) -> Target:
    from edge_runtime.cuda.driver import open_gpu
    from edge_runtime.engines.tensorrt.options import Target
    from edge_runtime.errors import EngineError

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
