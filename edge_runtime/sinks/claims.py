"""What only one sink of this process can have at a time: an address, a name.

When a service swaps its pipeline, the new run opens its sinks while the old one still has its own. What both want goes
to the new one when the old one has closed.
"""

from __future__ import annotations

import threading

_lock = threading.Lock()
_held: dict[str, Claim] = {}


class Claim:
    """On the thing of this name; each method may be called again and again."""

    def __init__(self, name: str) -> None:
        self.name = name

    def take(self) -> bool:
        """Whether it is ours, from now on or already."""
        with _lock:
            return _held.setdefault(self.name, self) is self

    def release(self) -> None:
        with _lock:
            if _held.get(self.name) is self:
                del _held[self.name]
