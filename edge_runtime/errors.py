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
    line 0 when the value came from `--set` and `file` then reads `--set models.road=…`). `text` is that line of the
    file and `width` the number of its characters at fault: with them the mistake is shown underlined.
    """

    where: str
    what: str
    fix: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    text: str = ""
    width: int = 1

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        head = ": ".join(part for part in (place, self.where, self.what) if part)
        return "\n".join([head, *self._excerpt(), *(f"    {line}" for line in self.fix.splitlines())])

    def _excerpt(self) -> list[str]:
        """The line with the mistake underlined; of a long line, the part around the mistake."""
        first = max(0, self.column - 1 - 60) if len(self.text) > 100 else 0
        part = self.text[first : first + 100].replace("\t", "→")
        shown = "".join(letter if letter.isprintable() else " " for letter in part)
        if not shown.strip():
            return []
        indent = len(shown) - len(shown.lstrip())
        before = max(0, self.column - 1 - first - indent)
        width = max(1, min(self.width, len(shown) - indent - before))
        return [f"    | {shown[indent:].rstrip()}", f"    | {' ' * before}{'^' * width}"]


class ConfigError(EdgeRuntimeError):
    """A pipeline file (or an override of it) that cannot run; holds every mistake found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("a ConfigError needs at least one problem")
        self.problems = tuple(problems)
        entries = [str(problem) for problem in self.problems]
        if len(entries) > 1:
            entries.append(f"{len(entries)} mistakes; nothing was started.")
        super().__init__("\n\n".join(entries))


class SourceError(EdgeRuntimeError):
    """A camera, video or folder that cannot be opened or read."""


class EngineError(EdgeRuntimeError):
    """A network that cannot be loaded or whose call failed."""


class EngineHangs(EngineError):
    """A call of a network that has not come back: nothing can stop it, and only a new process can use that network."""


class OutputError(EdgeRuntimeError):
    """A network output that cannot be decoded (NaN, infinity, wrong shape): the frame fails, the run goes on."""


class SinkError(EdgeRuntimeError):
    """A place for results that cannot be opened or written."""


class LabelError(EdgeRuntimeError):
    """Labels that cannot be read, or that do not belong to the pictures or classes of a pipeline."""


class TelemetryError(EdgeRuntimeError):
    """A source of measurements that does not answer, or a setting of the board that it did not take."""


class RunError(EdgeRuntimeError):
    """A run that could not start or had to stop."""


class MissingPart(RunError):
    """An optional part of this package that is not installed; says what adds it."""
