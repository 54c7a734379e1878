"""How far a build is: TensorRT's own phases where it tells them, its log where it does not (8.6)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_runtime.core import Clock


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a build: `done` of `total` in `phase`, and the share (0..1) of the whole build, where known."""

    phase: str
    done: int
    total: int | None
    fraction: float | None

    def __str__(self) -> str:
        steps = f"{self.done}/{self.total}" if self.total else str(self.done)
        share = "" if self.fraction is None else f" ({self.fraction:.0%})"
        return f"{self.phase} {steps}{share}"


Listener = Callable[[Progress], None]


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class BuildProgress:
    """Turns nested phases or log lines into `Progress`, and the wish to stop into an answer.

    It is called by TensorRT, which must not see an exception: the first one (Ctrl-C included) is kept in `broke` and
    ends the build at the next step. TensorRT 8.6 has no such step: there the build runs to its end first.
    """

    def __init__(self, listener: Listener | None = None, stop: threading.Event | None = None) -> None:
        self._listener, self._stop = listener, stop
        self._phases: dict[str, _Phase] = {}
        self._fraction = 0.0
        self._layers: int | None = None
        self._timed = 0
        self.broke: BaseException | None = None

    @property
    def stopped(self) -> bool:
        return self.broke is not None or (self._stop is not None and self._stop.is_set())

    def phase_start(self, name: str, parent: str | None, steps: int) -> None:
        self._phases[name] = _Phase(parent, max(1, steps))
        self._tell(name, 0, max(1, steps))

    def step_complete(self, name: str, step: int) -> bool:
        if phase := self._phases.get(name):
            phase.done = min(phase.steps, step + 1)
            self._tell(name, phase.done, phase.steps)
        return not self.stopped

    def phase_finish(self, name: str) -> None:
        phase = self._phases.pop(name, None)
        if phase is not None and phase.parent is None:
            self._fraction = 1.0
            self._tell(name, phase.steps, phase.steps)

    def log_line(self, text: str) -> None:
        """The twin for TensorRT 8.6: the log counts the layers, then names each one it times."""
        if match := re.match(r"After .*: (\d+) layers", text):
            self._layers = int(match[1])
        elif text.startswith("=============== Computing costs for"):
            self._timed += 1
            if self._layers:
                self._layers = max(self._layers, self._timed)
                self._fraction = max(self._fraction, (self._timed - 1) / self._layers)
            self._tell("timing layers", self._timed, self._layers)

    def _tell(self, phase: str, done: int, total: int | None) -> None:
        if self._phases:
            roots = [name for name, entry in self._phases.items() if entry.parent not in self._phases]
            self._fraction = max(self._fraction, self._share(roots[0]))
        if self._listener is None or self.broke is not None:
            return
        try:
            self._listener(Progress(phase, done, total, self._fraction if total else None))
        except BaseException as error:  # raised again when TensorRT has returned
            self.broke = error

    def _share(self, name: str) -> float:
        """What is done of a phase, with the open phases inside it."""
        phase = self._phases[name]
        inside = sum(self._share(child) for child, entry in self._phases.items() if entry.parent == name)
        return min(1.0, (phase.done + min(1.0, inside)) / phase.steps)


def as_lines(say: Callable[[str], None], clock: Clock, *, every_s: float = 5.0) -> Listener:
    """A listener for logs and pipes: one line at the start and then at most one in `every_s` seconds."""
    began_ns = clock.now_ns()
    due_ns = began_ns

    def tell(progress: Progress) -> None:
        nonlocal due_ns
        now_ns = clock.now_ns()
        if now_ns >= due_ns:
            due_ns = now_ns + round(every_s * 1e9)
            say(f"{progress}, {(now_ns - began_ns) / 1e9:.0f} s")

    return tell
