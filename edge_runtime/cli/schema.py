"""`edge-run schema`."""

from __future__ import annotations

import json

import click

from edge_runtime.config.export import json_schema


@click.command("schema")
@click.option("--json", "as_json", is_flag=True, help="Accepted as in every verb; the schema is always JSON.")
def command(as_json: bool) -> None:
    """Print the JSON Schema of the pipeline file, for completion and checks in an editor.

    \b
    edge-run schema > pipeline.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2))
