"""What every place for results offers to the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge_runtime.core import ClassTable, Frame, FrameResult


@dataclass(frozen=True)
class SinkContext:
    """What a sink learns before the first result.

    `folder` is the run folder, which exists and is writable. `shown` names the stages whose output is the pipeline's
    last word (those that no other stage consumes); pictures show these only. `instead` names for a shown stage another
    one that is shown where it said nothing. `fps` is the source's rate, of several cameras that of the first, and
    `cameras` are their names.
    """

    folder: Path
    classes: ClassTable
    shown: tuple[str, ...]
    fps: float
    instead: Mapping[str, str] = field(default_factory=dict)
    cameras: tuple[str, ...] = ()


class Sink(Protocol):
    """Takes results in frame order from a thread of its own.

    `open` fails before the first frame; a `write` that raises `SinkError` or `OSError` ends this sink only.
    `close` flushes and may be called twice.
    """

    name: str

    def open(self, context: SinkContext) -> None: ...

    def write(self, frame: Frame, result: FrameResult) -> None: ...

    def close(self) -> None: ...
