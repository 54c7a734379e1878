"""A drive that is to be replayed, in place of a pipeline file's own sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import Problem

from .document import Document, Place, Where
from .words import either

_ONE = ("front",)


@dataclass(frozen=True)
class DriveSources:
    """A block for each camera of the drive, as the file would have it; `name` is what messages call the drive.

    Where `blocks` is None it may be any recording with the cameras that the file has.
    """

    name: str
    blocks: Sequence[Mapping[str, Any]] | None

    @classmethod
    def any(cls) -> DriveSources:
        return cls("the drives", None)

    def put_into(self, document: Document) -> list[Problem]:
        """Nothing of the file's own sources and its recording stays. A file with one camera takes those of any drive;
        one with several must know the drive's by name.
        """
        own = _cameras_named(document)
        blocks = self.blocks or [{"kind": "recording", "path": "drive.mcap", "camera": name} for name in own or _ONE]
        names = [str(block["camera"]) for block in blocks]
        problems = []
        if len(own) > 1 and not set(names) <= set(own):
            what = f"the cameras are {either(own, 'and')} here, and {either(names, 'and')} in {self.name}"
            fix = "call them in `sources:` as the drive does; a pipeline with one `source:` takes any drive"
            problems.append(document.problem(("sources",), what, fix, key=True))
        for key in ("source", "sources", "record"):
            document.data.pop(key, None)
            _forget(document, key)
        key = "sources" if len(blocks) > 1 else "source"
        document.data[key] = [dict(block) for block in blocks] if len(blocks) > 1 else dict(blocks[0])
        for known in (document.keys, document.values):
            known[key,] = Place(self.name)
        return problems


def _cameras_named(document: Document) -> list[str]:
    """The cameras of a file with several, as far as they are named; empty where it has one `source`."""
    listed = document.data.get("sources")
    blocks = listed if isinstance(listed, list) else []
    return [str(block["camera"]) for block in blocks if isinstance(block, dict) and "camera" in block]


def _forget(document: Document, key: str) -> None:
    for known in (document.keys, document.values):
        old: list[Where] = [where for where in known if where[:1] == (key,)]
        for where in old:
            del known[where]
