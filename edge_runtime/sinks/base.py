"""What every place for results offers to the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edge_runtime.core import ClassTable, Clock, Frame, FrameResult, SystemClock
from edge_runtime.errors import SinkError


class ResultsLost(SinkError):
    """Results that went nowhere, though the sink stays and takes the next one: why, and how many.

    Raised by `write` they include the one that was given, unless that one went out and earlier ones turn out to be
    lost; raised by `close` they are earlier ones.
    """

    def __init__(self, why: str, count: int = 1) -> None:
        super().__init__(why)
        self.count = count


@dataclass(frozen=True)
class SinkContext:
    """What a sink learns before the first result.

    `folder` is the run folder, which exists and is writable. `shown` names the stages whose output is the pipeline's
    last word (those that no other stage consumes); pictures show these only. `instead` names for a shown stage another
    one that is shown where it said nothing. `fps` is the source's rate, of several cameras that of the first, and
    `cameras` are their names; `pipeline` is the pipeline's.
    """

    folder: Path
    classes: ClassTable
    shown: tuple[str, ...]
    fps: float
    instead: Mapping[str, str] = field(default_factory=dict)
    cameras: tuple[str, ...] = ()
    pipeline: str = ""
    clock: Clock = field(default_factory=SystemClock)


class Sink(Protocol):
    """Takes results in frame order from a thread of its own.

    `open` fails before the first frame. A `write` that raises `ResultsLost` did not take what it was given; any other
    `SinkError` or `OSError` ends this sink only. `close` flushes and may be called twice. `name` begins with the
    sink's kind and stands when it is open; no two sinks of a pipeline have the same.
    """

    @property
    def name(self) -> str: ...

    def open(self, context: SinkContext) -> None: ...

    def write(self, frame: Frame, result: FrameResult) -> None: ...

    def close(self) -> None: ...


def is_urgent(sink: Sink) -> bool:
    """Whether somebody acts on its results at once, so that its thread may not stand behind others."""
    return bool(getattr(sink, "urgent", False))
