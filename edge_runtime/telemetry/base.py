"""What every source of measurements offers, and the thread that reads those which must be asked."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Protocol

from edge_runtime.core import Clock, TelemetrySample
from edge_runtime.errors import TelemetryError


class Reader(Protocol):
    """A source that answers when it is asked. It belongs to one thread; `close()` may be called twice."""

    @property
    def name(self) -> str: ...

    def read(self, now_ns: int) -> TelemetrySample:
        """What the board says now. Raises `TelemetryError` when nothing answers."""
        ...

    def close(self) -> None: ...


class Telemetry(Protocol):
    """The newest sample, whoever measured it. Any thread may read; `close()` ends the sampling, also when called twice.

    A source that stands still keeps its last sample: its age, `now - sample.t_ns`, is how that shows.
    """

    @property
    def name(self) -> str: ...

    @property
    def problem(self) -> str | None:
        """Why nothing fresh arrives, with what to do about it; None while all is well."""
        ...

    def read(self, now_ns: int) -> TelemetrySample | None:
        """The newest sample, None before the first."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Telemetry: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Closing(ABC):
    """`with` for a source of measurements: leaving the block closes it."""

    def __enter__(self) -> Telemetry:
        return self  # type: ignore[return-value]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None: ...


class Sampler(Closing):
    """Asks a reader once a period on a thread of its own, which it starts; owns the reader."""

    def __init__(self, reader: Reader, clock: Clock, period_ms: float) -> None:
        self.problem: str | None = None
        self._reader, self._clock, self._period_ns = reader, clock, round(period_ms * 1e6)
        self._newest: TelemetrySample | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"telemetry {reader.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return self._reader.name

    def read(self, now_ns: int) -> TelemetrySample | None:
        return self._newest

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        due_ns = self._clock.now_ns()
        while not self._stop.is_set():
            try:
                self._newest = self._reader.read(self._clock.now_ns())
                self.problem = None
            except (TelemetryError, OSError) as error:
                self.problem = str(error)
            # A slow reading moves the schedule: what was missed is not made up for in a burst.
            due_ns = max(due_ns + self._period_ns, self._clock.now_ns())
            self._clock.wait_until_ns(due_ns, self._stop)
