"""Values that replace those of the file: `--set models.road.onnx=other.onnx`, or a mapping from Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from edge_runtime.errors import Problem

from .document import Document, NoSuchItem, Place, Where
from .words import show
from .yaml_source import parse_value

Overrides = Iterable[str] | Mapping[str, Any]


def apply(document: Document, overrides: Overrides) -> list[Problem]:
    """Write the overrides into the document, later ones over earlier ones; what cannot be written is returned.

    A key is dotted; list items go by number or by name (`stages.objects.model`). The value is YAML (`80`, `[640, 384]`,
    `{city: 15, highway: 30}`). A whole block is replaced, never mixed with the file's.
    """
    problems = []
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            label = f"overrides[{key!r}]"
            problems += _set(document, label, str(key), _plain(value))
        return problems
    for text in [overrides] if isinstance(overrides, str) else overrides:
        label = f"--set {text}"
        key, equals, value_text = text.partition("=")
        key = key.strip()
        if not equals or not all(part.strip() for part in key.split(".")):
            what = (
                "has no `=`"
                if not equals
                else "has no key before the `=`"
                if not key
                else "has an empty part in its key"
            )
            problems.append(
                Problem("", what, "write `--set key.of.block=value`, such as `--set source.path=x.mp4`", label)
            )
            continue
        try:
            value = parse_value(value_text)
        except ValueError as error:
            fix = f"quote the value for YAML: `--set {key}='\"…\"'`"
            problems.append(Problem(key, f"{show(value_text)} is not a value: {error}", fix, label))
            continue
        for place in _places(document, key):
            problems += _set(document, label, place, value)
    return problems


def _places(document: Document, key: str) -> list[str]:
    """`source.pace` is that of every camera where the file has `sources`."""
    first, _, rest = key.partition(".")
    several = document.data.get("sources")
    if first != "source" or not rest or not isinstance(several, list) or "source" in document.data:
        return [key]
    return [f"sources.{index}.{rest}" for index in range(len(several))]


def _set(document: Document, label: str, key: str, value: Any) -> list[Problem]:
    try:
        where = document.find(key)
    except NoSuchItem as error:
        return [Problem(key, error.what, error.fix, label)]
    parent: Any = document.data
    for depth, step in enumerate(where[:-1], start=1):
        if isinstance(parent, dict) and parent.get(step) is None:
            parent[step] = {}
            _forget(document, where[:depth], Place(label))
        parent = parent[step]
    parent[where[-1]] = value
    _forget(document, where, Place(label))
    return []


def _forget(document: Document, where: Where, place: Place) -> None:
    """Everything at and below `where` now comes from the override."""
    for known in (document.keys, document.values):
        for old in [path for path in known if path[: len(where)] == where]:
            del known[old]
        known[where] = place


def _plain(value: Any) -> Any:
    """A value from Python as YAML would have it; what YAML has no word for is left for the schema to refuse."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(child) for child in value]
    return value
