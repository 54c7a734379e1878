"""The timing cache: what the builder measured of single layers, kept for the next build on the same GPU."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.core import Clock
from edge_runtime.errors import EngineError

from .files import locked, write_whole
from .options import Target
from .provider import TensorRT


@dataclass(frozen=True)
class Attached:
    """A cache that a builder config uses, to be kept alive until the build ends."""

    cache: Any = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimingCache:
    """One file for one TensorRT on one GPU; several processes may add to it."""

    path: Path

    @classmethod
    def of(cls, folder: Path, trt: TensorRT, target: Target) -> TimingCache:
        version = ".".join(map(str, trt.traits.version))
        words = [trt.traits.provider, version, target.sm, target.gpu_name or ""]
        return cls(folder / (re.sub(r"[^A-Za-z0-9.]+", "-", "timing " + " ".join(words)).strip("-") + ".cache"))

    def attach(self, trt: TensorRT, config: Any) -> Attached:
        """Give the builder what is known. A file that does not fit is left out, and a note says so."""
        if not trt.traits.timing_cache:
            return Attached()
        known = self._read()
        cache = config.create_timing_cache(known)
        if cache is not None and config.set_timing_cache(cache, False):
            return Attached(cache)
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
        note = f"{self.path.name} was not made by this TensorRT on this GPU; it is started anew"
        return Attached(cache, (note,) if known else ())

    def save(self, trt: TensorRT, config: Any, *, clock: Clock, stop: threading.Event | None = None) -> list[str]:
        """Add what the build measured to the file, with what other processes have put there meanwhile."""
        if not trt.traits.timing_cache:
            return []
        cache = config.get_timing_cache()
        if cache is None:
            return ["this build measured nothing for the timing cache"]
        try:
            with locked(self.path.with_suffix(".lock"), clock=clock, stop=stop):
                known = self._read()
                other = config.create_timing_cache(known) if known else None
                if other is not None:
                    cache.combine(other, False)
                write_whole(self.path, bytes(memoryview(cache.serialize())))
        except EngineError as error:  # the engine is built and must not be lost over this
            return [f"the timing cache is not kept: {error}"]
        return []

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError:  # there is none yet, or none for us: the build measures again
            return b""
