"""What comes with the package and goes by name: `edge-run demo`, `onnx: demo_detector`, `ladder: orin_agx_30w`.

A name has no folder and no ending. Where a file of that very name lies at hand, the file is meant.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["pipelines", "networks", "ladders", "plants", "scenarios"]

_PACKAGE = Path(__file__).parents[1]
_FOLDERS: dict[Kind, tuple[str, str]] = {
    "pipelines": ("pipelines", "*.yaml"),
    "networks": ("assets", "*.onnx"),
    "ladders": ("configs/ladders", "*.yaml"),
    "plants": ("configs/plants", "*.yaml"),
    "scenarios": ("configs/scenarios", "*.yaml"),
}


def file_of(path: str) -> Path:
    """A file or folder such as `configs/pipeline.schema.json`: in an installed package it lies within, in a checkout
    beside it (setup.py).
    """
    inside = _PACKAGE / path
    return inside if inside.exists() else _PACKAGE.parent / path


@cache
def shipped(kind: Kind) -> dict[str, Path]:
    """All of a kind by name, in the order of their names."""
    folder, pattern = _FOLDERS[kind]
    return {path.stem: path for path in sorted(file_of(folder).glob(pattern))}


def meant(kind: Kind, text: str, folder: Path | str = ".") -> Path | None:
    """The shipped file that `text` names, seen from a folder; None where it is no such name or a file of its own."""
    found = shipped(kind).get(text)
    return None if os.path.isfile(os.path.join(folder, text)) else found


def at_home(kind: Kind, path: str) -> str:
    """The same file, where a path of another machine names one that ships and is not there here."""
    return path if os.path.exists(path) else str(shipped(kind).get(Path(path).stem, path))


def purpose(path: Path) -> str:
    """The first sentence of the comment at the top of a file, which says what it is for."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.removeprefix("#").strip()
        if not line.startswith("#") or not text:
            break
        words += text.split()
    sentence, end, _ = " ".join(words).partition(". ")
    return sentence + end.strip()
