"""What a shell offers behind --set: the keys of the pipeline that is named before it, and those it could have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from edge_runtime.config.shipped import file_of, meant

_DEEPEST = 4


def complete_key(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Dotted keys with their `=`; nothing behind it, as any value may stand there."""
    if "=" in incomplete:
        return []
    # Behind an option that waits for its value click has not looked at the arguments yet.
    given = [ctx.params.get("pipeline"), *ctx.args]
    pipeline = next((each for each in given if isinstance(each, Path | str)), None)
    named = set() if pipeline is None else set(_named(pipeline))
    keys = sorted({*named, *_possible()})
    return [CompletionItem(f"{key}=") for key in keys if key.startswith(incomplete)]


def _named(pipeline: Path | str) -> Iterator[str]:
    """Every key of a file that has a single value or a list of them."""
    from edge_runtime.config import yaml_source
    from edge_runtime.errors import ConfigError

    try:
        document = yaml_source.read(meant("pipelines", str(pipeline)) or pipeline)
    except ConfigError:
        return
    for where in document.values:
        if where and not isinstance(document.get(where), dict):
            yield document.dotted(where)


def _possible() -> Iterator[str]:
    """The keys of blocks that every pipeline may have."""
    schema = json.loads(file_of("configs/pipeline.schema.json").read_text(encoding="utf-8"))
    yield from _keys(schema, schema, ())


def _keys(schema: Mapping[str, Any], node: Mapping[str, Any], steps: tuple[str, ...]) -> Iterator[str]:
    for name, value in node.get("properties", {}).items():
        block = _block(schema, value)
        if block is not None and len(steps) < _DEEPEST:
            yield from _keys(schema, block, (*steps, name))
        elif block is None:
            yield ".".join((*steps, name))


def _block(schema: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The block that a key holds, None where it holds something else or one of several."""
    for each in (value, *value.get("anyOf", ()), *value.get("allOf", ())):
        if "$ref" in each:
            found: Mapping[str, Any] = schema["$defs"][each["$ref"].rpartition("/")[2]]
            return found if "properties" in found else None
    return None
