"""Faults as people type them, `KIND:key=value,…`: turned into the blocks that the schema checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from edge_runtime.errors import Problem

from .document import Document, Place, Where
from .schema import Fault, FaultBlock
from .spot import members, tag
from .words import either

KINDS: dict[str, type[FaultBlock]] = {cast(str, tag(block)): block for block in members(Fault)}
_STAND_IN = {"kind": "sensor_dead"}


class _Flaw(ValueError):
    """A text that is no fault: what is wrong from which letter on, and how to write it."""

    def __init__(self, what: str, fix: str, first: int, width: int) -> None:
        super().__init__(what)
        self.what, self.fix, self.first, self.width = what, fix, first, width


@dataclass(slots=True)
class _Read:
    """The block of a text, and which letters of the text each key and each value is."""

    data: dict[str | int, Any]
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    values: dict[str, tuple[int, int]] = field(default_factory=dict)


def resolve(document: Document, given: Iterable[str] = ()) -> list[Problem]:
    """Put blocks in the place of texts under `faults:`, and those `given` on the command line behind them.

    What cannot be read as a fault is returned; something harmless stands in for it, since nothing will run.
    """
    listed = document.data.get("faults")
    if not isinstance(listed, list | None):
        return []
    items = [*(listed or ()), *given]
    places = [document.place(("faults", n)) for n in range(len(listed or ()))]
    places += [Place(f"--fault {text}", 0, 1, text, max(1, len(text))) for text in given]
    problems: list[Problem] = []
    for n, (item, place) in enumerate(zip(items, places, strict=True)):
        if not isinstance(item, str):
            continue
        where: Where = ("faults", n)
        document.values[where] = place
        try:
            read = _read(item)
        except _Flaw as flaw:
            items[n] = dict(_STAND_IN)
            spot = _within(place, item, flaw.first, flaw.width)
            problems.append(
                Problem("faults", flaw.what, flaw.fix, spot.file, spot.line, spot.column, spot.text, spot.width)
            )
            continue
        items[n] = read.data
        for known, letters in ((document.keys, read.keys), (document.values, read.values)):
            known.update({(*where, key): _within(place, item, *spot) for key, spot in letters.items()})
    if items:
        document.data["faults"] = items
    return problems


def _read(text: str) -> _Read:
    kind, _, rest = text.partition(":")
    read = _Read({"kind": kind.strip()}, values={"kind": (0, len(kind))})
    if "=" in kind:
        fix = f"the kinds are {either(KINDS, 'and')}; in a list on one line a fault goes into quotes"
        raise _Flaw(f"'{text}' does not begin with the kind of a fault", fix, 0, len(text))
    block = KINDS.get(kind.strip())
    if block is None or not rest.strip():
        return read
    first = len(kind) + 1
    for part in rest.split(","):
        key, equals, value = part.partition("=")
        at = first + (len(key) + 1 if equals else 0)
        if not equals:
            if block.main is None:
                raise _Flaw(f"'{part}' has no `=`", f"write `{_example(block)}`", first, len(part))
            key, value = block.main, part
        key = key.strip()
        if key in read.data:
            raise _Flaw(f"`{key}` is given twice", "give it once", first, len(part))
        read.data[key] = _value(value.strip())
        read.keys[key] = (first, max(1, len(part) if at == first else len(part) - len(value) - 1))
        read.values[key] = (at, max(1, len(value)))
        first += len(part) + 1
    return read


def _example(block: type[FaultBlock]) -> str:
    """The text form with what this kind needs, and when."""
    fields = {field.alias or name: field for name, field in block.model_fields.items() if name != "kind"}
    parts = [
        f"{key}={field.examples[0]}"
        for key, field in fields.items()
        if field.examples and (key in ("t", "d") or field.is_required())
    ]
    return f"{tag(block)}:{','.join(parts)}"


def _value(text: str) -> Any:
    """A plain number as such; everything else, units included, is the schema's matter."""
    if re.fullmatch(r"[+-]?\d{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?\d+\.\d+", text) else text or None


def _within(place: Place, text: str, first: int, width: int) -> Place:
    """Where a part of the text stands, when it stands in the line as it was typed."""
    column = place.column + (place.text[place.column - 1 : place.column] in ("'", '"')) + first
    shown = place.text[column - 1 : column - 1 + width]
    return replace(place, column=column, width=width) if shown and shown == text[first : first + width] else place
