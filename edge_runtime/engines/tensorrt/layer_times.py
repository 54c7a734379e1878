"""How long each layer of an engine takes on the GPU, as TensorRT's own profiler tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np

from edge_runtime.core.gpu import Gpu, Stream
from edge_runtime.errors import EngineError

from .compat import numpy_dtype
from .inspector import Layer
from .provider import TensorRT


@dataclass(frozen=True)
class LayerTimes:
    """Means over `runs` calls, in milliseconds of the GPU.

    `layer_ms` is by layer name, as the profiler tells it. `network_ms` is the network as a whole and unwatched, as a
    CUDA graph where one can be recorded: the profiler keeps layers apart that else follow each other without a gap or
    run side by side, so as a rule their sum is larger.
    """

    layer_ms: Mapping[str, float]
    network_ms: float
    runs: int

    @property
    def sum_ms(self) -> float:
        return sum(self.layer_ms.values())

    def of(self, layers: Sequence[Layer]) -> tuple[float | None, ...]:
        """The time of each layer, None where the profiler did not tell it; layers of one name share theirs evenly."""
        bearers = Counter(layer.name for layer in layers)
        return tuple(
            self.layer_ms[layer.name] / bearers[layer.name] if layer.name in self.layer_ms else None for layer in layers
        )

    def unlisted(self, layers: Sequence[Layer]) -> dict[str, float]:
        """What the profiler timed under names that no layer has."""
        names = {layer.name for layer in layers}
        return {name: took_ms for name, took_ms in self.layer_ms.items() if name not in names}


def measure(trt: TensorRT, engine: Any, *, gpu: Gpu, stream: Stream, runs: int = 100, warm_up: int = 20) -> LayerTimes:
    """Time an `ICudaEngine` on noise, at the usual shape of its profile; waits for the GPU and gives all memory back.

    A context with a profiler waits for its work in every call, so nothing else should run on the GPU meanwhile. Raises
    `EngineError` when the network cannot be run like this.
    """
    with ExitStack() as owner:
        context = _context(engine, owner, gpu=gpu, stream=stream)

        def run() -> None:
            if not context.execute_async_v3(stream.handle):
                raise EngineError(f"{trt} refused to enqueue the network; its log says why ({trt.last_error()})")

        with trt.log.listening(lambda severity, text: None):
            network_ms = _whole(run, owner, gpu=gpu, stream=stream, runs=runs, warm_up=warm_up)
            done = owner.enter_context(closing(gpu.event()))
            profiler = _vendor_profiler(trt.module)
            context.profiler = profiler
            for call in range(warm_up + runs):
                if call == warm_up:
                    profiler.spent_ms.clear()
                run()
                stream.record(done)
                done.wait()
    if not profiler.spent_ms:
        raise EngineError(f"the profiler of {trt} tells no layer's time")
    return LayerTimes({name: ms / runs for name, ms in profiler.spent_ms.items()}, network_ms, runs)


def _context(engine: Any, owner: ExitStack, *, gpu: Gpu, stream: Stream) -> Any:
    """An execution context with its shapes set and a buffer for every tensor; inputs hold noise."""
    context = engine.create_execution_context()
    if context is None:
        raise EngineError("TensorRT made no execution context; its log says why (as a rule, out of GPU memory)")
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name).name == "INPUT"]
    noise = np.random.default_rng(0)
    for name in inputs:
        shape = tuple(engine.get_tensor_shape(name))
        if any(side < 0 for side in shape):
            shape = tuple(engine.get_tensor_profile_shape(name, 0)[1])
        if not context.set_input_shape(name, shape):
            raise EngineError(f"the engine does not take the shape {shape} of its own profile for input '{name}'")
        dtype = numpy_dtype(engine.get_tensor_dtype(name).name)
        mirror = owner.enter_context(closing(gpu.mirror(prod(shape) * dtype.itemsize)))
        mirror.array(shape, dtype)[:] = noise.integers(0, 2 if dtype == np.bool_ else 128, shape)
        mirror.to_device(mirror.nbytes, stream=stream)
        _bind(context, name, mirror.address)
    for name in names:
        if name in inputs:
            continue
        shape = tuple(context.get_tensor_shape(name))
        if any(side < 0 for side in shape):
            raise EngineError(f"the size of output '{name}' {shape} depends on what the network finds")
        nbytes = prod(shape) * numpy_dtype(engine.get_tensor_dtype(name).name).itemsize
        _bind(context, name, owner.enter_context(closing(gpu.memory(nbytes))).address)
    return context


def _bind(context: Any, name: str, address: int) -> None:
    if not context.set_tensor_address(name, address):
        raise EngineError(f"TensorRT does not take a buffer for '{name}'; its log says why")


def _whole(run: Callable[[], None], owner: ExitStack, *, gpu: Gpu, stream: Stream, runs: int, warm_up: int) -> float:
    """The mean time of the network as a whole."""
    begun, done = (owner.enter_context(closing(gpu.event())) for _ in range(2))
    run()  # TensorRT wants one plain call before it is recorded
    stream.record(done)
    done.wait()
    launch = run
    with suppress(EngineError):  # without a graph it is timed call by call, as a pipeline would run it
        graph = owner.enter_context(closing(gpu.capture(run, stream=stream)))
        launch = partial(graph.launch, stream=stream)
    spent_ms = 0.0
    for call in range(warm_up + runs):
        stream.record(begun)
        launch()
        stream.record(done)
        done.wait()
        if call >= warm_up:
            spent_ms += done.ms_since(begun)
    return spent_ms / runs


def _vendor_profiler(module: Any) -> Any:
    class Profiler(module.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProfiler.__init__(self)
            self.spent_ms: dict[str, float] = {}

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.spent_ms[layer_name] = self.spent_ms.get(layer_name, 0.0) + ms

    return Profiler()
