"""A camera that comes and goes: lost, it is opened again and again until it is back."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Protocol

from edge_runtime.config.schema import ReconnectBlock
from edge_runtime.core import Clock
from edge_runtime.errors import SourceError

from .base import CameraAway, Closing, Picture, SourceInfo, Warnings
from .liveness import NS, FrozenPicture

# A `read` that waits comes back so often, for whoever reads to see that it is to stop.
STEP_NS = 100_000_000
# Of each wait so much is left to chance: cameras lost together do not all come back to one switch at once.
JITTER = 0.25


class OpenCamera(Protocol):
    """What `open_camera` returns; its `read` raises `CameraAway` when the camera is lost."""

    @property
    def info(self) -> SourceInfo: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def read(self) -> Picture | None: ...

    def close(self) -> None: ...


class Backoff:
    """Seconds to wait before each attempt: `first_s`, twice as long each time, at most `max_s`, less the jitter."""

    def __init__(self, block: ReconnectBlock, jitter: random.Random) -> None:
        self._block, self._jitter = block, jitter
        self._failed = 0

    def next_s(self) -> float:
        wait_s = min(self._block.first_s * 2.0 ** min(self._failed, 30), self._block.max_s)
        self._failed += 1
        return wait_s * (1 - JITTER * self._jitter.random())

    def reset(self) -> None:
        self._failed = 0


class Reconnecting(Closing):
    """The cameras that `open_camera(again)` opens, one after the other, as one source without an end.

    `read` raises `CameraAway`, with why, as long as there is no camera, at least every tenth of a second unless a
    driver holds it up: read again. Any other `SourceError` is for good: a camera that cannot work on this machine, one
    whose pictures nobody can use, or one that was away for `give_up_s`.

    One thread opens or reads at a time, others wait for it. `close` may come from any of them: it ends a wait at once,
    and a driver that holds its reader up is released by that reader when it returns.
    """

    paced = True

    def __init__(
        self,
        open_camera: Callable[[bool], OpenCamera],
        block: ReconnectBlock,
        clock: Clock,
        *,
        frozen_s: float,
        waits: bool,
        jitter: random.Random | None = None,
    ) -> None:
        self._open_camera, self._block, self._clock = open_camera, block, clock
        self._backoff = Backoff(block, jitter or random.Random())
        self._frozen, self._frozen_s = FrozenPicture(frozen_s), frozen_s
        self._warnings = Warnings()
        self._info = SourceInfo(None, None, None, None)
        self._waits = waits
        self._reading, self._closed = threading.Lock(), threading.Event()
        self._camera: OpenCamera | None = None
        self._why = ""
        self._away_ns: int | None = None
        self._due_ns = self._opened_ns = 0

    def open(self) -> None:
        """The first attempt, before anybody reads. Raises when the camera is not there, unless it `waits`."""
        try:
            with self._reading:
                if self._camera is None and not self._closed.is_set():
                    self._first()
        finally:
            if self._closed.is_set():
                self.close()

    def _first(self) -> None:
        try:
            self._open(again=False)
        except CameraAway as away:
            if not self._waits:
                raise
            self._lose(str(away))

    @property
    def waits(self) -> bool:
        """Whether a camera that is not there at the start is waited for."""
        return self._waits

    @property
    def info(self) -> SourceInfo:
        """Of the camera as it was opened last; all None while it was never there."""
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings.texts

    def read(self) -> Picture | None:
        try:
            with self._reading:
                return self._read()
        finally:
            if self._closed.is_set():
                self.close()

    def close(self) -> None:
        self._closed.set()
        if self._reading.acquire(blocking=False):
            self._release()
            self._reading.release()

    def _read(self) -> Picture | None:
        try:
            if self._camera is not None or self._wait():
                return self._attempt()
        except CameraAway as away:
            self._lose(str(away))
        if self._closed.is_set():
            return None
        raise self._still_away()

    def _wait(self) -> bool:
        """A step towards the next attempt; True when it is due."""
        until_ns = min(self._due_ns, self._clock.now_ns() + STEP_NS)
        return self._clock.wait_until_ns(until_ns, self._closed) and until_ns == self._due_ns

    def _attempt(self) -> Picture | None:
        camera = self._camera or self._open(again=True)
        picture = None if self._closed.is_set() else camera.read()
        if picture is None:
            return None
        now_ns = self._clock.now_ns()
        if self._frozen.see(picture.image, now_ns):
            raise CameraAway(f"the camera sends the same picture for {self._frozen_s:g} s")
        self._away_ns = None
        if now_ns - self._opened_ns >= self._block.max_s * NS:
            self._backoff.reset()
        return picture

    def _open(self, *, again: bool) -> OpenCamera:
        camera = self._camera = self._open_camera(again)
        self._opened_ns, self._info = self._clock.now_ns(), camera.info
        for text in camera.warnings:
            self._warnings.add(text)
        return camera

    def _lose(self, why: str) -> None:
        """There is no camera any more, or still not."""
        self._release()
        now_ns = self._clock.now_ns()
        self._why, self._due_ns = why, now_ns + round(self._backoff.next_s() * NS)
        self._away_ns = now_ns if self._away_ns is None else self._away_ns

    def _still_away(self) -> SourceError:
        give_up_s = self._block.give_up_s
        assert self._away_ns is not None
        if give_up_s is not None and self._clock.now_ns() - self._away_ns >= give_up_s * NS:
            return SourceError(f"{self._why}\n    given up: it was away for {give_up_s:g} s (`reconnect.give_up_s`)")
        return CameraAway(self._why)

    def _release(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
