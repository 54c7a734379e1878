"""`edge-run model export`."""

from __future__ import annotations

from pathlib import Path

import click

from .command import Verb, option
from .model_options import Names, Numbers, output_options
from .options import SHARE
from .output import print_json, refusals
from .values import Real, Whole


@click.command("export", cls=Verb)
@click.argument("source", metavar="FILE.py:FACTORY")
@option(
    "--input-shape",
    "shapes",
    type=Numbers(None, whole=True),
    multiple=True,
    required=True,
    metavar="1,3,416,416",
    help="Batch first; once for each input.",
)
@option("--input-name", "names", multiple=True, metavar="NAME", help="Once for each input; default: images.")
@option("--output-names", type=Names(), default=(), metavar="A,B", help="Default: the exporter's own.")
@option("--dynamic-batch", is_flag=True, help="Leave the batch axis free.")
@option(
    "--opset",
    type=Whole(11, 23),
    default=18,
    metavar="N",
    help="TensorRT 8.6 takes up to 17.",
)
@option("--min-cosine", type=SHARE, default=0.9999, metavar="C", help="Least agreement of every output.")
@option(
    "--max-error",
    type=Real(min=0),
    default=1e-3,
    metavar="E",
    help="As a share of the output's largest value.",
)
@output_options
def command(
    source: str,
    shapes: tuple[tuple[int, ...], ...],
    names: tuple[str, ...],
    output_names: tuple[str, ...],
    dynamic_batch: bool,
    opset: int,
    min_cosine: float,
    max_error: float,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Export the PyTorch module that FACTORY() of a Python file returns, in eval mode and FP32.

    PyTorch and ONNX Runtime then run on noise and on zeros; OUT.onnx is written only when they agree. From opset 18
    on torch.export writes the graph, below it the older tracing exporter.

    \b
    edge-run model export detector.py:build --input-shape 1,3,416,416 -o out.onnx
    edge-run model export detector.py:build --input-shape 1,3,416,416 \\
        --dynamic-batch --opset 17 -o out.onnx
    """
    from rich.console import Console

    from edge_runtime.core import SystemClock
    from edge_runtime.engines.onnx_models.agreement import Tolerance, document, say
    from edge_runtime.engines.onnx_models.export import ExportPlan, export, load_module
    from edge_runtime.engines.onnx_models.files import Misuse, require_free, write_model
    from edge_runtime.engines.onnx_models.graph import inputs, outputs, shape_of
    from edge_runtime.report.progress import shown_progress

    with refusals(Misuse), shown_progress(Console(stderr=True), SystemClock()) as progress:
        progress("exporting", 0, None)
        path, colon, factory = source.rpartition(":")
        if not colon or not factory.isidentifier():
            raise Misuse(f"'{source}' is not FILE.py:FACTORY, such as detector.py:build")
        if not Path(path).is_file():
            raise Misuse(f"{path} is not there")
        if any(side < 1 for shape in shapes for side in shape):
            raise Misuse("--input-shape: every side is 1 or more; for a free batch add --dynamic-batch")
        if not names:
            names = ("images", *(f"input_{n}" for n in range(2, len(shapes) + 1)))
        if len(names) != len(shapes) or len(set(names)) != len(names):
            raise Misuse(f"--input-name: {len(names)} names for {len(shapes)} inputs; give each its own")
        require_free(out, force)
        tolerance = Tolerance(min_cosine, max_error)
        plan = ExportPlan(shapes, names, output_names, dynamic_batch, opset, tolerance)
        model, parity = export(load_module(Path(path), factory), plan)
    size = write_model(model, out)
    if as_json:
        print_json(
            {
                "source": source,
                "out": str(out),
                "bytes": size,
                "opset": opset,
                "inputs": {entry.name: shape_of(entry) for entry in inputs(model)},
                "outputs": {entry.name: shape_of(entry) for entry in model.graph.output},
                "parity": document(parity),
            }
        )
        return
    for entry in inputs(model):
        click.echo(f"input  '{entry.name}' {shape_of(entry)}")
    for output in parity:
        click.echo(f"output {say(output)} against PyTorch")
    click.echo(f"{out}: opset {opset}, {len(outputs(model))} outputs, {size / 1e6:.1f} MB")
