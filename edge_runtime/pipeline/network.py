"""A model as the steps use it, wherever it runs: views of frames in, what was found in each out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Detections, Frame, Masks, Region
from edge_runtime.cuda.driver import CudaGpu
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor
from edge_runtime.cuda.select import CudaSelect
from edge_runtime.engines.base import Array, Engine
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.vision.decode import Decoder, SelectiveDecoder
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.resize import ViewTransform, plan_view


class Glance(NamedTuple):
    """One row of a call: the part of a frame that the network is to see. `place` is the frame's own in flight."""

    place: int
    frame: Frame
    region: Region


class Network(Protocol):
    """Preprocessing, engine and decoder of one model.

    `slot` is the engine's input slot. After a call has been waited for, what it found may be read until the slot's
    next `launch`.
    """

    @property
    def engine(self) -> Engine: ...

    def launch(self, slot: int, glances: Sequence[Glance]) -> tuple[ViewTransform, ...]:
        """Start the network, one batch row a glance; says how to map each row's boxes back."""
        ...

    def wait(self, slot: int) -> None:
        """Wait for the slot's call, once. Raises `EngineError` when it failed."""
        ...

    def decode(self, slot: int, views: Sequence[ViewTransform], first: int = 0) -> Sequence[Detections | Masks]:
        """What the batch rows from `first` on say, one a view, in full-frame pixels of the frame each was cut from.

        Raises `OutputError` when one makes no sense.
        """
        ...

    def outputs(self, slot: int) -> Mapping[str, Array]:
        """All that the call put out, raw."""
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

    def __init__(self, engine: Engine, block: InputBlock, decoder: Decoder) -> None:
        self.engine = engine
        self._preprocessor, self._decoder = Preprocessor(block), decoder
        self._outputs: list[Mapping[str, Array]] = [{}] * engine.slots

    def launch(self, slot: int, glances: Sequence[Glance]) -> tuple[ViewTransform, ...]:
        rows = self.engine.input_buffer(slot)
        views = tuple(
            self._preprocessor.write(frame.image, region, row)
            for (_, frame, region), row in zip(glances, rows, strict=False)
        )
        self.engine.enqueue(slot, len(glances))
        return views

    def wait(self, slot: int) -> None:
        self._outputs[slot] = self.engine.collect(slot)

    def decode(self, slot: int, views: Sequence[ViewTransform], first: int = 0) -> Sequence[Detections | Masks]:
        return [self._decoder.decode(self._outputs[slot], row, view) for row, view in enumerate(views, first)]

    def outputs(self, slot: int) -> Mapping[str, Array]:
        return self._outputs[slot]

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
    """Preprocessed on the GPU from frames that are uploaded once for all networks.

    With `select` the GPU also picks out what the decoder reads; without, the outputs come as they are.
    """

    def __init__(
        self,
        engine: TensorRTEngine,
        preprocessor: CudaPreprocessor,
        upload: FrameUpload,
        gpu: CudaGpu,
        block: InputBlock,
        decoder: Decoder,
        select: CudaSelect | None,
    ) -> None:
        self.engine = engine
        self._preprocessor, self._upload, self._gpu, self._block = preprocessor, upload, gpu, block
        self._decoder, self._select = decoder, select
        self._threads: set[int] = set()

    def launch(self, slot: int, glances: Sequence[Glance]) -> tuple[ViewTransform, ...]:
        self._use_gpu_here()
        uploaded = [self._upload.upload(place, frame) for place, frame, _ in glances]
        views = tuple(plan_view(region.xyxy, self._block.size, self._block.resize) for _, _, region in glances)
        self._preprocessor.write(slot, uploaded, views)
        ready = tuple(dict.fromkeys(frame.ready for frame in uploaded))
        self.engine.enqueue(slot, len(views), after=ready, frame_id=glances[0].frame.frame_id)
        return views

    def wait(self, slot: int) -> None:
        self._use_gpu_here()
        self.engine.wait(slot)

    def decode(self, slot: int, views: Sequence[ViewTransform], first: int = 0) -> Sequence[Detections | Masks]:
        if self._select is not None and isinstance(self._decoder, SelectiveDecoder):
            selected = self._select.selected(slot, len(views), first)
            if selected is not None:
                return self._decoder.decode_selected(selected, views)
        outputs = self.outputs(slot)
        return [self._decoder.decode(outputs, row, view) for row, view in enumerate(views, first)]

    def outputs(self, slot: int) -> Mapping[str, Array]:
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
