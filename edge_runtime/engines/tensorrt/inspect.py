"""What TensorRT makes of a network: its layers, or the nodes that it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.core import Clock
from edge_runtime.errors import EngineError

from . import inspector
from .build import build
from .cache import layers_path, manifest_path
from .inspector import Layer
from .manifest import Manifest
from .onnx_file import OnnxFile
from .options import BuildOptions, Target
from .provider import TensorRT
from .refusals import Refusal, UnsupportedModel


@dataclass(frozen=True)
class Inspection:
    """The layers of an engine, or `refusals` that say why there is none.

    `board` is what it was built for; `dropped` are ONNX nodes in no layer (folded into constants, or only views),
    known when the ONNX was at hand.
    """

    board: str
    layers: tuple[Layer, ...] = ()
    dropped: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def inspect_engine(path: Path) -> Inspection:
    """Read what lies beside a cached engine. Raises `EngineError` when it was not built by this program."""
    try:
        text = layers_path(path).read_text(encoding="utf-8")
        manifest = Manifest.read(manifest_path(path))
        return Inspection(manifest.key.board, inspector.layers(text), notes=manifest.notes)
    except (OSError, ValueError) as error:
        raise EngineError(
            f"nothing is known of the layers of {path} ({error}). Inspect its ONNX, or build it with: edge-run build"
        ) from error


def inspect_onnx(path: Path, options: BuildOptions, target: Target, trt: TensorRT, clock: Clock) -> Inspection:
    """Build an engine, keep only what is told of its layers. Raises `EngineError` when it cannot be built at all."""
    model = OnnxFile.read(path)
    board = f"{trt} for {target}"
    try:
        built = build(model, options, target, trt=trt, clock=clock)
    except UnsupportedModel as error:
        return Inspection(board, refusals=error.refusals)
    nodes = inspector.onnx_nodes(model.model())
    rows = inspector.layers(built.layers or "[]", nodes)
    return Inspection(board, rows, inspector.dropped(rows, nodes), notes=built.notes)
