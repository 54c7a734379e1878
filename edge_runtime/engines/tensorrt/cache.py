"""Engines on disk: found again only when nothing that matters has changed, and never built twice at once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edge_runtime.core import Clock
from edge_runtime.errors import EngineError

from .build import Built
from .files import locked, write_whole
from .manifest import EngineKey, Manifest

State = Literal["hit", "absent", "stale", "foreign", "truncated", "corrupt", "no_manifest"]


class EngineMismatch(EngineError):
    """The engine on disk is not the one that is needed, and building is not allowed."""


@dataclass(frozen=True)
class Lookup:
    """What lies in the cache for a key: the engine, or the sentence that says why there is none to use."""

    state: State
    path: Path
    reason: str = ""
    engine: bytes | None = None
    manifest: Manifest | None = None


@dataclass(frozen=True)
class Entry:
    """An engine that fits its key. `reason` says why it had to be built, and is empty when it was found."""

    path: Path
    engine: bytes
    manifest: Manifest
    reason: str = ""


class EngineCache:
    """A folder of `NAME-PRECISION-REQUEST.engine`, each with a `.json` manifest and what is known of its layers.

    Other options make another file; a new board, TensorRT, driver or ONNX content replaces the file. Nothing else in
    the folder is touched or removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str, key: EngineKey) -> Path:
        return self.folder / f"{name}-{key.parts['option.precision']}-{key.request}.engine"

    def lookup(self, name: str, key: EngineKey) -> Lookup:
        """Read and check what is there; never raises for what a damaged cache may hold."""
        path = self.path(name, key)
        try:
            engine = path.read_bytes()
        except FileNotFoundError:
            return Lookup("absent", path, f"there is no {path.name} in {self.folder} yet")
        except OSError as error:
            return Lookup("corrupt", path, f"{path} cannot be read: {error.strerror}")
        try:
            manifest = Manifest.read(manifest_path(path))
        except FileNotFoundError:
            return Lookup("no_manifest", path, f"{path.name} has no manifest, so nobody knows what it was built for")
        except (OSError, ValueError) as error:
            return Lookup("no_manifest", path, f"the manifest of {path.name} cannot be read ({error})")
        state, reason = _judge(path, engine, manifest, key)
        return Lookup(state, path, reason, engine if state == "hit" else None, manifest)

    def obtain(
        self,
        name: str,
        key: EngineKey,
        build: Callable[[], Built],
        *,
        date: str,
        clock: Clock,
        allow_build: bool = True,
        how_to_build: str = "edge-run build PIPELINE.yaml",
        say: Callable[[str], None] = lambda sentence: None,
        stop: threading.Event | None = None,
    ) -> Entry:
        """The engine for `key`: from disk, or built now by this process or by another one that is at it already.

        Raises `EngineMismatch` when it would have to be built and `allow_build` is False, and whatever `build`
        raises. `say` hears why something is built or waited for. `date` goes into the manifest.
        """
        found = self.lookup(name, key)
        if entry := _entry(found):
            return entry
        if not allow_build:
            raise EngineMismatch(f"{found.reason}; building is off (--no-build). Run: {how_to_build}")

        def waiting() -> None:
            say(f"another process is building {found.path.name}; waiting for it")

        with locked(found.path.with_suffix(".lock"), clock=clock, stop=stop, waiting=waiting):
            found = self.lookup(name, key)
            if entry := _entry(found):
                return entry
            say(f"building {found.path.name}: {found.reason}")
            return self._store(found, key, build(), date)

    def _store(self, found: Lookup, key: EngineKey, built: Built, date: str) -> Entry:
        manifest = Manifest(
            key,
            len(built.engine),
            hashlib.sha256(built.engine).hexdigest(),
            date,
            built.seconds,
            built.dla_fallback,
            built.notes,
        )
        if built.layers is not None:
            write_whole(layers_path(found.path), built.layers.encode())
        else:
            layers_path(found.path).unlink(missing_ok=True)
        write_whole(found.path, built.engine)
        manifest.write(manifest_path(found.path))
        return Entry(found.path, built.engine, manifest, found.reason)

    def record_parity(self, entry: Entry, parity: Any) -> Entry:
        """Write a parity result (JSON) into the manifest of an engine."""
        manifest = entry.manifest.with_parity(parity)
        manifest.write(manifest_path(entry.path))
        return Entry(entry.path, entry.engine, manifest, entry.reason)


def manifest_path(engine: Path) -> Path:
    return engine.with_suffix(".json")


def layers_path(engine: Path) -> Path:
    return engine.with_suffix(".layers")


def _entry(found: Lookup) -> Entry | None:
    if found.engine is None or found.manifest is None:
        return None
    return Entry(found.path, found.engine, found.manifest)


def _judge(path: Path, engine: bytes, manifest: Manifest, key: EngineKey) -> tuple[State, str]:
    if manifest.key.foreign(key):
        return "foreign", f"{path.name} was built for {manifest.key.board}, this board has {key.board}"
    if manifest.key.digest != key.digest:
        return "stale", f"{path.name} is out of date: {', and '.join(manifest.key.differences(key))}"
    if len(engine) < manifest.engine_bytes:
        return "truncated", f"{path.name} is cut off: {len(engine)} of {manifest.engine_bytes} bytes"
    if len(engine) > manifest.engine_bytes or hashlib.sha256(engine).hexdigest() != manifest.engine_sha256:
        return "corrupt", f"{path.name} is not the file that was written (its checksum differs)"
    return "hit", ""
