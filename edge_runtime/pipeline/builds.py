"""Who hears of engine builds while a pipeline starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_runtime.engines.tensorrt.progress import Progress


def _silent(sentence: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Builds:
    """`say` hears sentences for the user; `listener(model name, progress)` how far a build is."""

    say: Callable[[str], None] = _silent
    listener: Callable[[str, Progress], None] | None = None
