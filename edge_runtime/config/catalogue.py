"""What ships with the package, for people to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths, yaml_source
from .shipped import Kind, purpose, shipped

# The last step of a key -> what belongs there.
_WORDS = {"onnx": "an ONNX", "path": "a video"}


@dataclass(frozen=True, slots=True)
class ShippedPipeline:
    """A pipeline, what it is for, and the keys that `--set` must fill before it runs, each with the file it names."""

    name: str
    path: Path
    purpose: str
    needs: Mapping[str, str]

    @property
    def needed(self) -> str:
        """`a network, a video`"""
        words = [_WORDS.get(key.rpartition(".")[2], key) for key in self.needs]
        return ", ".join(words) or "nothing"

    def document(self) -> dict[str, Any]:
        return {"name": self.name, "for": self.purpose, "needs": dict(self.needs), "path": str(self.path)}


def shipped_pipelines() -> list[ShippedPipeline]:
    """Those that ship, in the order of their names."""
    found = []
    for name, path in shipped("pipelines").items():
        document = yaml_source.read(path)
        paths.resolve(document)
        missing = [problem.where for problem in paths.missing(document)]
        needs = {key: Path(document.get(document.find(key))).name for key in sorted(missing)}
        found.append(ShippedPipeline(name, path, purpose(path).removeprefix("For ").removesuffix("."), needs))
    return found


def catalogue() -> dict[str, Any]:
    """Everything that goes by name, as `edge-run list --json` prints it."""
    kinds: tuple[Kind, ...] = ("ladders", "plants", "scenarios", "networks")
    return {
        "pipelines": [pipeline.document() for pipeline in shipped_pipelines()],
        **{kind: {name: str(path) for name, path in shipped(kind).items()} for kind in kinds},
    }
