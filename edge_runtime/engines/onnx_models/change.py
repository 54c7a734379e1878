"""What every change of a model is, and the check that most of them share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from ..base import Array
from .agreement import EXACT, Tolerance
from .running import Runner, Sampler

Pair = tuple[dict[str, Array], dict[str, Array]]


class Change(Protocol):
    """One edit. `apply` may use the model up and says in words what it did; it raises `EngineError`.

    `runs` gives what each call must give (from the model before) beside what it gives (from the model after).
    """

    @property
    def name(self) -> str: ...

    @property
    def tolerance(self) -> Tolerance: ...

    def apply(self, model: Any) -> tuple[Any, str]: ...

    def runs(self, before: Any, after: Any, sampler: Sampler) -> Iterator[Pair]: ...


class Exact:
    """A change after which the outputs that both have are the same."""

    tolerance = EXACT

    def runs(self, before: Any, after: Any, sampler: Sampler) -> Iterator[Pair]:
        wanted = [entry.name for entry in after.graph.output]
        old, new = Runner(before, wanted), Runner(after)
        for feeds in sampler.calls(old):
            yield old.run(feeds, wanted), new.run(feeds)
