"""An ONNX file with the weight files beside it, read once: what a build parses and what the cache key covers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import EngineError

from .precision import load_model, onnx_module


@dataclass(frozen=True)
class OnnxFile:
    """The bytes of a model and the paths of its external weights, which are named relative to it."""

    path: Path
    data: bytes
    external: tuple[Path, ...] = ()

    @classmethod
    def read(cls, path: Path) -> OnnxFile:
        """Raises `EngineError` when the file or one of its weight files cannot be read."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EngineError(f"cannot read the model {path}: {error.strerror}") from error
        # A tensor outside the file names its place under this key, so most models are not parsed here at all.
        names = _external_names(load_model(data)) if b"location" in data else []
        external = tuple(path.parent / name for name in names)
        for weights in external:
            if not weights.is_file():
                raise EngineError(f"{path} keeps weights in {weights}, which is not there. Copy it beside the model")
        return cls(path, data, external)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the model and of every weight file, by name."""
        found = {"onnx": hashlib.sha256(self.data).hexdigest()}
        return found | {f"weights {weights.name}": file_digest(weights) for weights in self.external}

    def model(self) -> Any:
        """The `ModelProto` with its external weights in it."""
        model = load_model(self.data)
        if self.external:
            onnx_module().load_external_data_for_model(model, str(self.path.parent))
        return model


def _external_names(model: Any) -> list[str]:
    helper = onnx_module().external_data_helper
    places = {
        entry.value
        for tensor in helper._get_all_tensors(model)
        if helper.uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(places)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces; raises `EngineError`."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()
