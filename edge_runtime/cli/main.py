"""`edge-run`: its verbs, each loaded only when it is used, and how a command line that went wrong ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from edge_runtime.config.shipped import meant, shipped
from edge_runtime.errors import ConfigError, EdgeRuntimeError, MissingPart
from edge_runtime.version import VERSION

from .command import LazyGroup
from .options import PIPELINE
from .output import BAD_USE, FAILED, Ending, Refused

# verb -> what its line in --help says; the verb lives in the module of its name.
VERBS = {
    "run": "Run a pipeline; edge-run PIPELINE does the same.",
    "init": "Write a pipeline for a network, and try it on a picture.",
    "list": "Show the pipelines that ship, and what else goes by name.",
    "build": "Build the engines of a pipeline, and compare each with its ONNX.",
    "model": "Inspect, export, edit or quantize an ONNX model.",
    "bench": "Measure bare engine, one-after-another and pipelined rates.",
    "eval": "Accuracy against labels, by distance and height; streaming AP.",
    "profile": "Measure the operating points of a pipeline: its ladder.",
    "replay": "Run a recorded drive again, and compare with what was found.",
    "simulate": "Run the governor on a simulated board and drive.",
    "report": "Make one HTML file of a run that opens offline, or a plot.",
    "service": "Install a pipeline as a systemd service, and look after it.",
    "doctor": "Say what this machine has, what is missing, what to type.",
    "schema": "Print the JSON Schema of the pipeline file.",
    "completion": "Print what makes a shell complete verbs, options and names.",
}


class Verbs(LazyGroup):
    """Takes a pipeline in the place of a verb."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options may also stand before the pipeline: `edge-run --pace fast PIPELINE`."""
        own = {name for param in self.get_params(ctx) for name in param.opts}
        if args and args[0].startswith("-") and args[0] not in own:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in self.verbs:
            return super().resolve_command(ctx, args)
        if name.endswith((".yaml", ".yml")) or os.path.exists(name) or meant("pipelines", name) is not None:
            return "run", self.get_command(ctx, "run"), args
        hint = self.hint(ctx, name, [*self.verbs, *shipped("pipelines")])
        raise click.UsageError(f"'{name}' is neither a verb nor a pipeline. {hint}", ctx)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        pipelines = [] if incomplete.startswith("-") else PIPELINE.shell_complete(ctx, self.params[0], incomplete)
        return [*super().shell_complete(ctx, incomplete), *pipelines]


@click.group(
    cls=Verbs,
    verbs=VERBS,
    module="edge_runtime.cli.{}",
    subcommand_metavar="PIPELINE|VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, "--version", prog_name="edge-run")
def app() -> None:
    """Run perception networks at frame rate: cameras in, detections out, nothing lost silently.

    \b
    edge-run demo
    edge-run mine.yaml --set source.path=drive.mp4 --seconds 10
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exit codes: 0 fine, 1 the run failed, 2 bad usage or bad file, 3 a budget was not held."""
    leave(run_app(arguments))


def leave(code: int) -> NoReturn:
    """End the process; at once where a thread is left in a network that hangs, which an ending in order would touch."""
    names = [thread.name for thread in threading.enumerate()]
    if any(name in ("front", "back", "alone") or name.startswith("network ") for name in names):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors meant for people go to stderr as text."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    ending = Ending(args)
    try:
        result: Any = app.main(args=args, prog_name="edge-run", standalone_mode=False, obj=ending.obj)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return BAD_USE
    except click.UsageError as error:
        text = usage_text(error)
        path = error.ctx.command_path if error.ctx is not None else "edge-run"
        return ending.complain(BAD_USE, text if "--help" in text else f"{text}\n    {path} --help shows what it takes")
    except click.ClickException as error:
        return ending.complain(BAD_USE, error.format_message())
    except click.exceptions.Abort:
        return ending.complain(FAILED, "interrupted")
    except ConfigError as error:
        return ending.say(BAD_USE, str(error), problems=[asdict(problem) for problem in error.problems])
    except (Refused, MissingPart) as error:
        return ending.complain(BAD_USE, str(error))
    except EdgeRuntimeError as error:
        return ending.complain(FAILED, str(error))
    except BrokenPipeError:  # whoever read stdout has gone; nothing may be written there any more, not even at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return ending.complain(FAILED, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return result if isinstance(result, int) else 0


def usage_text(error: click.UsageError) -> str:
    """What is wrong, with the option or argument in front, as the rest of this program says it."""
    if isinstance(error, click.NoSuchOption):
        near = sorted(error.possibilities or ())[:1]
        return f"there is no option {error.option_name}" + (f"; did you mean {near[0]}?" if near else "")
    if error.message.startswith("Got unexpected extra argument"):
        return f"more than it takes: {error.message.partition('(')[2].rstrip(')')}"
    named = _named(error) if isinstance(error, click.BadParameter) else ""
    if isinstance(error, click.MissingParameter):
        return f"{named} is missing"
    return f"{named}: {error.message}" if named else error.message[:1].lower() + error.message[1:]


def _named(error: click.BadParameter) -> str:
    """The longest name of an option, and what --help calls an argument."""
    if error.param_hint is not None:
        return error.param_hint if isinstance(error.param_hint, str) else " ".join(error.param_hint)
    if error.param is None:
        return ""
    if isinstance(error.param, click.Argument) and error.ctx is not None:
        return error.param.make_metavar(error.ctx)
    return max(error.param.opts, key=len)
