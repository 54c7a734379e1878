"""The book of a profile: what was measured, one JSON line each, so that a killed one goes on where it was.

Its first line says what it belongs to: pipeline, files, versions, machine and how was measured. Where any of that has
changed the old lines mean nothing, and the book begins anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import CameraSource, SimulationSource
from edge_runtime.errors import RunError

# What a run's results, budgets and governor do with a point is not what the point does.
_NOT_MEASURED = {"sinks", "record", "governor", "budgets", "name"}


class Book:
    """Entries of one profile, in the order they were measured; every `add` is on the disk before it returns."""

    def __init__(self, path: Path, about: Mapping[str, Any], *, fresh: bool = False) -> None:
        """Read what is there and belongs to `about`; `carried` says in a sentence what became of it, if there was any.

        Raises `RunError` when the file cannot be written.
        """
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self.carried = ""
        before = [] if fresh else _lines(path)
        try:
            if before and before[0].get("about") == json.loads(json.dumps(about)):
                self.entries = before[1:]
                _rewrite(path, before)  # without a last line that was cut off
                if self.entries:
                    self.carried = f"going on with {len(self.entries)} measurements of {path}"
            else:
                if before:
                    self.carried = f"{_changed(before[0].get('about'), about)} changed since {path}: measuring anew"
                _rewrite(path, [{"about": about}])
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}. Choose another place with --out") from error

    def add(self, entry: Mapping[str, Any]) -> None:
        self.entries.append(dict(entry))
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def find(self, **keys: Any) -> dict[str, Any] | None:
        """The entry with these values, if it was measured."""
        return next((entry for entry in self.entries if keys.items() <= entry.items()), None)

    def all(self, **keys: Any) -> list[dict[str, Any]]:
        """Every entry with these values."""
        return [entry for entry in self.entries if keys.items() <= entry.items()]

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Book:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines up to the first that a kill has cut off."""
    found = []
    with suppress(OSError, UnicodeDecodeError, json.JSONDecodeError):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if isinstance(entry, dict):
                found.append(entry)
    return found


def _rewrite(path: Path, entries: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")


def _changed(before: Any, now: Mapping[str, Any]) -> str:
    old = before if isinstance(before, dict) else {}
    names = [name for name, value in json.loads(json.dumps(now)).items() if old.get(name) != value]
    return " and ".join(names) if names else "something"


def what_is_measured(loaded: LoadedPipeline) -> dict[str, str]:
    """Digests of all that decides what points do: the file as far as it counts, the networks, the source."""
    config = loaded.config
    document = config.model_dump(mode="json", by_alias=True, exclude=_NOT_MEASURED)
    models = [path for model in config.models.values() for path in _onnx_files(model)]
    source = config.one_source
    seen = "" if isinstance(source, CameraSource | SimulationSource) else _stamp(source.path)
    return {
        "pipeline": _digest(json.dumps(document, sort_keys=True).encode()),
        "networks": _digest(*(path.read_bytes() for path in models)),
        "source": _digest(seen.encode()),
    }


def _onnx_files(model: Any) -> list[Path]:
    files = [model.onnx, *(model.variant(name).onnx for name in model.variants)]
    return [file for path in dict.fromkeys(files) for file in (path, Path(f"{path}.data")) if file.exists()]


def _stamp(path: Path) -> str:
    """Videos are large: their name, size and age stand for their content."""
    facts = path.stat()
    return f"{path} {facts.st_size} {facts.st_mtime_ns}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]


def digest_of(path: Path) -> str:
    """Of a file's content; raises OSError."""
    return _digest(path.read_bytes())
