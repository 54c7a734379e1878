"""What a network's class indices are called."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_runtime.core.classes import COCO

from .schema import ClassesBlock


def class_names(block: ClassesBlock) -> dict[int, str]:
    """Name by class index, for the classes a network's output has and the file wants.

    `coco`, a list and a class file number their names from 0, each name once. A mapping names only some indices, and
    what the network says about the others is left out; it may give several indices one name, which makes them one
    class. Raises ValueError, in words for the user, when a class file cannot be read or a list repeats a name.
    """
    match block.classes:
        case "coco":
            return dict(enumerate(COCO))
        case Path() as path:
            return _distinct(enumerate(_lines(path)), f" in {path}")
        case dict() as names:
            return dict(names)
        case names:
            return _distinct(enumerate(names))


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8") from error
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    if not lines:
        raise ValueError(f"{path} is empty; it should have one class name a line")
    if "" in lines:
        raise ValueError(f"line {lines.index('') + 1} of {path} is empty; every line names one class, from index 0 on")
    return lines


def _distinct(named: Iterable[tuple[int, str]], place: str = "") -> dict[int, str]:
    names: dict[int, str] = {}
    first: dict[str, int] = {}
    for index, name in named:
        if name in first:
            raise ValueError(f"class '{name}' is named twice{place}: index {first[name]} and index {index}")
        names[index] = name
        first[name] = index
    return names
