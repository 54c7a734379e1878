"""The real layer against a stand-in for cuda-python: which calls it makes, and what it says when one fails."""

import ctypes
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime.cuda import driver
from edge_runtime.cuda.driver import CudaGpu, check, open_gpu
from edge_runtime.errors import EngineError


class Runtime:
    """cuda.bindings.runtime: every call succeeds and is noted, but those in `fails`."""

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice="in", cudaMemcpyDeviceToHost="out")
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal="thread")
    cudaDeviceAttr = SimpleNamespace(cudaDevAttrIntegrated=18)

    def __init__(self, *, integrated=0, fails=(), why=("cudaErrorIllegalAddress", "an illegal memory access")):
        self.integrated, self.fails, self.calls, self.blocks = integrated, set(fails), [], []
        self.why = [words.encode() for words in why]

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append(name)
            if name in self.fails:
                return (700, None)
            if name == "cudaMemGetInfo":
                return (0, 200 << 20, 64 << 30)
            values = {
                "cudaDeviceGetAttribute": self.integrated,
                "cudaHostAlloc": self.block(arguments),
                "cudaHostGetDevicePointer": arguments[0] if arguments else 0,
                "cudaGetErrorName": self.why[0],
                "cudaGetErrorString": self.why[1],
                "cudaEventElapsedTime": 1.5,
            }
            return (0, values.get(name, 4096))

        return call

    def block(self, arguments):
        if not arguments or not isinstance(arguments[0], int):
            return 0
        self.blocks.append(ctypes.create_string_buffer(max(1, min(arguments[0], 1 << 20))))
        return ctypes.addressof(self.blocks[-1])

    def since(self, begin):
        return self.calls[begin:]


def gpu_on(runtime):
    capability = SimpleNamespace(major=8, minor=7)
    device = SimpleNamespace(
        name="Orin",
        compute_capability=capability,
        device_id=0,
        create_stream=lambda: SimpleNamespace(handle=77, close=lambda: None),
    )
    return CudaGpu(SimpleNamespace(), runtime, device)


def test_a_failing_call_says_what_was_attempted_and_what_cuda_calls_it():
    words = "CUDA failed while waiting for the GPU: cudaErrorIllegalAddress (an illegal memory access)"
    event = gpu_on(runtime := Runtime()).event()
    runtime.fails |= {"cudaEventQuery", "cudaEventSynchronize"}
    with pytest.raises(EngineError) as caught:
        event.wait()
    assert str(caught.value) == words


def test_an_event_that_is_past_is_not_waited_for():
    event = gpu_on(runtime := Runtime()).event()
    event.wait()
    assert "cudaEventSynchronize" not in runtime.calls
    runtime.fails.add("cudaEventQuery")
    event.wait()
    assert runtime.calls[-1] == "cudaEventSynchronize"


def test_the_real_runtime_names_its_errors():
    runtime = pytest.importorskip("cuda.bindings.runtime")
    with pytest.raises(EngineError, match=r"while trying: cudaErrorMemoryAllocation \(out of memory\)"):
        check(runtime, (runtime.cudaError_t.cudaErrorMemoryAllocation, None), "trying")
    assert check(runtime, (runtime.cudaError_t.cudaSuccess, 5), "trying") == 5


def test_a_discrete_gpu_copies_and_an_integrated_one_does_not():
    for integrated in (0, 1):
        gpu = gpu_on(runtime := Runtime(integrated=integrated))
        with gpu.stream("road") as stream, gpu.mirror(64) as mirror:
            mirror.array((2, 4), np.float32)[:] = 3
            mirror.to_device(64, stream=stream)
            mirror.to_host(64, stream=stream)
        assert runtime.calls.count("cudaMemcpyAsync") == (0 if integrated else 2)
        assert runtime.calls.count("cudaFree") == (0 if integrated else 1)
        assert runtime.calls.count("cudaFreeHost") == 1


def test_what_is_closed_twice_is_freed_once():
    gpu = gpu_on(runtime := Runtime())
    for owned in (gpu.memory(8), gpu.mirror(8), gpu.event(), gpu.pin(np.zeros(8)), gpu.stream("road")):
        owned.close()
        before = len(runtime.calls)
        owned.close()
        assert len(runtime.calls) == before


def test_memory_that_cannot_be_had_leaves_nothing_behind():
    gpu = gpu_on(runtime := Runtime(fails={"cudaMalloc"}))
    with pytest.raises(EngineError, match="allocating 64 bytes of GPU memory"):
        gpu.mirror(64)
    assert runtime.calls.count("cudaFreeHost") == 1


NO_MEMORY = ("cudaErrorMemoryAllocation", "out of memory")


def test_a_want_of_memory_says_what_needed_how_much_what_is_free_and_what_to_type():
    gpu = gpu_on(runtime := Runtime(fails={"cudaMalloc"}, why=NO_MEMORY))
    with pytest.raises(EngineError) as caught:
        gpu.memory(3 << 29)
    said = str(caught.value)
    assert said.startswith(
        "CUDA failed while allocating 1.5 GiB of GPU memory: cudaErrorMemoryAllocation (out of memory);"
        " 200.0 MiB of 64.0 GiB are free on the GPU. See what else holds it: nvidia-smi"
    )
    assert "precision: fp16" in said
    assert runtime.calls[-1] == "cudaMemGetInfo"
    assert "cudaGetLastError" in runtime.calls, "else the next call would report it as its own"
    assert gpu.explained(caught.value, "the engine takes 8.0 MiB") is caught.value, "it is said once"


@pytest.mark.parametrize(
    "said",
    [
        "TensorRT 8.6 cannot load the engine (8 bytes): Error Code 1: Cuda Runtime (out of memory)",
        "TensorRT cannot load the engine: Error Code 2: OutOfMemory (no further information)",
        "Requested amount of GPU memory (67108864 bytes) could not be allocated. There may not be enough free memory",
        "TensorRT made no execution context; its log says why (as a rule, out of GPU memory)",
        "CUDA failed while launching the kernel resize: CUDA_ERROR_OUT_OF_MEMORY",
    ],
)
def test_what_tensorrt_says_of_memory_is_explained_and_nothing_else_is(said):
    gpu = gpu_on(Runtime())
    explained = str(gpu.explained(EngineError(said), "the engine road.engine alone takes 64.0 MiB"))
    assert explained.startswith(f"{said}; the engine road.engine alone takes 64.0 MiB; 200.0 MiB of 64.0 GiB are free")
    other = EngineError("CUDA failed while waiting: cudaErrorIllegalAddress (an illegal memory access)")
    assert gpu.explained(other, "x") is other


def test_a_stream_that_cannot_be_made_is_no_traceback():
    gpu = gpu_on(Runtime())

    def create_stream():
        raise RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: no memory")

    gpu._device.create_stream = create_stream
    with pytest.raises(EngineError, match="making the stream road: CUDA_ERROR_OUT_OF_MEMORY"):
        gpu.stream("road")


def test_an_array_with_gaps_cannot_be_pinned():
    with pytest.raises(ValueError, match="contiguous"):
        gpu_on(Runtime()).pin(np.zeros((4, 4))[:, ::2])


def test_a_capture_is_made_executable_and_its_template_destroyed():
    gpu = gpu_on(runtime := Runtime())
    stream = gpu.stream("road")
    begin = len(runtime.calls)
    with gpu.capture(lambda: runtime.calls.append("work"), stream=stream) as graph:
        graph.launch(stream=stream)
    assert runtime.since(begin) == [
        "cudaStreamBeginCapture", "work", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphDestroy",
        "cudaGraphUpload", "cudaGraphLaunch", "cudaGraphExecDestroy",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["work", "cudaStreamEndCapture"])
def test_a_failed_capture_is_ended_and_its_error_cleared(fault):
    gpu = gpu_on(runtime := Runtime(fails={fault}))

    def work():
        if fault == "work":
            raise EngineError("TensorRT refused")

    with pytest.raises(EngineError, match=r"TensorRT refused|capturing stream road"):
        gpu.capture(work, stream=gpu.stream("road"))
    assert runtime.calls.count("cudaStreamEndCapture") == 1
    assert "cudaGetLastError" in runtime.calls


def test_without_cuda_python_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr("edge_runtime.cuda.driver.import_module", missing)
    with pytest.raises(EngineError, match=r"cuda-python is not installed .* -m pip install 'edge-runtime\[nvidia\]'"):
        open_gpu()


def test_without_a_driver_it_says_so(monkeypatch):
    def no_driver(index):
        raise RuntimeError("Failed to dlopen libcuda.so.1")

    fakes = {"cuda.core": SimpleNamespace(Device=no_driver), "cuda.bindings.runtime": Runtime()}
    monkeypatch.setattr("edge_runtime.cuda.driver.import_module", lambda name: fakes[name])
    with pytest.raises(EngineError, match=r"GPU 0 cannot be used: Failed to dlopen libcuda.so.1. Run: nvidia-smi"):
        open_gpu()


def test_the_names_it_calls_exist_in_the_installed_cuda_python():
    runtime = pytest.importorskip("cuda.bindings.runtime")
    names = set(re.findall(r"runtime\.(cuda\w+)", Path(driver.__file__).read_text(encoding="utf-8")))
    assert len(names) > 20
    assert not [name for name in names if not hasattr(runtime, name)]
