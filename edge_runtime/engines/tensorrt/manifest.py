"""What an engine was built from (`EngineKey`), and the readable note of it that lies beside the engine."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .compat import Traits
from .files import write_whole
from .onnx_file import OnnxFile, file_digest
from .options import BuildOptions, Target

FORMAT = 1
_RECIPE = "1"  # raise it when the same options make another engine
# An engine that differs in one of these was made by another TensorRT or for another GPU.
_BOARD = ("tensorrt.provider", "tensorrt.version", "gpu.compute_capability", "gpu.name")


@dataclass(frozen=True)
class EngineKey:
    """Everything that decides what a build gives, as text by dotted name: two equal keys, one engine."""

    parts: Mapping[str, str]

    @classmethod
    def of(cls, model: OnnxFile, options: BuildOptions, target: Target, traits: Traits) -> EngineKey:
        """Reads plugin libraries and external weights; raises `EngineError` when one cannot be read."""
        parts = {
            "recipe": _RECIPE,
            "model.file": model.path.name,
            "tensorrt.provider": traits.provider,
            "tensorrt.version": ".".join(map(str, traits.version)),
            "gpu.compute_capability": target.sm,
            "gpu.name": target.gpu_name or "any",
            "driver.major": _major(target.driver),
            "cuda.major": _major(target.cuda),
        }
        parts |= {f"model.{name}": digest for name, digest in model.digests().items()}
        parts |= {f"option.{name}": value for name, value in options.parts().items()}
        parts |= {f"plugin.{path.name}": file_digest(path) for path in options.plugin_libraries}
        return cls(dict(sorted(parts.items())))

    @property
    def digest(self) -> str:
        return _digest(self.parts)

    @property
    def request(self) -> str:
        """Short digest of what was asked for, whatever board and file contents answer it: names the engine file."""
        asked = ("option.", "model.file", "tensorrt.provider")
        return _digest({name: value for name, value in self.parts.items() if name.startswith(asked)})[:8]

    @property
    def board(self) -> str:
        provider = "TensorRT-RTX" if self.parts.get("tensorrt.provider") == "tensorrt_rtx" else "TensorRT"
        name = self.parts.get("gpu.name", "any")
        gpu = self.parts.get("gpu.compute_capability", "?") + ("" if name == "any" else f" ({name})")
        return f"{provider} {self.parts.get('tensorrt.version', '?')} on {gpu}"

    def foreign(self, wanted: EngineKey) -> bool:
        return any(self.parts.get(name) != wanted.parts.get(name) for name in _BOARD)

    def differences(self, wanted: EngineKey) -> list[str]:
        """What is not as `wanted`, as clauses after "it was built for …" or "its …"."""
        clauses = []
        for name in sorted(self.parts.keys() | wanted.parts.keys()):
            was, now = self.parts.get(name), wanted.parts.get(name)
            if was != now and name not in _BOARD:
                clauses.append(_clause(name, was, now))
        return clauses


def _major(version: str | None) -> str:
    match = re.match(r"\d+", version or "")
    return match[0] if match else "unknown"


def _digest(parts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(parts), sort_keys=True).encode()).hexdigest()


def _clause(name: str, was: str | None, now: str | None) -> str:
    owner, _, word = name.partition(".")
    if name == "model.onnx":
        return "the ONNX file has changed since"
    if owner in ("model", "plugin"):
        return f"{word} " + ("is new" if was is None else "is gone" if now is None else "has changed since")
    if name == "recipe":
        return "this version of edge_runtime builds it differently"
    label = word.replace("_", " ") if owner == "option" else name.replace(".", " ")
    return f"{label} was {was or 'unset'}, is {now or 'unset'}"


@dataclass(frozen=True)
class Manifest:
    """The note beside an engine. `parity` is filled in after the engine was compared; `date` is ISO 8601."""

    key: EngineKey
    engine_bytes: int
    engine_sha256: str
    date: str
    build_seconds: float
    dla_fallback: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parity: Any = None

    def write(self, path: Path) -> None:
        document = {
            "format": FORMAT,
            "board": self.key.board,
            "date": self.date,
            "engine": {"bytes": self.engine_bytes, "sha256": self.engine_sha256},
            "build": {
                "seconds": round(self.build_seconds, 3),
                "dla_fallback": list(self.dla_fallback),
                "notes": list(self.notes),
            },
            "parity": self.parity,
            "key": dict(self.key.parts),
        }
        write_whole(path, (json.dumps(document, indent=2) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Raises `OSError` when there is none, and `ValueError` when it is not one of ours."""
        try:
            document = json.loads(path.read_text("utf-8"))
            if document["format"] != FORMAT:
                raise ValueError(f"format {document['format']}, this version reads {FORMAT}")
            key = {str(name): str(value) for name, value in document["key"].items()}
            engine, build = document["engine"], document["build"]
            return cls(
                EngineKey(key),
                int(engine["bytes"]),
                str(engine["sha256"]),
                str(document["date"]),
                float(build["seconds"]),
                tuple(build["dla_fallback"]),
                tuple(build["notes"]),
                document["parity"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a manifest: {error!r}") from error

    def with_parity(self, parity: Any) -> Manifest:
        return replace(self, parity=parity)
