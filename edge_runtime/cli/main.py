"""`edge-run`: the verbs, each loaded only when it is used, and what every verb does with errors."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn, cast

import click

from edge_runtime.config.shipped import meant, shipped
from edge_runtime.errors import ConfigError, EdgeRuntimeError
from edge_runtime.version import VERSION

# verb -> what its line in --help says; the verb lives in the module of its name.
VERBS = {
    "run": "Run a pipeline (edge-run PIPELINE does the same).",
    "init": "Write a pipeline for a network, and try it on a picture.",
    "list": "Show the pipelines that ship, and what else goes by name.",
    "build": "Build and cache the engines of a pipeline, and compare each with its ONNX.",
    "model": "Inspect, export, edit or quantize an ONNX model.",
    "bench": "Measure bare engine, one-after-another and pipelined throughput.",
    "eval": "Accuracy against labels: AP, recall by distance and height, streaming AP.",
    "profile": "Measure the operating points of a pipeline and write its ladder.",
    "replay": "Run a recorded drive again: the same frames, telemetry and decisions.",
    "simulate": "Run the governor against a simulated board and drive, in virtual time.",
    "report": "Make one HTML file of a run that opens offline, or a plot of it.",
    "service": "Install a pipeline as a systemd service, and look after it.",
    "doctor": "Say what this machine has, what is missing, and what to type.",
    "schema": "Print the JSON Schema of the pipeline file.",
}

FAILED, BAD_USE, NOT_HELD = 1, 2, 3


class Verbs(click.Group):
    """A group whose verbs are imported on use, and which takes a pipeline file in the place of a verb."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = import_module(f"edge_runtime.cli.{name}")
        return cast(click.Command, module.command)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Options may also stand before the pipeline file: `edge-run --pace fast PIPELINE.yaml`."""
        own = {option for param in self.get_params(context) for option in param.opts}
        if args and args[0].startswith("-") and args[0] not in own:
            args = ["run", *args]
        return super().parse_args(context, args)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in VERBS:
            return super().resolve_command(context, args)
        if name.endswith((".yaml", ".yml")) or os.path.exists(name) or meant("pipelines", name) is not None:
            return "run", self.get_command(context, "run"), args
        near = get_close_matches(name, [*VERBS, *shipped("pipelines")], 1)
        hint = f"Did you mean '{near[0]}'?" if near else "edge-run --help shows the verbs, edge-run list the pipelines."
        raise click.UsageError(f"'{name}' is neither a verb nor a pipeline. {hint}", context)


@click.group(
    cls=Verbs,
    subcommand_metavar="PIPELINE.yaml | VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, "--version", prog_name="edge-run")
def app() -> None:
    """Run perception networks at frame rate: cameras in, detections out, nothing lost silently.

    \b
    edge-run PIPELINE.yaml
    edge-run PIPELINE.yaml --set source.path=drive.mp4 --seconds 10
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exit codes: 0 fine, 1 the run failed, 2 bad usage or bad file, 3 a budget was not held."""
    leave(run_app(arguments))


def leave(code: int) -> NoReturn:
    """End the process; at once where a thread is left in a network that hangs, which an ending in order would touch."""
    if any(thread.name in ("front", "back", "alone") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors meant for people go to stderr as text."""
    try:
        result: Any = app.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return BAD_USE
    except click.ClickException as error:
        error.show()
        return BAD_USE
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return FAILED
    except ConfigError as error:
        click.echo(str(error), err=True)
        return BAD_USE
    except EdgeRuntimeError as error:
        click.echo(f"edge-run: {error}", err=True)
        return FAILED
    except BrokenPipeError:
        return FAILED
    return result if isinstance(result, int) else 0
