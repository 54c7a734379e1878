"""`edge-run model quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import Verb, option
from .model_options import input_options, output_options
from .options import COUNT, FILE, FOLDER, SHARE
from .output import print_json, refusals
from .values import OneOf, Real, Whole

if TYPE_CHECKING:
    from edge_runtime.engines.onnx_models.quantize import Method, Quantized

METHODS = ("minmax", "entropy", "percentile")


@click.command("quantize", cls=Verb)
@click.argument("model", type=FILE, metavar="MODEL.onnx")
@option("--calibrate", type=FOLDER, required=True, metavar="DIR", help="Pictures as the camera sees.")
@option(
    "--method",
    type=OneOf(METHODS),
    metavar="METHOD",
    default="percentile",
    help=f"Of the ranges: {', '.join(METHODS)}.",
)
@option(
    "--percentile",
    rare=True,
    type=Real(50, 100),
    default=99.999,
    metavar="P",
    help="Of the absolute values, for that method.",
)
@option("--at-most", type=COUNT, default=200, metavar="N", help="Pictures to calibrate with.")
@option("--held-out", rare=True, type=COUNT, default=16, metavar="N", help="Pictures to compare on.")
@option(
    "--head-layers",
    rare=True,
    type=Whole(0),
    default=1,
    metavar="N",
    help="Last layers before any output, left in float.",
)
@option("--keep-float", multiple=True, metavar="REGEX", help="Layers left in float by name; repeatable.")
@option(
    "--min-cosine",
    rare=True,
    type=SHARE,
    default=0.99,
    metavar="C",
    help="Costly layers go back to float until every output has it; 0: none does.",
)
@input_options
@option("--layout", rare=True, type=OneOf(["nchw", "nhwc"]), help="Of the network's input; default: nchw.")
@output_options
def command(
    model: Path,
    calibrate: Path,
    method: Method,
    percentile: float,
    at_most: int,
    held_out: int,
    head_layers: int,
    keep_float: tuple[str, ...],
    min_cosine: float,
    pipeline: Path | None,
    model_name: str | None,
    out: Path,
    force: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Quantize a model to INT8 with Q/DQ nodes that TensorRT takes: symmetric, weights by channel.

    The pictures go through the pipeline's own preprocessing; how, says a pipeline file or --resize, --color, --scale.
    Some of them are held out, and the INT8 model is compared with the FP32 one on those.

    \b
    edge-run model quantize yolox.onnx --calibrate pictures \\
        --pipeline mine.yaml -o yolox_int8.onnx
    edge-run model quantize yolox.onnx --calibrate pictures --resize stretch \\
        --color bgr --scale 1.0 --keep-float 'stem|dark2' -o yolox_int8.onnx
    """
    from rich.console import Console

    from edge_runtime.core import SystemClock
    from edge_runtime.engines.onnx_models.agreement import document
    from edge_runtime.engines.onnx_models.files import Misuse, read_model, require_free, write_model
    from edge_runtime.engines.onnx_models.quantize import Recipe, check_quantizable, quantize, split
    from edge_runtime.report.progress import shown_progress

    from .model_input import Pictures, input_block, model_of

    with refusals(Misuse):
        require_free(out, force)
        base = model_of(pipeline, model_name)
        proto = read_model(model)
        block = input_block(base, said | {"size": said["size"] or _size(proto)})
        pictures = Pictures(calibrate, block)
        chosen, held = split(len(pictures.files), at_most, held_out)
        chosen, held = pictures.readable(chosen), pictures.readable(held)
        if not chosen or not held:
            raise Misuse(f"{calibrate}: too few of its {len(pictures.files)} pictures can be read")
        check_quantizable(proto, pictures.row(chosen[0]))
        recipe = Recipe(method, percentile, head_layers, min_cosine, keep_float)
        with shown_progress(Console(stderr=True), SystemClock()) as progress:
            progress("preparing", 0, None)
            done = quantize(
                proto,
                recipe,
                chosen,
                held,
                pictures.row,
                progress,
            )
    size = write_model(done.model, out)
    if as_json:
        print_json(
            {
                "model": str(model),
                "out": str(out),
                "bytes": size,
                "method": method,
                "calibrated_on": len(chosen),
                "held_out": len(held),
                "int8_layers": len(done.int8_layers),
                "float_layers": list(done.float_layers),
                "costly_layers": list(done.costly_layers),
                "parity": document(done.parity),
            }
        )
        return
    _tell(done, len(chosen), len(held), held == chosen)
    click.echo(f"{out}: {size / 1e6:.1f} MB; the build makes it small: edge-run build with `precision: int8`")


def _size(model: Any) -> tuple[int, int] | None:
    from edge_runtime.engines.onnx_models.graph import inputs, shape_of

    shape = shape_of(inputs(model)[0])
    sides = (shape[2:] if len(shape) == 4 and shape[1] == 3 else shape[1:3])[::-1]
    width, height = (*sides, None, None)[:2]
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _tell(done: Quantized, calibrated: int, held_out: int, same: bool) -> None:
    from edge_runtime.engines.onnx_models.agreement import say

    layers = len(done.int8_layers) + len(done.float_layers) + len(done.costly_layers)
    click.echo(f"{len(done.int8_layers)} of {layers} layers in INT8, calibrated on {calibrated} pictures")
    click.echo(f"in float as asked: {', '.join(done.float_layers) or 'none'}")
    click.echo(f"in float because they cost most: {', '.join(done.costly_layers) or 'none'}")
    note = " (the one there is, which also calibrated)" if same else ""
    for output in done.parity:
        click.echo(f"output {say(output)} on {held_out} pictures{note}")
