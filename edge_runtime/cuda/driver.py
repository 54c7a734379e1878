"""The nouns of `gpu.py` on a real GPU: cuda.core for the device, its streams and kernels, the runtime API for the rest.

Runs with cuda-python 12 and 13. Nothing of it is imported before `open_gpu`.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.core.extras import gpu_extra, install
from edge_runtime.core.gpu import Array, Event, Graph, Grid, Kernel, Memory, Mirror, Stream
from edge_runtime.errors import EngineError

_PORTABLE, _MAPPED = 1, 2  # cudaHostAlloc and cudaHostRegister
# cudaErrorMemoryAllocation, CUDA_ERROR_OUT_OF_MEMORY, and what TensorRT's log has.
_NO_MEMORY = re.compile(
    r"out[ _]?of[ _](?:GPU )?memory|OutOfMemory|MemoryAllocation|could not be allocated", re.IGNORECASE
)
_MEMORY_ADVICE = (
    "See what else holds it: nvidia-smi (on a Jetson, whose GPU shares the host's memory: tegrastats). A pipeline needs"
    " less with `precision: fp16`, a smaller `input: {size: …}`, fewer variants or regions, `executor: {in_flight: 1}`"
)
_BLOCKING_SYNC = 1  # cudaEventCreateWithFlags: a waiting thread sleeps instead of turning on a core


def check(runtime: Any, result: tuple[Any, ...], attempting: str) -> Any:
    """The value of a runtime call, or an `EngineError` that says what was attempted and what CUDA calls the error."""
    error = result[0]
    if error:
        name, text = (ask(error)[1].decode() for ask in (runtime.cudaGetErrorName, runtime.cudaGetErrorString))
        failed = EngineError(f"CUDA failed while {attempting}: {name} ({text})")
        if not is_out_of_memory(failed):
            raise failed
        runtime.cudaGetLastError()  # else the next call on this thread would report it as its own
        raise EngineError(f"{failed}{out_of_memory_advice(runtime)}")
    return result[1] if len(result) > 1 else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether CUDA, TensorRT or cuda.core say in their words that there is no memory left."""
    return _NO_MEMORY.search(str(error)) is not None


def out_of_memory_advice(runtime: Any) -> str:
    """How much is free, and what to type."""
    answer = runtime.cudaMemGetInfo()
    free = f"; {size_text(answer[1])} of {size_text(answer[2])} are free on the GPU" if not answer[0] else ""
    return f"{free}. {_MEMORY_ADVICE}"


def size_text(nbytes: int) -> str:
    """`64 bytes`, `1.5 MiB`, `139.8 GiB`."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.1f} {unit}"
    return f"{nbytes} bytes"


class _Owned:
    """Something of CUDA that is given back once, by `close` or at the end of a `with`."""

    def __init__(self, *releases: Callable[[], object]) -> None:
        self._releases = list(releases)

    def close(self) -> None:
        while self._releases:
            self._releases.pop()()

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CudaEvent(_Owned):
    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._event = check(runtime, runtime.cudaEventCreateWithFlags(_BLOCKING_SYNC), "making an event")
        self.handle = int(self._event)
        super().__init__(partial(runtime.cudaEventDestroy, self._event))

    def wait(self) -> None:
        # Asking costs 2 us; a blocking wait takes the way through the kernel even for an event long past.
        if self._runtime.cudaEventQuery(self._event)[0]:
            check(self._runtime, self._runtime.cudaEventSynchronize(self._event), "waiting for the GPU")

    def ms_since(self, earlier: Event) -> float:
        spent = self._runtime.cudaEventElapsedTime(earlier.handle, self._event)
        return float(check(self._runtime, spent, "reading the time between two events"))


class CudaStream(_Owned):
    """`core` is the same stream as cuda.core knows it."""

    def __init__(self, runtime: Any, name: str, stream: Any) -> None:
        self._runtime, self.name, self.core = runtime, name, stream
        self.handle = int(stream.handle)
        super().__init__(stream.close)

    def record(self, event: Event) -> None:
        check(self._runtime, self._runtime.cudaEventRecord(event.handle, self.handle), "recording an event")

    def wait(self, event: Event) -> None:
        waited = self._runtime.cudaStreamWaitEvent(self.handle, event.handle, 0)
        check(self._runtime, waited, "ordering one stream after another")


class CudaMemory(_Owned):
    """GPU memory, or pinned host memory by the address the GPU knows it under."""

    def __init__(self, address: int, nbytes: int, *releases: Callable[[], object]) -> None:
        self.address, self.nbytes = address, nbytes
        super().__init__(*releases)


class CudaMirror(CudaMemory):
    def __init__(self, runtime: Any, nbytes: int, *, shared: bool) -> None:
        size = max(nbytes, 1)
        flags = _PORTABLE | (_MAPPED if shared else 0)
        host = check(runtime, runtime.cudaHostAlloc(size, flags), f"pinning {size_text(size)} of host memory")
        releases: list[Callable[[], object]] = [partial(runtime.cudaFreeHost, host)]
        self._runtime, self._host, self._shared = runtime, int(host), shared
        try:
            if shared:
                device = check(runtime, runtime.cudaHostGetDevicePointer(host, 0), "mapping host memory")
            else:
                device = check(runtime, runtime.cudaMalloc(size), f"allocating {size_text(size)} of GPU memory")
                releases.append(partial(runtime.cudaFree, device))
        except EngineError:
            runtime.cudaFreeHost(host)
            raise
        super().__init__(int(device), nbytes, *releases)
        self._bytes = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(self._host))
        kind = runtime.cudaMemcpyKind
        self._in, self._out = kind.cudaMemcpyHostToDevice, kind.cudaMemcpyDeviceToHost

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        wanted = int(np.prod(shape)) * np.dtype(dtype).itemsize
        image: Array = self._bytes[:wanted].view(dtype)
        return image.reshape(shape)

    def to_device(self, nbytes: int, *, stream: Stream) -> None:
        if not self._shared:
            copied = self._runtime.cudaMemcpyAsync(self.address, self._host, nbytes, self._in, stream.handle)
            check(self._runtime, copied, "copying to the GPU")

    def to_host(self, nbytes: int, *, stream: Stream) -> None:
        if not self._shared:
            copied = self._runtime.cudaMemcpyAsync(self._host, self.address, nbytes, self._out, stream.handle)
            check(self._runtime, copied, "copying from the GPU")


class CudaGraph(_Owned):
    def __init__(self, runtime: Any, executable: Any) -> None:
        self._runtime, self._executable = runtime, executable
        super().__init__(partial(runtime.cudaGraphExecDestroy, executable))

    def launch(self, *, stream: Stream) -> None:
        launched = self._runtime.cudaGraphLaunch(self._executable, stream.handle)
        check(self._runtime, launched, "launching a graph")


class CudaKernel:
    def __init__(self, core: Any, kernel: Any, entry: str) -> None:
        self._core, self._kernel, self._entry = core, kernel, entry

    def launch(self, grid: Grid, block: Grid, arguments: tuple[Any, ...], *, stream: Stream) -> None:
        if not isinstance(stream, CudaStream):
            raise TypeError(f"a kernel runs on a stream of this GPU, not on {stream!r}")
        try:
            self._core.launch(stream.core, self._core.LaunchConfig(grid=grid, block=block), self._kernel, *arguments)
        except Exception as error:  # cuda.core raises its own class for each of CUDA's libraries
            raise EngineError(f"CUDA failed while launching the kernel {self._entry}: {error}") from error


class CudaGpu:
    """One GPU. `cache_folder`, where given, keeps compiled kernels between runs."""

    def __init__(self, core: Any, runtime: Any, device: Any, *, cache_folder: Path | None = None) -> None:
        self._core, self._runtime, self._device, self._cache_folder = core, runtime, device, cache_folder
        self._kernels: dict[tuple[str, str], CudaKernel] = {}
        self.name = str(device.name)
        capability = device.compute_capability
        self.compute_capability = (int(capability.major), int(capability.minor))
        self.arch = f"sm_{capability.major}{capability.minor}"
        self.driver_cuda = _version(check(runtime, runtime.cudaDriverGetVersion(), "asking for the driver's CUDA"))
        self.runtime_cuda = _version(check(runtime, runtime.cudaRuntimeGetVersion(), "asking for the CUDA runtime"))
        integrated = runtime.cudaDeviceAttr.cudaDevAttrIntegrated
        asked = runtime.cudaDeviceGetAttribute(integrated, device.device_id)
        self.shares_memory = bool(check(runtime, asked, "asking whether the GPU shares the host's memory"))

    def use_here(self) -> None:
        """Make the calling thread talk to this GPU; every thread that does needs it once."""
        self._device.set_current()

    def explained(self, error: EngineError, needed: str = "") -> EngineError:
        """`error` as it is, or where it is for want of memory with what was `needed`, what is free and what to type."""
        if not is_out_of_memory(error) or _MEMORY_ADVICE in str(error):
            return error
        return EngineError(f"{error}{needed and '; '}{needed}{out_of_memory_advice(self._runtime)}")

    def check_alive(self) -> None:
        """Raise `EngineError` if an error broke this process's context: CUDA gives a process no second one."""
        broken = self._runtime.cudaDeviceSynchronize()[0]
        if broken:
            raise EngineError(
                f"{getattr(broken, 'name', broken)} broke the GPU for this process, and only a new process can use it "
                "again: start the run again (as a service it does so by itself)"
            )

    def stream(self, name: str) -> Stream:
        try:
            return CudaStream(self._runtime, name, self._device.create_stream())
        except Exception as error:  # cuda.core raises its own class
            failed = EngineError(f"CUDA failed while making the stream {name}: {error}")
            raise self.explained(failed) from error

    def event(self) -> Event:
        return CudaEvent(self._runtime)

    def memory(self, nbytes: int) -> Memory:
        size = max(nbytes, 1)
        address = check(self._runtime, self._runtime.cudaMalloc(size), f"allocating {size_text(size)} of GPU memory")
        return CudaMemory(int(address), nbytes, partial(self._runtime.cudaFree, address))

    def mirror(self, nbytes: int) -> Mirror:
        return CudaMirror(self._runtime, nbytes, shared=self.shares_memory)

    def pin(self, array: Array) -> Memory:
        host, size = array.ctypes.data, array.nbytes
        if not array.flags.c_contiguous:
            raise ValueError("only a contiguous array can be pinned")
        flags = _PORTABLE | (_MAPPED if self.shares_memory else 0)
        check(
            self._runtime, self._runtime.cudaHostRegister(host, size, flags), f"pinning an array of {size_text(size)}"
        )
        release = partial(self._runtime.cudaHostUnregister, host)
        address = host
        if self.shares_memory:
            mapped = self._runtime.cudaHostGetDevicePointer(host, 0)
            address = int(check(self._runtime, mapped, "mapping an array"))
        return CudaMemory(address, size, release)

    def copy_in(self, target: Memory, source: Memory, nbytes: int, *, stream: Stream) -> None:
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        copied = self._runtime.cudaMemcpyAsync(target.address, source.address, nbytes, kind, stream.handle)
        check(self._runtime, copied, "copying a pinned array to the GPU")

    def zero(self, target: Memory, nbytes: int, *, stream: Stream) -> None:
        cleared = self._runtime.cudaMemsetAsync(target.address, 0, nbytes, stream.handle)
        check(self._runtime, cleared, "clearing GPU memory")

    def capture(self, work: Callable[[], None], *, stream: Stream) -> Graph:
        runtime = self._runtime
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check(runtime, runtime.cudaStreamBeginCapture(stream.handle, mode), f"capturing stream {stream.name}")
        try:
            work()
        except BaseException:
            self._abandon_capture(runtime.cudaStreamEndCapture(stream.handle))
            raise
        captured = runtime.cudaStreamEndCapture(stream.handle)
        if captured[0]:
            self._abandon_capture(captured)
        graph = check(runtime, captured, f"capturing stream {stream.name}")
        try:
            executable = check(runtime, runtime.cudaGraphInstantiate(graph, 0), "making a graph executable")
        finally:
            runtime.cudaGraphDestroy(graph)
        made = CudaGraph(runtime, executable)
        check(runtime, runtime.cudaGraphUpload(executable, stream.handle), "uploading a graph")
        return made

    def _abandon_capture(self, captured: tuple[Any, ...]) -> None:
        """A failed capture leaves an error behind that the next call on this thread would report as its own."""
        if not captured[0]:
            self._runtime.cudaGraphDestroy(captured[1])
        self._runtime.cudaGetLastError()

    def kernel(self, source: str, entry: str, macros: Mapping[str, str]) -> Kernel:
        text = "".join(f"#define {name} {value}\n" for name, value in macros.items()) + source
        if (text, entry) not in self._kernels:
            try:
                self._kernels[text, entry] = CudaKernel(self._core, self._compile(text).get_kernel(entry), entry)
            except Exception as error:  # a missing NVRTC, a compiler message, a full disk: all end here
                raise EngineError(f"the kernel {entry} cannot be compiled for {self.arch}: {error}") from error
        return self._kernels[text, entry]

    def _compile(self, text: str) -> Any:
        # Without fused multiply-add a kernel rounds as NumPy does, so that it can be held against its twin bit by bit.
        options = self._core.ProgramOptions(arch=self.arch, fma=False)
        program = self._core.Program(text, "c++", options)
        try:
            if self._cache_folder is None:
                return program.compile("cubin")
            cache = import_module("cuda.core.utils").FileStreamProgramCache(self._cache_folder)
            return program.compile("cubin", cache=cache)
        finally:
            program.close()


def _version(number: int) -> str:
    """CUDA counts 13.0 as 13000."""
    return f"{number // 1000}.{number % 1000 // 10}"


def open_gpu(index: int = 0, *, cache_folder: Path | None = None) -> CudaGpu:
    """The GPU with this number, current for the calling thread; raises `EngineError` that says what is missing."""
    try:
        core, runtime = import_module("cuda.core"), import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise EngineError(f"cuda-python is not installed ({error}). Run: {install(gpu_extra())}") from error
    try:
        device = core.Device(index)
        device.set_current()
    except Exception as error:  # no driver, no such GPU, no memory, a driver too old for this cuda-python: all end here
        advice = _MEMORY_ADVICE if is_out_of_memory(error) else "Run: nvidia-smi (on a Jetson: tegrastats)"
        raise EngineError(f"GPU {index} cannot be used: {error}. {advice}") from error
    return CudaGpu(core, runtime, device, cache_folder=cache_folder)
