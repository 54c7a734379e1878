"""From the class indices of one network to the class table that all stages of a pipeline share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.classes import class_names
from edge_runtime.config.schema import ClassesBlock
from edge_runtime.core import COCO, ClassTable
from edge_runtime.errors import OutputError

from .contract import Mismatch

Array = npt.NDArray[Any]
DROPPED = -1


class ClassMap:
    """Which of a network's class indices count, and the shared id of each.

    Only the indices that `classes` names compete for a box: with `{1: vehicle}` the background never wins. `keep`
    comes after that: a box whose best class is not kept is dropped, not renamed. Names are entered into the table here,
    so raises ValueError, in words for the user, for a class file that cannot be read or a `keep` that names no class.
    """

    def __init__(self, block: ClassesBlock, table: ClassTable, keep: tuple[str, ...] | None = None) -> None:
        names = dict(sorted(class_names(block).items()))
        if unknown := sorted(set(keep or ()) - set(names.values())):
            raise ValueError(f"keep names {', '.join(unknown)}, which decode.classes does not")
        self.indices = np.array(list(names), np.intp)
        first, last = int(self.indices[0]), int(self.indices[-1])
        self._columns = slice(first, last + 1) if last - first + 1 == len(names) else self.indices
        wanted = [keep is None or name in keep for name in names.values()]
        ids = [table.add(name) for name in names.values()]  # also of those not kept: a COCO network keeps COCO's ids
        ids = [class_id if want else DROPPED for class_id, want in zip(ids, wanted, strict=True)]
        self.ids = np.array(ids, np.int32)
        self.drops = DROPPED in ids
        self.end = max(ids) + 1
        self._all = not isinstance(block.classes, dict)

    def best(self, scores: Array) -> tuple[Array, npt.NDArray[np.int32]]:
        """The best score (n,) of scores (n, network classes), and its shared id (n,); DROPPED where it is not kept."""
        competing = scores[:, self._columns]
        return competing.max(axis=1), self.ids[competing.argmax(axis=1)]

    def lookup(self, indices: Array, output: str) -> npt.NDArray[np.int32]:
        """Shared ids of class indices that the network itself chose; DROPPED where they are not named or not kept.

        Raises OutputError for an index that a complete list of classes does not have.
        """
        hit = indices.astype(np.intp)[:, None] == self.indices
        found = hit.any(axis=1)
        if self._all and not found.all():
            wrong = indices[~found][0]
            raise OutputError(f"output '{output}' holds class {wrong:g}, decode.classes names {len(self.ids)}")
        return np.where(found, self.ids[hit.argmax(axis=1)], DROPPED)

    def check(self, output: str, columns: int | None, key: str = "decode.classes") -> list[Mismatch]:
        """Whether the names fit an output with this many class columns."""
        if columns is None:
            return []
        has = f"output '{output}' has {columns} class columns"
        if not self._all:
            high = int(self.indices.max())
            fix = f"Indices go from 0 to {columns - 1}"
            return [Mismatch(key, f"{key} names class {high}, {has}", fix)] if high >= columns else []
        if columns == len(self.ids):
            return []
        fix = f"List {columns} names, or {{index: name}} to use only some"
        if columns == len(COCO):
            fix += "; the 80 of COCO are classes: coco"
        return [Mismatch(key, f"{key} names {len(self.ids)} classes, {has}", fix)]
