"""`edge-run model`: its verbs, each loaded only when it is used."""

from __future__ import annotations

import click

from .command import LazyGroup

# verb -> what its line in --help says; it lives in the module `model_NAME`.
SUBCOMMANDS = {
    "inspect": "What TensorRT makes of a model: fusions, tactics, refusals.",
    "export": "Make an ONNX model of a PyTorch module.",
    "edit": "Batch, outputs, FP16, pixels in, suppression in: all checked.",
    "quantize": "INT8 for TensorRT, calibrated on pictures.",
}


@click.group(
    "model", cls=LazyGroup, verbs=SUBCOMMANDS, module="edge_runtime.cli.model_{}", subcommand_metavar="VERB ..."
)
def command() -> None:
    """Work on ONNX models.

    \b
    edge-run model edit yolox.onnx --batch dynamic --fp16 -o yolox_fp16.onnx
    edge-run model inspect yolox.onnx --html layers.html
    """
