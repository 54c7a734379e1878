"""TensorRT and TensorRT-RTX behind one object, loaded when it is wanted."""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from edge_runtime.core.extras import install
from edge_runtime.errors import EngineError

from .compat import Traits, numpy_dtype, traits_of
from .options import Provider, Target

ERROR, WARNING = 1, 2  # severities; INFO is 3 and VERBOSE 4
Listener = Callable[[int, str], None]


class ProgressSink(Protocol):
    """Who hears of a build's phases; `step_complete` answers whether to go on."""

    def phase_start(self, name: str, parent: str | None, steps: int) -> None: ...

    def step_complete(self, name: str, step: int) -> bool: ...

    def phase_finish(self, name: str) -> None: ...


class Log:
    """TensorRT's log of this process: the last errors are kept, and a listener hears everything while it listens."""

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=32)
        self._listener: Listener | None = None

    def heard(self, severity: int, text: str) -> None:
        """Called by TensorRT, on any thread; must not raise."""
        if severity <= ERROR:
            self.errors.append(text)
        if self._listener is not None:
            self._listener(severity, text)

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        self.errors.clear()
        previous, self._listener = self._listener, listener
        try:
            yield
        finally:
            self._listener = previous


NO_GPU = (
    "there is no NVIDIA GPU here, or no driver for it. Run: nvidia-smi (on a Jetson: jetson_release); with backend"
    " onnxruntime the network runs on the CPU"
)


def gpu_here() -> bool:
    """Does the NVIDIA driver load and find a GPU?"""
    try:
        return int(ctypes.CDLL("libcuda.so.1").cuInit(0)) == 0
    except (OSError, AttributeError):
        return False


class TensorRT:
    """One provider, loaded. `module` is the vendor's own; what differs between versions is asked of this object."""

    def __init__(self, module: Any, traits: Traits, *, gpu_here: Callable[[], bool] = gpu_here) -> None:
        self.module = module
        self.traits = traits
        self._gpu_here = gpu_here
        self.log = Log()
        self.logger = _vendor_logger(module, self.log)  # TensorRT keeps the first logger of a process for good
        self._runtimes: dict[int | None, Any] = {}

    def __str__(self) -> str:
        return str(self.traits)

    def builder(self) -> Any:
        """A builder. Raises `EngineError` where the driver or GPU is missing (TensorRT-RTX needs neither)."""
        self._need_gpu()
        try:
            builder = self.module.Builder(self.logger)
        except (RuntimeError, TypeError) as error:
            raise EngineError(f"{self} cannot start: {self.last_error() or error}") from error
        self.module.init_libnvinfer_plugins(self.logger, "")
        return builder

    def network(self, builder: Any, *, strongly_typed: bool) -> Any:
        flags = self.module.NetworkDefinitionCreationFlag
        bits = 0
        if strongly_typed:
            bits |= 1 << int(flags.STRONGLY_TYPED)
        if self.traits.classic:
            bits |= 1 << int(flags.EXPLICIT_BATCH)
        return builder.create_network(bits)

    def parser(self, network: Any) -> Any:
        return self.module.OnnxParser(network, self.logger)

    def aim(self, config: Any, target: Target) -> None:
        """Name the GPU that the engine is for, where that can be another than this machine's."""
        if not self.traits.named_target:
            return
        known = self.module.ComputeCapability
        name = "SM{}{}".format(*target.compute_capability)
        if not hasattr(known, name):
            have = ", ".join(sorted(entry for entry in known.__members__ if entry.startswith("SM")))
            raise EngineError(f"{self} does not build for {target}; it knows {have}. Use provider tensorrt there")
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(known, name), 0)

    def use_tactics(self, config: Any, *, external_libraries: bool) -> None:
        """cuDNN and cuBLAS are used only on demand, so that an engine runs where they are not installed."""
        sources = self.module.TacticSource
        wanted = [sources.EDGE_MASK_CONVOLUTIONS, sources.JIT_CONVOLUTIONS]
        if external_libraries and self.traits.weakly_typed:
            wanted += [sources.CUDNN, sources.CUBLAS, sources.CUBLAS_LT]
        config.set_tactic_sources(sum(1 << int(source) for source in wanted))

    def watch(self, config: Any, sink: ProgressSink) -> Any | None:
        """A progress monitor bound to `config`, to be kept alive until the build ends; None where there is none."""
        if not self.traits.modern:
            return None
        monitor = _vendor_monitor(self.module, sink)
        config.progress_monitor = monitor
        return monitor

    def deserialize(self, engine: bytes, *, dla_core: int | None = None) -> Any:
        """An `ICudaEngine`; raises `EngineError`. Its runtime lives as long as this object."""
        with self.log.listening(lambda severity, text: None):
            loaded = self._runtime(dla_core).deserialize_cuda_engine(engine)
            if loaded is None:
                reason = self.last_error() or "it gave no reason"
                raise EngineError(f"{self} cannot load the engine ({len(engine)} bytes): {reason}")
        return loaded

    def _runtime(self, dla_core: int | None) -> Any:
        if dla_core not in self._runtimes:
            self._need_gpu()
            runtime = self.module.Runtime(self.logger)
            self.module.init_libnvinfer_plugins(self.logger, "")
            if dla_core is not None:
                runtime.DLA_core = dla_core
            self._runtimes[dla_core] = runtime
        return self._runtimes[dla_core]

    def _need_gpu(self) -> None:
        """Asked first, because TensorRT 8.6 ends the process where there is no GPU."""
        if not self.traits.rtx and not self._gpu_here():
            raise EngineError(f"{self} cannot start: {NO_GPU}")

    def engine_memory_bytes(self, engine: Any) -> int:
        """GPU memory that one execution context of the engine needs."""
        return int(engine.device_memory_size_v2 if self.traits.modern else engine.device_memory_size)

    def context_in(self, engine: Any, address: int, nbytes: int) -> Any:
        """An execution context whose memory is the caller's: GPU `address`, at least `engine_memory_bytes` long.

        The memory must outlive the context; contexts that never run at the same time may share it. None when TensorRT
        has no room for it.
        """
        if not self.traits.modern:
            context = engine.create_execution_context_without_device_memory()
            if context is not None:
                context.device_memory = address
            return context
        context = engine.create_execution_context(self.module.ExecutionContextAllocationStrategy.USER_MANAGED)
        if context is not None:
            context.set_device_memory(address, nbytes)
        return context

    def share_profiles(self, config: Any) -> None:
        """Let several contexts of one engine use the same shape profile, as later versions always do."""
        if self.traits.classic:
            config.set_preview_feature(self.module.PreviewFeature.PROFILE_SHARING_0806, True)

    def dtype(self, data_type: Any) -> np.dtype[Any]:
        return numpy_dtype(data_type.name)

    def last_error(self) -> str:
        """What its log says; behind a want of memory come errors that do not name it any more."""
        said = [text.strip() for text in self.log.errors]
        for text in said:
            if any(words in text for words in ("out of memory", "OutOfMemory", "could not be allocated")):
                return text
        return said[-1] if said else ""


def _vendor_logger(module: Any, log: Log) -> Any:
    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            log.heard(int(severity), msg)

    return Logger()


def _vendor_monitor(module: Any, sink: ProgressSink) -> Any:
    class Monitor(module.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            sink.phase_start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return sink.step_complete(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            sink.phase_finish(phase_name)

    return Monitor()


_TO_INSTALL: Mapping[str, str] = {
    "tensorrt": "On a Jetson it comes with JetPack (sudo apt install python3-libnvinfer, and a virtual environment made"
    f" with --system-site-packages); elsewhere run: {install('nvidia')}",
    "tensorrt_rtx": f"Run: {sys.executable} -m pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings",
}


@functools.cache
def load(provider: Provider = "tensorrt") -> TensorRT:
    """Import TensorRT, once a process; raises `EngineError` that says what to type where it is missing."""
    for name in (provider, f"{provider}_bindings"):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise EngineError(f"{provider} is installed but does not load: {error}") from error
            continue
        except (ImportError, OSError) as error:
            raise EngineError(f"{provider} is installed but does not load: {error}") from error
        return TensorRT(module, traits_of(provider, module.__version__))
    raise EngineError(f"{provider} is not installed for {sys.executable}. {_TO_INSTALL[provider]}")
