"""A pipeline file as plain values that know their place in the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.errors import Problem

from .words import did_you_mean, either

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of the file (1-based line and column), or the override a value came from (line 0)."""

    file: str
    line: int = 0
    column: int = 0
    text: str = ""
    width: int = 1


class NoSuchItem(LookupError):
    """A dotted key that leads nowhere; `what` is wrong with it and how to `fix` it."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


@dataclass(frozen=True)
class Document:
    """`data` as YAML has it (mappings, lists, scalars), and the place of every key and every value in it.

    Belongs to the loading of one file: overrides and resolved paths are written into it before it becomes a config.
    """

    file: str
    data: dict[str | int, Any]
    keys: dict[Where, Place] = field(default_factory=dict)
    values: dict[Where, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def get(self, where: Where) -> Any:
        """The value there, None where there is none."""
        value: Any = self.data
        for step in where:
            try:
                value = value[step]
            except (LookupError, TypeError):
                return None
        return value

    def match(self, pattern: str) -> Iterator[tuple[Where, Any]]:
        """Every existing key like `models.*.onnx`, with its value."""
        found: list[tuple[Where, Any]] = [((), self.data)]
        for step in pattern.split("."):
            found = [
                ((*where, key), child)
                for where, value in found
                for key, child in _children(value)
                if step in ("*", str(key))
            ]
        yield from found

    def known(self, where: Iterable[str | int]) -> Where:
        """The same steps with the items of lists as numbers."""
        steps: Where = ()
        for step in where:
            if isinstance(step, str) and step.isdecimal() and isinstance(self.get(steps), list):
                step = int(step)
            steps = (*steps, step)
        return steps

    def place(self, where: Where, *, key: bool = False) -> Place:
        """Of the value (or its key), or of the nearest block around it that is in the text."""
        if where in self.values and not (key and where in self.keys):
            return self.values[where]
        for length in range(len(where), 0, -1):
            known = self.keys.get(where[:length]) or self.values.get(where[:length])
            if known:
                return known
        return Place(self.file, 1, 1)

    def from_override(self, where: Where) -> bool:
        return self.place(where).line == 0

    def problem(self, where: Where, what: str, fix: str = "", *, key: bool = False) -> Problem:
        place = self.place(where, key=key)
        return Problem(
            self.dotted(where), what, fix, place.file, place.line, place.column, text=place.text, width=place.width
        )

    def dotted(self, where: Where) -> str:
        """`stages.objects.model`: as a person says it and `--set` takes it, list items by name where they have one."""
        steps = []
        value: Any = self.data
        for step in where:
            if isinstance(value, list):
                names = _item_names(value)
                steps.append(next((name for name, index in names.items() if index == step), str(step)))
            else:
                steps.append(str(step))
            value = next((child for key, child in _children(value) if key == step), None)
        return ".".join(steps)

    def find(self, dotted: str) -> Where:
        """The steps of a dotted key; keys that a mapping does not have yet are taken as they are."""
        where: Where = ()
        value: Any = self.data
        rest = dotted.split(".")
        step: str | int
        while rest:
            if isinstance(value, list):
                step, used = _item(value, rest[0], self.dotted(where)), 1
            elif isinstance(value, dict) or value is None:
                step, used = _key(value or {}, rest)
            else:
                raise NoSuchItem(f"{self.dotted(where)} is a single value; it has no `{rest[0]}`")
            where, rest = (*where, step), rest[used:]
            value = next((child for key, child in _children(value) if key == step), None)
        return where


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _item_names(items: list[Any]) -> dict[str, int]:
    """Index by what a list item is called: its `name`, else its `camera` or `kind`, where only one item has it."""
    called = [_called(item) if isinstance(item, dict) else "" for item in items]
    usable = {name for name in called if called.count(name) == 1 and name and "." not in name and not name.isdigit()}
    return {name: index for index, name in enumerate(called) if name in usable}


def _called(item: dict[str | int, Any]) -> str:
    return str(next((item[key] for key in ("name", "camera", "kind") if key in item), ""))


def _item(items: list[Any], step: str, place: str) -> int:
    names = _item_names(items)
    if step in names:
        return names[step]
    if step.isdecimal():
        if int(step) < len(items):
            return int(step)
        count = f"{len(items)} item{'s' * (len(items) != 1)}"
        raise NoSuchItem(
            f"{place} has {count}, so no item {step}", "items count from 0; to add one, set the whole list"
        )
    fix = did_you_mean(step, names) or (f"there is {either(names, 'and')}" if names else "take the item by its number")
    raise NoSuchItem(f"{place} has no item `{step}`", fix)


def _key(mapping: dict[str | int, Any], rest: list[str]) -> tuple[str | int, int]:
    """The key that `rest` begins with and how many of its parts it is made of: a name may contain dots."""
    for used in range(len(rest), 0, -1):
        name = ".".join(rest[:used])
        for key in mapping:
            if str(key) == name:
                return key, used
    numbered = bool(mapping) and all(isinstance(key, int) for key in mapping)
    return (int(rest[0]) if numbered and rest[0].isdecimal() else rest[0]), 1
