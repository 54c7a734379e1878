"""A model as the steps use it, wherever it runs: views of a frame in, outputs by name."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Frame, Region
from edge_runtime.cuda.driver import CudaGpu
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor
from edge_runtime.engines.base import Array, Engine
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.resize import ViewTransform, plan_view


class Network(Protocol):
    """Preprocessing and engine of one model. `ring` is the frame's place in flight, `slot` the engine's input slot."""

    @property
    def engine(self) -> Engine: ...

    def launch(self, ring: int, slot: int, frame: Frame, regions: Sequence[Region]) -> tuple[ViewTransform, ...]:
        """Start the network on the regions, one batch row each; says how to map each row's boxes back."""
        ...

    def collect(self, slot: int) -> Mapping[str, Array]:
        """Wait for the slot's call; valid until its next `launch`."""
        ...

    def pin(self, image: Array) -> None:
        """Make launches of this image cheaper, where that is possible; the caller keeps it until the run ends."""
        ...

    def bare(self) -> BareCalls:
        """The network alone, its input left where it is: what a benchmark compares with."""
        ...


class BareCalls(Protocol):
    """Calls of a network without anything around it, a few in flight; finished in the order of their start."""

    def start(self, call: int) -> None: ...

    def finish(self, call: int) -> None: ...

    def close(self) -> None: ...


class HostNetwork:
    """Preprocessed by OpenCV on the calling thread, straight into the engine's input batch."""

    def __init__(self, engine: Engine, block: InputBlock) -> None:
        self.engine = engine
        self._preprocessor = Preprocessor(block)

    def launch(self, ring: int, slot: int, frame: Frame, regions: Sequence[Region]) -> tuple[ViewTransform, ...]:
        rows = self.engine.input_buffer(slot)
        views = tuple(
            self._preprocessor.write(frame.image, region, row) for region, row in zip(regions, rows, strict=False)
        )
        self.engine.enqueue(slot, len(regions))
        return views

    def collect(self, slot: int) -> Mapping[str, Array]:
        return self.engine.collect(slot)

    def pin(self, image: Array) -> None:
        """Nothing is copied anywhere."""

    def bare(self) -> BareCalls:
        return _HostCalls(self.engine)


class _HostCalls:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, call: int) -> None:
        self._engine.enqueue(call % self._engine.slots, 1)

    def finish(self, call: int) -> None:
        self._engine.collect(call % self._engine.slots)

    def close(self) -> None:
        """The engine belongs to its network."""


class CudaNetwork:
    """Preprocessed on the GPU from a frame that is uploaded once for all networks."""

    def __init__(
        self,
        engine: TensorRTEngine,
        preprocessor: CudaPreprocessor,
        upload: FrameUpload,
        gpu: CudaGpu,
        block: InputBlock,
    ) -> None:
        self.engine = engine
        self._preprocessor, self._upload, self._gpu, self._block = preprocessor, upload, gpu, block
        self._threads: set[int] = set()

    def launch(self, ring: int, slot: int, frame: Frame, regions: Sequence[Region]) -> tuple[ViewTransform, ...]:
        self._use_gpu_here()
        uploaded = self._upload.upload(ring, frame)
        views = tuple(plan_view(region.xyxy, self._block.size, self._block.resize) for region in regions)
        self._preprocessor.write(slot, uploaded, views)
        self.engine.enqueue(slot, len(views), after=uploaded.ready, frame_id=frame.frame_id)
        return views

    def collect(self, slot: int) -> Mapping[str, Array]:
        self._use_gpu_here()
        return self.engine.collect(slot)

    def pin(self, image: Array) -> None:
        self._upload.pin(image)

    def bare(self) -> BareCalls:
        return _CudaCalls(self.engine, self._gpu)

    def _use_gpu_here(self) -> None:
        """CUDA's current device belongs to the thread."""
        if threading.get_ident() not in self._threads:
            self._gpu.use_here()
            self._threads.add(threading.get_ident())


class _CudaCalls:
    def __init__(self, engine: TensorRTEngine, gpu: CudaGpu) -> None:
        self._engine = engine
        self._graph = engine.bare_graph()
        self._events = [gpu.event() for _ in range(engine.slots)]

    def start(self, call: int) -> None:
        self._graph.launch(stream=self._engine.stream)
        self._engine.stream.record(self._events[call % len(self._events)])

    def finish(self, call: int) -> None:
        self._events[call % len(self._events)].wait()

    def close(self) -> None:
        self._graph.close()
        for event in self._events:
            event.close()
