"""What there is to guess from."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.core import COCO

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Facts:
    """`outputs` are those of one call on a picture of `size` (width, height), batch axis first; `metadata` is what the
    exporter wrote into the file, `input_name` and `producer` as the file has them.
    """

    size: tuple[int, int]
    outputs: Mapping[str, Array]
    input_name: str = ""
    producer: str = ""
    metadata: Mapping[str, str] | None = None

    def said(self, key: str) -> str:
        return (self.metadata or {}).get(key, "")

    @property
    def names(self) -> dict[int, str]:
        """The class names in the file, as Ultralytics' exporter puts them there; empty where there are none."""
        try:
            names = ast.literal_eval(self.said("names") or "{}")
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return {}
        if isinstance(names, list | tuple):
            names = dict(enumerate(names))
        if not isinstance(names, dict) or not all(isinstance(key, int) and key >= 0 for key in names):
            return {}
        return {key: str(name) for key, name in sorted(names.items()) if str(name).strip()}


@dataclass(frozen=True, slots=True)
class Classes:
    """The `classes` of a block and where they come from; `known` where the names are more than numbers."""

    block: Any
    why: str
    known: bool


def classes(facts: Facts, columns: int, background: int | None = None) -> Classes:
    """For an output with so many class columns, one of which may be `background`."""
    if background is not None:
        numbered = {index: f"class_{index}" for index in range(columns) if index != background}
        why = f"column {background} is background: it is the sure one nearly everywhere; the names are not in the file"
        return Classes(numbered, why, False)
    names = facts.names
    if names and max(names) < columns and len(set(names.values())) == len(names):
        if tuple(names.values()) == tuple(COCO):
            return Classes("coco", "the file names them", True)
        whole = list(names) == list(range(columns))
        return Classes(list(names.values()) if whole else names, "the file names them", True)
    if columns == len(COCO):
        return Classes("coco", "80 class columns, and the names are not in the file", True)
    return Classes([f"class_{index}" for index in range(columns)], "the names are not in the file", False)


def shape_text(values: Array) -> str:
    """The shape without its batch axis."""
    return " x ".join(str(side) for side in values.shape[1:]) or "one value"


def mostly(condition: Array, share: float = 0.95) -> bool:
    """Whether it holds nearly everywhere."""
    return bool(condition.size) and float(np.mean(condition)) >= share
