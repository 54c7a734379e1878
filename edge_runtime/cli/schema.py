"""`edge-run schema`."""

from __future__ import annotations

import json

import click

from .command import Verb
from .options import AS_JSON


@click.command("schema", cls=Verb)
@AS_JSON
def command(as_json: bool) -> None:
    """Print the JSON Schema of the pipeline file, for completion and checks in an editor. It is always JSON.

    \b
    edge-run schema > pipeline.schema.json
    edge-run schema | jq .properties.budgets
    """
    from edge_runtime.config.export import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
