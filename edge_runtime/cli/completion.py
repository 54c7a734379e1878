"""`edge-run completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .command import Verb
from .options import AS_JSON
from .output import print_json
from .values import OneOf

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_EDGE_RUN_COMPLETE"


@click.command("completion", cls=Verb)
@click.argument("shell", metavar="bash|zsh|fish", type=OneOf(SHELLS))
@AS_JSON
def command(shell: str, as_json: bool) -> None:
    """Print what makes a shell complete verbs, options, keys of --set and the names of what ships.

    For bash put the line below into ~/.bashrc, for zsh into ~/.zshrc; for fish write the output into
    ~/.config/fish/completions/edge-run.fish.

    \b
    eval "$(edge-run completion bash)"
    edge-run completion fish > ~/.config/fish/completions/edge-run.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root()
    source = kind(root.command, {}, "edge-run", VARIABLE).source()
    if as_json:
        print_json({"shell": shell, "source": source})
    else:
        click.echo(source)
