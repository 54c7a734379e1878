"""What TensorRT makes of a network: its layers, or the nodes that it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from edge_runtime.core import Clock
from edge_runtime.core.gpu import Gpu, Stream
from edge_runtime.errors import EngineError

from . import inspector
from .build import build
from .cache import layers_path, manifest_path
from .inspector import Layer
from .layer_times import LayerTimes, measure
from .manifest import Manifest
from .onnx_file import OnnxFile
from .options import BuildOptions, Provider, Target
from .provider import TensorRT
from .refusals import Refusal, UnsupportedModel, report


@dataclass(frozen=True)
class Inspection:
    """The layers of an engine, or `refusals` that say why there is none.

    `model` is the file and `board` what it was built for. `onnx_nodes` is how many nodes the ONNX has and `dropped` are
    those in no layer (folded into constants, or only views); both are known when the ONNX was at hand. `dla_fallback`
    are the layers that DLA does not take, None when DLA was not asked for. `times` is None until they were measured.
    """

    model: str
    board: str
    provider: Provider
    layers: tuple[Layer, ...] = ()
    onnx_nodes: int | None = None
    dropped: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    dla_core: int | None = None
    dla_fallback: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    times: LayerTimes | None = None
    engine: bytes = field(default=b"", repr=False)


def inspect_engine(path: Path) -> Inspection:
    """Read a cached engine and what lies beside it. Raises `EngineError` when it was not built by this program."""
    try:
        text = layers_path(path).read_text(encoding="utf-8")
        manifest = Manifest.read(manifest_path(path))
        parts = manifest.key.parts
        core = parts.get("option.dla_core", "None")
        return Inspection(
            path.name,
            manifest.key.board,
            cast(Provider, parts.get("tensorrt.provider", "tensorrt")),
            inspector.layers(text),
            dla_core=int(core) if core.isdigit() else None,
            dla_fallback=manifest.dla_fallback if core.isdigit() else None,
            notes=manifest.notes,
            engine=path.read_bytes(),
        )
    except (OSError, ValueError) as error:
        raise EngineError(
            f"nothing is known of the layers of {path} ({error}). Inspect its ONNX, or build it with: edge-run build"
        ) from error


def inspect_onnx(path: Path, options: BuildOptions, target: Target, trt: TensorRT, clock: Clock) -> Inspection:
    """Build an engine and see what became of every node. Raises `EngineError` when it cannot be built at all."""
    model = OnnxFile.read(path)
    bare = Inspection(path.name, f"{trt} for {target}", trt.traits.provider, dla_core=options.dla_core)
    try:
        built = build(model, options, target, trt=trt, clock=clock)
    except UnsupportedModel as error:
        # 8.6 stops at its first error, so what else it would refuse is asked for
        more = report(trt, model.data, str(path)) if trt.traits.classic else ()
        return replace(bare, refusals=more or error.refusals)
    nodes = inspector.onnx_nodes(model.model())
    rows = inspector.layers(built.layers, nodes) if built.layers is not None else ()
    unknown = () if built.layers is not None else (f"{trt} tells nothing of the layers of this engine",)
    return replace(
        bare,
        layers=rows,
        onnx_nodes=len(nodes),
        dropped=inspector.dropped(rows, nodes),
        dla_fallback=None if options.dla_core is None else built.dla_fallback,
        notes=(*built.notes, *unknown),
        engine=built.engine,
    )


def with_times(found: Inspection, trt: TensorRT, *, gpu: Gpu, stream: Stream) -> Inspection:
    """Measure the layers of an inspected engine on a GPU. Raises `EngineError` where it does not run there."""
    if not found.layers:
        return found
    engine = trt.deserialize(found.engine, dla_core=found.dla_core)
    return replace(found, times=measure(trt, engine, gpu=gpu, stream=stream))
