"""The copy of a pipeline file that a service runs: paths absolute, overrides written in, comments kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from edge_runtime.config import yaml_source
from edge_runtime.config.document import Document, Where
from edge_runtime.config.export import to_document
from edge_runtime.config.load import LoadedPipeline

_PLAIN = re.compile(r"[A-Za-z/][\w./+@-]*")
# Words that are no text to YAML.
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def standing_copy(text: str, loaded: LoadedPipeline) -> str:
    """`text` changed, value by value, until it says what was loaded from it wherever it is read.

    A change that cannot be made in the text (another block in the place of one, an alias) gives the resolved pipeline
    instead, as a run's folder holds it.
    """
    wanted = loaded.positions.data
    original = yaml_source.parse(text, str(loaded.path))
    try:
        lines = text.splitlines(keepends=True)
        changes = list(_changes(original.data, wanted))
        # From the end, so that what comes before stays where it is.
        for where, value in sorted(changes, key=lambda change: _spot(original, change[0]), reverse=True):
            _write(lines, original, where, value)
        changed = "".join(lines)
        if yaml_source.parse(changed, "").data == wanted:
            return changed
    except (_NotInTheText, yaml.YAMLError, ValueError):
        pass
    resolved: str = yaml.safe_dump(to_document(loaded.config), sort_keys=False, allow_unicode=True)
    return resolved


class _NotInTheText(Exception):
    """A change that takes a block away."""


def _changes(old: Any, new: Any, where: Where = ()) -> Iterator[tuple[Where, Any]]:
    """The single values that differ, and the keys that came in."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() <= new.keys():
        for key, value in new.items():
            if key in old:
                yield from _changes(old[key], value, (*where, key))
            else:
                yield (*where, key), value
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _changes(before, after, (*where, index))
    elif old != new or type(old) is not type(new):
        if isinstance(old, dict | list):
            raise _NotInTheText
        yield where, new


def _spot(document: Document, where: Where) -> tuple[int, int]:
    place = document.values.get(where) or document.place(_neighbour(document, where))
    return place.line, place.column


def _neighbour(document: Document, where: Where) -> Where:
    """The single value in the same block that a new key is written after."""
    block = document.get(where[:-1])
    for key, value in block.items() if isinstance(block, dict) else ():
        if not isinstance(value, dict | list):
            return (*where[:-1], key)
    raise _NotInTheText


def _write(lines: list[str], document: Document, where: Where, value: Any) -> None:
    if where in document.values:
        place = document.values[where]
        line, start = place.line - 1, place.column - 1
        lines[line] = lines[line][:start] + _flow(value) + lines[line][start + place.width :]
        return
    beside = _neighbour(document, where)
    key, place = document.keys[beside], document.values[beside]
    line, end = place.line - 1, place.column - 1 + place.width
    entry = f"{where[-1]}: {_flow(value)}"
    if lines[line][end:].lstrip().startswith((",", "}")):
        lines[line] = f"{lines[line][:end]}, {entry}{lines[line][end:]}"
    else:
        lines.insert(line + 1, " " * (key.column - 1) + entry + "\n")


def _flow(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML
