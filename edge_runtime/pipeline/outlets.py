"""Everything that takes the results of a run: the sinks of its file, and guests who listen for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress

from edge_runtime.core import Clock, Frame, FrameResult
from edge_runtime.core.trace import TraceLog
from edge_runtime.errors import SinkError
from edge_runtime.sinks.base import Sink, SinkContext

from .outlet import Outlet
from .summary import SinkAccount

# How long a sink may take to flush after the last frame before it is left behind and named.
FLUSH_S = 10.0


class Outlets:
    """Opens each sink, and puts it behind an outlet of its own; guests are in no books.

    Raises what a sink raises that cannot be opened, with those before it closed again.
    """

    def __init__(
        self, sinks: Iterable[Sink], context: SinkContext, *, waits: bool, clock: Clock, trace: TraceLog | None = None
    ) -> None:
        self._context, self._clock = context, clock
        opened = []
        with ExitStack() as opening:
            for sink in sinks:
                sink.open(context)
                opening.callback(_close_quietly, sink)
                opened.append(sink)
            opening.pop_all()
        self._own = [Outlet(sink, waits=waits, clock=clock, trace=trace) for sink in opened]
        self.guests: tuple[Outlet, ...] = ()
        self._guests_change, self._admits = threading.Lock(), True

    def offer(self, frame: Frame, result: FrameResult) -> None:
        for outlet in (*self._own, *self.guests):
            outlet.offer(frame, result)

    def listen(self, sink: Sink) -> Callable[[], None]:
        """Give every result from now on to `sink` too, until the returned function is called; none after `close`."""
        sink.open(self._context)
        with self._guests_change:
            if not self._admits:
                return sink.close
            guest = Outlet(sink, waits=False, clock=self._clock)
            self.guests = (*self.guests, guest)

        def leave() -> None:
            with self._guests_change:
                self.guests = tuple(each for each in self.guests if each is not guest)
            guest.close(FLUSH_S)

        return leave

    def close(self) -> None:
        """Let each write what waits for it, and end; one that takes longer than `FLUSH_S` is left and named."""
        with self._guests_change:
            guests, self.guests, self._admits = self.guests, (), False
        for outlet in (*guests, *self._own):
            outlet.close(FLUSH_S)

    def accounts(self) -> dict[str, SinkAccount]:
        return {outlet.name: SinkAccount(outlet.written, outlet.dropped, outlet.error) for outlet in self._own}

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be said of sinks whose other end comes and goes."""
        return tuple(notice for outlet in self._own for notice in outlet.notices)


def _close_quietly(sink: Sink) -> None:
    """Undo an `open` while another error is already on its way to the user."""
    with suppress(SinkError, OSError):
        sink.close()
