"""Files that are whole or not there, and a lock between processes."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.core import Clock
from edge_runtime.errors import EngineError

_POLL_MS = 100


def write_whole(path: Path, data: bytes) -> None:
    """Write so that a reader, or a power cut, finds the old file or the new one; raises `EngineError`."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise EngineError(f"cannot write {path} ({len(data)} bytes): {error.strerror}") from error


@contextmanager
def locked(
    path: Path, *, clock: Clock, stop: threading.Event | None = None, waiting: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold the lock file `path` against other processes; it ends with the process whatever becomes of it.

    `waiting` is called once when another process holds it; setting `stop` ends the wait with `EngineError`.
    """
    stop = stop or threading.Event()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise EngineError(f"cannot write {path}: {error.strerror}") from error
    try:
        told = False
        while not _try_lock(handle):
            if not told and waiting is not None:
                waiting()
            told = True
            if not clock.wait_until_ns(clock.now_ns() + _POLL_MS * 1_000_000, stop):
                raise EngineError(f"stopped while waiting for another process that holds {path}")
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
