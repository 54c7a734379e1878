"""What a fault did, counted where it was done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaultAccount:
    """A fault as `--fault` takes it, and how often it did what; empty when its time never came."""

    fault: str
    did: Mapping[str, int]

    def __str__(self) -> str:
        did = ", ".join(f"{what.replace('_', ' ')} {count}" for what, count in self.did.items())
        return f"fault {self.fault}: {did or 'its time never came'}"


class Tally:
    """Counts by name; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        with self._lock:
            self._counts += Counter({what: count})

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)
