"""What every change of a model begins and ends with: packages, the file read, the file written."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from edge_runtime.core.extras import missing
from edge_runtime.errors import EngineError

from ..tensorrt.files import write_whole
from ..tensorrt.onnx_file import OnnxFile

# module -> the extra of this package that brings it
_EXTRAS = {"onnx": "models", "onnxscript": "models", "torch": "export"}


class Misuse(EngineError):
    """What was asked for cannot be: a file that is no model, a name that is not in it, an output in the way."""


class NotTheSame(EngineError):
    """A changed model does not compute what the one before computed; nothing was written."""


def need(module: str, what: str) -> Any:
    """An optional package, or `Misuse` with the command that installs it; `what` says who wants it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise Misuse(missing(what, error.name or package, _EXTRAS.get(package, "models"))) from error
    except ImportError as error:
        raise Misuse(f"{what} needs {module}, which does not load: {error}") from error


def read_model(path: Path) -> Any:
    """The `ModelProto` with its weights in it; `Misuse` when it is none."""
    onnx = need("onnx", f"reading {path.name}")
    try:
        model = OnnxFile.read(path).model()
        onnx.checker.check_model(model)
    except EngineError as error:
        raise Misuse(f"{path}: {error}") from error
    except Exception as error:  # the checker's and protobuf's own classes
        raise Misuse(f"{path} is not a valid ONNX model: {first_line(error)}") from error
    if not model.graph.output:
        raise Misuse(f"{path} is not an ONNX model: it has no outputs")
    return model


def require_free(out: Path, force: bool) -> None:
    """Before any work: the place for the result must not be taken, unless `force`."""
    if out.is_dir():
        raise Misuse(f"{out} is a folder; give the file: -o {out / 'model.onnx'}")
    if out.exists() and not force:
        raise Misuse(f"{out} is there already; add --force to replace it")
    if not out.absolute().parent.is_dir():
        raise Misuse(f"the folder {out.absolute().parent} is not there; create it: mkdir -p {out.absolute().parent}")


def write_model(model: Any, out: Path) -> int:
    """Write the model whole or not at all; returns its size in bytes."""
    try:
        data: bytes = model.SerializeToString()
    except ValueError as error:  # protobuf holds 2 GiB
        raise EngineError(f"{out} would be larger than the 2 GiB of one ONNX file") from error
    write_whole(out, data)
    return len(data)


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
