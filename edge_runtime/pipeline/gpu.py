"""The GPU of a run: opened once, one frame upload for all its networks, engines from the cache or built now."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import EnginesBlock, ModelBlock
from edge_runtime.core import Clock
from edge_runtime.cuda.driver import CudaGpu, open_gpu, size_text
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor
from edge_runtime.cuda.select import CudaSelect
from edge_runtime.engines.base import TensorInfo
from edge_runtime.engines.ort import OnnxRuntimeEngine, open_session
from edge_runtime.engines.tensorrt.build import Built, build
from edge_runtime.engines.tensorrt.cache import EngineCache, Entry
from edge_runtime.engines.tensorrt.compat import Traits
from edge_runtime.engines.tensorrt.manifest import EngineKey
from edge_runtime.engines.tensorrt.onnx_file import OnnxFile
from edge_runtime.engines.tensorrt.options import BuildOptions, Target
from edge_runtime.engines.tensorrt.provider import TensorRT, load
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.engines.tensorrt.timing import TimingCache
from edge_runtime.errors import EngineError
from edge_runtime.vision.decode import Decoder, SelectiveDecoder

from .builds import Builds
from .model_fit import input_shape
from .network import CudaNetwork, HostNetwork
from .parity import measure, read_pictures

DEFAULT_FOLDER = Path("~/.cache/edge_runtime/engines")


def why_not_tensorrt(model: ModelBlock) -> str | None:
    """Why `backend: auto` cannot take TensorRT on this machine; None when it can."""
    provider = model.tensorrt.provider
    if not any(importlib.util.find_spec(name) for name in (provider, f"{provider}_bindings")):
        return f"{provider} is not installed"
    try:
        load(provider)
        open_gpu()
    except EngineError as error:
        return str(error)
    return None


class EnginePlan(NamedTuple):
    """What an engine is built from and for, and the key under which it is kept."""

    onnx: OnnxFile
    options: BuildOptions
    target: Target
    key: EngineKey

    @classmethod
    def of(cls, model: ModelBlock, batch: int, gpu: CudaGpu, traits: Traits) -> EnginePlan:
        """The plan of a model on this GPU. Raises `EngineError` when its file cannot be read."""
        target = Target(gpu.compute_capability, gpu.name, gpu.driver_cuda, gpu.runtime_cuda)
        onnx, options = OnnxFile.read(model.onnx), build_options(model, batch)
        return cls(onnx, options, target, EngineKey.of(onnx, options, target, traits))


class GpuNetworks:
    """Makes the TensorRT networks of one run; `owner` closes what they share, after them."""

    def __init__(
        self, owner: ExitStack, clock: Clock, block: EnginesBlock, builds: Builds, *, depth: int, loaded: LoadedPipeline
    ) -> None:
        self._clock, self._block, self._builds, self._loaded = clock, block, builds, loaded
        self._folder = block.folder or DEFAULT_FOLDER.expanduser()
        self.gpu: CudaGpu = open_gpu(cache_folder=self._folder / "kernels")
        self.cache = EngineCache(self._folder)
        copies = self.gpu.stream("copies")
        owner.callback(copies.close)
        self.upload = FrameUpload(self.gpu, stream=copies, depth=depth)
        owner.callback(self.upload.close)

    def entry(self, name: str, model: ModelBlock, batch: int) -> tuple[TensorRT, Entry]:
        """The engine of a model: from the cache, or built. Raises `EngineError` saying why there is none."""
        trt = load(model.tensorrt.provider)
        onnx, options, target, key = EnginePlan.of(model, batch, self.gpu, trt.traits)

        def make() -> Built:
            listener = self._builds.listener
            try:
                return build(
                    onnx,
                    options,
                    target,
                    trt=trt,
                    clock=self._clock,
                    listener=None if listener is None else lambda progress: listener(name, progress),
                    timing=TimingCache.of(self._folder, trt, target),
                )
            except EngineError as error:
                raise self.gpu.explained(error, "a build takes more than its engine later does") from error

        entry = self.cache.obtain(
            name,
            key,
            make,
            date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            clock=self._clock,
            allow_build=self._block.build,
            how_to_build=f"edge-run build {self._loaded.path}",
            say=self._builds.say,
        )
        return trt, entry

    def network(
        self, name: str, model: ModelBlock, decoder: Decoder, owner: ExitStack, *, slots: int, batch: int
    ) -> CudaNetwork:
        """A network on a stream of its own, which `owner` closes; one never compared with its ONNX is compared now.

        `batch` is the most views that a call may have, where the model's batch is free.
        """
        trt, entry = self.entry(name, model, batch)
        try:
            network = self._open(name, model, decoder, owner, trt, entry, slots, batch)
        except EngineError as error:
            needed = f"the engine {entry.path.name} alone takes {size_text(len(entry.engine))}"
            raise self.gpu.explained(error, needed) from error
        parity = entry.manifest.parity
        if parity is None or parity["tolerance"] != model.tensorrt.parity.model_dump():
            parity = self._compare(name, model, decoder, network, entry)
        if parity["refusal"] is not None:
            raise EngineError(
                f"the engine {entry.path.name} is refused: {parity['refusal']}. Try another precision, keep_float32 for"
                f" the layers that suffer, or another tolerance in models.{name}.tensorrt.parity"
            )
        return network

    def _compare(
        self, name: str, model: ModelBlock, decoder: Decoder, network: CudaNetwork, entry: Entry
    ) -> dict[str, Any]:
        """Hold the engine against ONNX Runtime, and write the outcome into its manifest."""
        self._builds.say(f"{name}: comparing {entry.path.name} with ONNX Runtime")
        session = open_session(model.onnx, model.onnxruntime)
        with OnnxRuntimeEngine(name, session, input_shape=input_shape(model.input), clock=self._clock) as reference:
            frames = read_pictures(self._loaded.config.cameras[0], model.tensorrt.parity.pictures)
            parity = measure(HostNetwork(reference, model.input, decoder), network, frames, model.tensorrt.parity)
        self._builds.say(f"{name}: {parity.sentence()}")
        document = {**parity.document(), "tolerance": model.tensorrt.parity.model_dump()}
        self.cache.record_parity(entry, document)
        return document

    def _open(
        self,
        name: str,
        model: ModelBlock,
        decoder: Decoder,
        owner: ExitStack,
        trt: TensorRT,
        entry: Entry,
        slots: int,
        batch: int,
    ) -> CudaNetwork:
        stream = self.gpu.stream(name)
        owner.callback(stream.close)
        fill_stream = self.gpu.stream(f"{name} input")
        owner.callback(fill_stream.close)
        preprocessor = CudaPreprocessor(self.gpu, model.input, slots=slots, max_batch=batch, stream=fill_stream)
        owner.callback(preprocessor.close)
        made: list[CudaSelect] = []

        def make_select(outputs: tuple[TensorInfo, ...]) -> CudaSelect | None:
            """On the GPU what the decoder would do first, where it can say what that is."""
            if not isinstance(decoder, SelectiveDecoder) or any(each.dtype != np.float32 for each in outputs):
                return None
            known = {each.name: each.shape for each in outputs}
            if decoder.check(known):
                return None
            shapes = {name: tuple(side or 0 for side in shape) for name, shape in known.items()}
            select = CudaSelect(self.gpu, decoder.selection(known), shapes, slots=slots, max_batch=batch, stream=stream)
            owner.callback(select.close)
            made.append(select)
            return select

        engine = TensorRTEngine(
            name,
            trt.deserialize(entry.engine, dla_core=model.tensorrt.dla_core),
            gpu=self.gpu,
            stream=stream,
            input_shape=input_shape(model.input),
            max_batch=batch,
            slots=slots,
            clock=self._clock,
            fill=preprocessor.fill,
            fill_stream=fill_stream,
            select=make_select,
            provider=trt,
        )
        owner.callback(engine.close)
        for notice in engine.notices:
            self._builds.say(notice)
        select = made[0] if made else None
        return CudaNetwork(engine, preprocessor, self.upload, self.gpu, model.input, decoder, select)


def build_options(model: ModelBlock, batch: int) -> BuildOptions:
    """What the pipeline file asks of a build."""
    block = model.tensorrt
    sides = {model.input.name: input_shape(model.input)} if model.input.name else {}
    return BuildOptions(
        precision=model.precision,
        batch=(1, batch, batch),
        sides=sides,
        keep_float32=block.keep_float32,
        workspace_mib=block.workspace_mib,
        optimization_level=block.optimization_level,
        dla_core=block.dla_core,
        plugin_libraries=tuple(Path(path) for path in block.plugin_libraries),
    )
