"""What follows from networks that fail frame after frame: they are made anew, taken out, or the run ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_runtime.errors import EngineError

from .entry import Entry
from .optional import ENGINE_FAILURES_IN_A_ROW, OptionalModels


class Recovery:
    """Hears of every finished round, in order; what is `due` is done by `act`, with nothing in flight.

    `make_anew` makes all networks anew and is called once; without it the first row of failures ends the run. Models
    that the run can do without are made anew by themselves, and taken out when that does not help.
    """

    def __init__(self, make_anew: Callable[[], None] | None = None, optional: OptionalModels | None = None) -> None:
        self._make_anew, self._optional = make_anew, optional
        self._in_a_row = 0
        self._broken = False

    def see(self, entries: Sequence[Entry]) -> EngineError | None:
        """What came of a round of frames; returns the error that ends the run, None when it goes on."""
        error = next((entry.engine_error for entry in entries if entry.engine_error), None)
        self._in_a_row = self._in_a_row + 1 if error else 0
        if self._in_a_row < ENGINE_FAILURES_IN_A_ROW or self._broken:
            return None
        if self._make_anew is None:
            return EngineError(f"{error} ({self._in_a_row} frames in a row)")
        self._broken = True
        return None

    @property
    def due(self) -> bool:
        return self._broken or (self._optional is not None and self._optional.due)

    def act(self) -> None:
        """Raises `EngineError` when nothing helps."""
        if self._broken and self._make_anew is not None:
            make_anew, self._make_anew = self._make_anew, None
            make_anew()
            self._in_a_row, self._broken = 0, False
        elif self._optional is not None:
            self._optional.repair()
