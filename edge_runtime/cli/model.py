"""`edge-run model`: its subcommands, each loaded only when it is used."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import cast

import click

# subcommand -> what its line in --help says; it lives in the module `model_NAME`.
SUBCOMMANDS = {
    "inspect": "What TensorRT makes of a model: fusions, tactics, refused operators.",
    "export": "Make an ONNX model of a PyTorch module.",
    "edit": "Batch, outputs, FP16, pixels in, suppression in: checked step by step.",
    "quantize": "INT8 for TensorRT, calibrated on pictures.",
}


class Subcommands(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in SUBCOMMANDS:
            return None
        return cast(click.Command, import_module(f"edge_runtime.cli.model_{name}").command)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in SUBCOMMANDS:
            near = get_close_matches(args[0], SUBCOMMANDS, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(SUBCOMMANDS)}."
            raise click.UsageError(f"'{args[0]}' is nothing that edge-run model does. {hint}", context)
        return super().resolve_command(context, args)


@click.group("model", cls=Subcommands, subcommand_metavar="COMMAND ...")
def command() -> None:
    """Work on ONNX models; every command takes --json.

    \b
    edge-run model edit yolox_nano.onnx --batch dynamic --fp16 -o yolox_nano_fp16.onnx
    edge-run model quantize yolox_nano.onnx --calibrate pictures --pipeline highway.yaml -o yolox_nano_int8.onnx
    """
