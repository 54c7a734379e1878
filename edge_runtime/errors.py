"""Every error this package raises on purpose. Each message says what, which value, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class EdgeRuntimeError(Exception):
    """Base of all errors a user is meant to read; the command line prints its text, never a traceback."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a pipeline file.

    `where` is the dotted key (`models.road.decode.family`), `file`/`line`/`column` point at the text (1-based;
    line 0 when the value came from `--set` and `file` then reads `--set models.road=…`).
    """

    where: str
    what: str
    fix: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = ": ".join(part for part in (place, self.where, self.what) if part)
        return f"{text}\n    {self.fix}" if self.fix else text


class ConfigError(EdgeRuntimeError):
    """A pipeline file (or an override of it) that cannot run; holds every mistake found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("a ConfigError needs at least one problem")
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SourceError(EdgeRuntimeError):
    """A camera, video or folder that cannot be opened or read."""


class EngineError(EdgeRuntimeError):
    """A network that cannot be loaded or whose call failed."""


class OutputError(EdgeRuntimeError):
    """A network output that cannot be decoded (NaN, infinity, wrong shape): the frame fails, the run goes on."""


class SinkError(EdgeRuntimeError):
    """A place for results that cannot be opened or written."""


class RunError(EdgeRuntimeError):
    """A run that could not start or had to stop."""
