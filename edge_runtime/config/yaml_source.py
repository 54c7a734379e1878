"""YAML to plain values with the place of each, and without the traps of YAML.

Scalars are read by the core schema of YAML 1.2, as editors do: only `true` and `false` are booleans, so that `on`,
`yes` and `NO` stay the texts they look like (a switch of the schema takes them all the same), `1e-3` is a number,
`12:30` and `2024-01-01` are texts and `010` is ten. Anchors, aliases and merge keys (`<<`) work. PyYAML's own parser
in Python is used rather than libyaml: its complaints are the same everywhere, and a file is short.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.errors import ConfigError, Problem

from .document import Document, Place, Where
from .shipped import Kind
from .yaml_text import empty, not_a_block, read_text, syntax_problem

_MAX_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"


class _CoreLoader(yaml.SafeLoader):
    """Composes nodes; their tags follow YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML copies it before adding)


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _CoreLoader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


def read(path: Path | str, kind: Kind | None = None) -> Document:
    """The file as values with places; raises ConfigError when there is nothing to go on with."""
    return parse(read_text(Path(path), str(path), kind), str(path), kind)


def parse(text: str, file: str, kind: Kind | None = None) -> Document:
    """As `read`, of a text; `file` is what messages call it."""
    lines = text.splitlines()
    try:
        node = _compose(text)
        if node is None:
            raise empty(file, kind)
        if not isinstance(node, yaml.MappingNode):
            mark = node.start_mark
            found = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
            raise not_a_block(file, kind, found, mark.line + 1, mark.column + 1, lines[mark.line])
        document = Document(file, {})
        _Builder(document, lines).fill(node)
        return document
    except yaml.YAMLError as error:
        raise ConfigError([syntax_problem(error, file, lines)]) from error
    except RecursionError:
        raise ConfigError([Problem("", "blocks inside blocks, too deep to read", "", file)]) from None


def parse_value(text: str) -> Any:
    """One value on its own, as the right side of an override; raises ValueError with the reason."""
    try:
        node = _compose(text)
        if node is None:
            return None
        builder = _Builder(Document("", {}), text.splitlines())
        value = builder.value(node, ())
    except yaml.MarkedYAMLError as error:
        raise ValueError(syntax_problem(error, "", text.splitlines()).what) from None
    except (yaml.YAMLError, RecursionError):
        raise ValueError("is not YAML") from None
    if builder.flaws:
        raise ValueError(builder.flaws[0])
    return value


def _compose(text: str) -> yaml.Node | None:
    loader = _CoreLoader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


class _Builder:
    """Fills a document from nodes, and notes what YAML itself allows but a pipeline file does not."""

    def __init__(self, document: Document, lines: list[str]) -> None:
        self._document = document
        self._lines = lines
        self._open: set[int] = set()
        self._flaws: list[tuple[Where, Place, str, str]] = []
        self._count = 0

    def fill(self, root: yaml.MappingNode) -> None:
        self._document.data.update(self.value(root, ()) or {})
        self._document.problems.extend(
            Problem(
                self._document.dotted(where), what, fix, place.file, place.line, place.column, place.text, place.width
            )
            for where, place, what, fix in self._flaws
        )

    @property
    def flaws(self) -> list[str]:
        return [what for _, _, what, _ in self._flaws]

    def value(self, node: yaml.Node, where: Where) -> Any:
        self._document.values[where] = self._place(node)
        self._count += 1
        if self._count > _MAX_VALUES:
            raise yaml.MarkedYAMLError(None, None, f"more than {_MAX_VALUES} values", node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if id(node) in self._open:
            self._complain(
                node, where, "a block that contains itself", "an alias (*) cannot stand inside its own anchor"
            )
            return None
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self._tag_problem(node, where)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(child, (*where, index)) for index, child in enumerate(node.value)]
            return self._mapping(node, where)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, where: Where) -> dict[str | int, Any]:
        found: dict[str | int, Any] = {}
        for key, key_node, value_node in self._entries(node, where):
            path = (*where, key)
            self._document.keys[path] = self._place(key_node)
            found[key] = self.value(value_node, path)
        return found

    def _entries(self, node: yaml.Node, where: Where) -> Iterator[tuple[str | int, yaml.Node, yaml.Node]]:
        """Keys with their nodes; what `<<` merges in comes after the block's own keys, which win."""
        own: dict[str | int, yaml.Node] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            key = self._key(key_node, where)
            if key is None:
                continue
            if key in own:
                what = f"key is written twice, first in line {own[key].start_mark.line + 1}"
                self._complain(key_node, (*where, key), what, "keep one of them")
                continue
            own[key] = key_node
            yield key, key_node, value_node
        for base in merged:
            if not isinstance(base, yaml.MappingNode):
                self._complain(base, (*where, "<<"), "only a block can be merged in", "`<<: *name` of a block `&name`")
                continue
            if id(base) in self._open:
                self._complain(
                    base, (*where, "<<"), "a block that contains itself", "an alias cannot merge its own block"
                )
                continue
            self._open.add(id(base))
            for key, key_node, value_node in self._entries(base, where):
                if key not in own:
                    own[key] = key_node
                    yield key, key_node, value_node
            self._open.discard(id(base))

    def _key(self, node: yaml.Node, where: Where) -> str | int | None:
        if not isinstance(node, yaml.ScalarNode):
            self._complain(node, where, "a key must be a single word", "")
            return None
        if node.tag == _TAG + "null":
            self._complain(node, where, "a `:` without a key before it", "write `key: value`")
            return None
        return (
            int(node.value)
            if node.tag == _TAG + "int" and len(node.value) < 10 and "x" not in node.value
            else node.value
        )

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> Any:
        text: str = node.value
        try:
            match node.tag.removeprefix(_TAG):
                case "str":
                    return text
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int":
                    return int(text, {"0x": 16, "0o": 8}.get(text[:2].lower(), 10))
                case "float":
                    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
                case "merge":
                    return text
        except (ValueError, KeyError):
            self._complain(node, where, f"{node.value[:40]!r} is not a number YAML can hold", "")
            return None
        self._tag_problem(node, where)
        return text

    def _tag_problem(self, node: yaml.Node, where: Where) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._complain(node, where, f"the tag {tag} means nothing here", "take it away: values are plain YAML")

    def _complain(self, node: yaml.Node, where: Where, what: str, fix: str) -> None:
        self._flaws.append((where, self._place(node), what, fix))

    def _place(self, node: yaml.Node) -> Place:
        start, end = node.start_mark, node.end_mark
        text = self._lines[start.line] if start.line < len(self._lines) else ""
        stop = end.column if end.line == start.line else len(text.rstrip())
        return Place(self._document.file, start.line + 1, start.column + 1, text, max(1, stop - start.column))
