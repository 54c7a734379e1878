"""How a profile is to be made, and how it tells of itself while it is being made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .profile_usefulness import Metric
from .rules import Rules

# What is going on, how much is done, of how much, and in words what was just finished ("" in between).
Progress = Callable[[str, float, float, str], None]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """`seconds` a visit, `repeats` rounds of visits, `frames` looked at for usefulness (None: all there are).

    `resident` pictures are kept in memory, so that no decoder is measured. `only` are patterns of names of points,
    `most` bounds how many of them are measured.
    """

    seconds: float = 2.0
    repeats: int = 3
    frames: int | None = 300
    resident: int | None = None
    only: tuple[str, ...] = ()
    most: int | None = None
    metric: Metric = "streaming-ap"
    labels: Path | None = None
    stage: str | None = None
    rules: Rules = field(default_factory=Rules)


class Steps:
    """Counts what is done of all that is to do, and collects what a person should know at the end."""

    def __init__(self, total: int, progress: Progress, say: Say) -> None:
        self._done, self._total, self._progress, self._say = 0, total, progress, say
        self.warnings: dict[str, None] = {}

    def skip(self, count: int) -> None:
        """So many were done before."""
        self._done += count

    def begin(self, what: str, share: float = 0.0) -> None:
        """Something is going on, a share (0..1) of it already behind."""
        self._progress(what, self._done + share, self._total, "")

    def finish(self, result: str) -> None:
        self._done += 1
        self._progress(result, self._done, self._total, result)

    def drop(self, count: int) -> None:
        """So many will never be done."""
        self._total -= count

    def warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings[sentence] = None
            self._say(sentence)
