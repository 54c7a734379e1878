"""What a frame costs the host where every network runs on a GPU, step by step; needs no GPU.

    python scripts/host_cost.py pipelines/adas_video.yaml --set models.road.onnx=… --set source.path=…

Everything is real but the GPU: its double does nothing, in no time, and a network's selected candidates lie ready where
it would have fetched them. They were computed beforehand, by ONNX Runtime, for the views that the same run asked for.
So the figures are the runtime's own work, Python and NumPy, without that of the CUDA driver. `--digest` adds a checksum
of all results: work that is made cheaper must not change it.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.config.schema import ModelBlock
from edge_runtime.core import ClassTable, Frame, FrameResult, SystemClock
from edge_runtime.core.reduction import RowSelection
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor
from edge_runtime.cuda.select import CudaSelect
from edge_runtime.engines.ort import open_session
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.errors import EdgeRuntimeError
from edge_runtime.pipeline import run as pipeline_run
from edge_runtime.pipeline.assemble import Assembly, shown_stages, views_of
from edge_runtime.pipeline.entry import Entry
from edge_runtime.pipeline.executor import Executor
from edge_runtime.pipeline.model_fit import input_shape
from edge_runtime.pipeline.network import CudaNetwork, Glance
from edge_runtime.pipeline.optional import OptionalModels
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.pipeline.regions import PlannedRegions, ReportViews
from edge_runtime.pipeline.slot import NewestSlot
from edge_runtime.pipeline.stages import make_steps
from edge_runtime.pipeline.steps import HostStep, NetworkStep
from edge_runtime.sources.base import Picture, SourceInfo
from edge_runtime.sources.resident import ResidentPictures
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.decode.select import RowDecoder, select_rows
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.regions import RegionPlanner


class Idle:
    """A noun of the GPU that takes every call and does nothing."""

    name, handle, address, nbytes = "idle", 0, 0, 0

    def nothing(self, *_: Any, **__: Any) -> None: ...

    record = wait = close = launch = to_device = to_host = nothing

    def ms_since(self, earlier: Any) -> float:
        return 0.3


class Memory(Idle):
    def __init__(self, nbytes: int) -> None:
        self.nbytes, self._bytes = nbytes, np.zeros(max(nbytes, 1), np.uint8)
        self.address = self._bytes.ctypes.data

    def array(self, shape: Sequence[int], dtype: Any) -> np.ndarray:
        return self._bytes[: int(np.prod(shape)) * np.dtype(dtype).itemsize].view(dtype).reshape(shape)


class Graph(Idle):
    def __init__(self, launch: Callable[..., None]) -> None:
        self.launch = launch


class IdleGpu:
    """The GPU of `core.gpu`; launching a graph that selects candidates makes `replay` put them where they belong."""

    name, arch, shares_memory = "none", "sm_00", False

    def __init__(self) -> None:
        self.replay: Callable[[], None] = lambda: None
        self._selects = False

    def use_here(self) -> None: ...

    def stream(self, name: str) -> Idle:
        return Idle()

    def event(self) -> Idle:
        return Idle()

    def memory(self, nbytes: int) -> Memory:
        return Memory(nbytes)

    mirror = memory

    def pin(self, array: np.ndarray) -> Idle:
        pinned = Idle()
        pinned.nbytes, pinned.address = array.nbytes, array.ctypes.data
        return pinned

    def zero(self, *_: Any, **__: Any) -> None: ...

    copy_in = zero

    def capture(self, work: Callable[[], None], *, stream: Any) -> Graph:
        self._selects = False
        work()
        return Graph(self._replay if self._selects else Idle().nothing)

    def _replay(self, *, stream: Any) -> None:
        self.replay()

    def kernel(self, source: str, entry: str, macros: Mapping[str, str]) -> Any:
        def launch(*_: Any, **__: Any) -> None:
            self._selects |= entry == "select_rows"

        return SimpleNamespace(launch=launch)


class IdleEngine:
    """A deserialized engine with the model's tensors, of a free batch."""

    def __init__(self, block: ModelBlock, session: Any) -> None:
        self._shapes = {session.get_inputs()[0].name: input_shape(block.input)}
        self._shapes |= {output.name: tuple(output.shape[1:]) for output in session.get_outputs()}
        self.num_io_tensors = len(self._shapes)
        self._rows = -1
        self.active_optimization_profile = 0

    def get_tensor_name(self, index: int) -> str:
        return list(self._shapes)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return SimpleNamespace(name="INPUT" if name == self.get_tensor_name(0) else "OUTPUT")

    def get_tensor_dtype(self, name: str) -> Any:
        return SimpleNamespace(name="FLOAT")

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self._rows, *self._shapes[name])

    def create_execution_context(self) -> IdleEngine:
        return self

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        self._rows = shape[0]
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        return True

    def execute_async_v3(self, handle: int) -> bool:
        return True


# Of a batch row: how many candidates there are, their indices, their columns; as `CudaSelect` fetches them.
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


class ShownSelect(CudaSelect):
    def show(self, slot: int, call: Sequence[Rows]) -> None:
        """What the GPU would have fetched by the time that the host waits for it."""
        for row, (header, *found) in enumerate(call):
            self._headers[slot][row] = header
            for place, values in zip(self._found[slot][row], found, strict=True):
                place[: len(values)] = values


class Replayed(CudaNetwork):
    """The network as the runtime has it on a GPU; `script` holds what its calls find, one after another.

    A call beyond its end is computed first.
    """

    def __init__(self, name: str, block: ModelBlock, classes: ClassTable, batch: int, slots: int, upload: Any) -> None:
        gpu = IdleGpu()
        decoder = make_decoder(block.decode, block.input, classes)
        if not isinstance(decoder, RowDecoder):
            raise SystemExit(f"{name}: only networks whose candidates are selected on the GPU can be replayed")
        self._session = open_session(block.onnx, block.onnxruntime)
        self._on_host = Preprocessor(block.input)
        self.script: list[list[Rows]] = []
        self._at = 0
        gpu.replay = self._replay
        stream = gpu.stream(name)
        preprocessor = CudaPreprocessor(gpu, block.input, slots=slots, max_batch=batch, stream=stream)
        made: list[ShownSelect] = []

        def select(outputs: Any) -> ShownSelect:
            shapes = {each.name: each.shape for each in outputs}
            self._selection: RowSelection = decoder.selection(shapes)
            made.append(ShownSelect(gpu, self._selection, shapes, slots=slots, max_batch=batch, stream=stream))
            return made[0]

        engine = TensorRTEngine(
            name,
            IdleEngine(block, self._session),
            gpu=gpu,
            stream=stream,
            input_shape=input_shape(block.input),
            max_batch=batch,
            slots=slots,
            clock=SystemClock(),
            fill=preprocessor.fill,
            fill_stream=stream,
            select=select,
        )
        self._shown = made[0]
        super().__init__(engine, preprocessor, upload, gpu, block.input, decoder, made[0])

    def launch(self, slot: int, glances: Sequence[Glance]) -> Any:
        if self._at == len(self.script):
            self.script.append(self._compute(glances))
        self._to = slot
        return super().launch(slot, glances)

    def _compute(self, glances: Sequence[Glance]) -> list[Rows]:
        rows = np.empty((len(glances), *self._on_host.row_shape), self._block.dtype)
        for glance, row in zip(glances, rows, strict=True):
            self._on_host.write(glance.frame.image, glance.region, row)
        names = [output.name for output in self._session.get_outputs()]
        found = [self._session.run(names, {self._session.get_inputs()[0].name: row[None]}) for row in rows]
        call = []
        for outputs in found:
            rows_of = select_rows(dict(zip(names, outputs, strict=True)), 0, self._selection)
            header = np.array([len(rows_of.index), 0, 0, 0], np.int32)
            call.append((header, rows_of.index, np.concatenate(rows_of.columns, axis=1)))
        return call

    def _replay(self) -> None:
        self._shown.show(self._to, self.script[self._at])
        self._at += 1

    def rewind(self) -> None:
        self._at = 0


class Pictures(ResidentPictures):
    """Pictures in memory, given once, each at its time in the stream."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        height, width = pictures[0].image.shape[:2]
        self._info = SourceInfo(30.0, len(pictures), width, height)
        self._left = iter(pictures)

    def read(self) -> Picture | None:  # type: ignore[override]
        return next(self._left, None)


def read_pictures(path: Path, count: int, size: tuple[int, int]) -> list[Picture]:
    video = cv2.VideoCapture(str(path))
    pictures = []
    while len(pictures) < count and (read := video.read())[0]:
        image = cv2.resize(read[1], size, interpolation=cv2.INTER_CUBIC)
        pictures.append(Picture(image, len(pictures) * 33_333_333))
    if not pictures:
        raise SystemExit(f"{path} has no pictures; name a video: --set source.path=drive.mp4")
    return pictures


class Bench:
    """The networks of a pipeline, made once; every pass is a run of its own through the same pictures."""

    def __init__(self, loaded: LoadedPipeline, pictures: Sequence[Picture]) -> None:
        source = loaded.config.one_source.model_copy(update={"pace": "fast", "loop": False})
        self._loaded = loaded.with_config(loaded.config.model_copy(update={"source": source, "sinks": ()}))
        self._pictures, self._classes = pictures, ClassTable()
        config = self._loaded.config
        depth = config.executor.in_flight
        upload = FrameUpload(IdleGpu(), stream=Idle(), depth=depth)
        self._networks = {
            name: Replayed(name, model, self._classes, views_of(config, name), depth, upload)
            for name, model in config.models.items()
        }

    def _assemble(self, loaded: LoadedPipeline, clock: Any, owner: ExitStack, **_: Any) -> Assembly:
        for network in self._networks.values():
            network.rewind()
        optional = OptionalModels(loaded.config, clock, lambda model: None)
        steps = make_steps(loaded, self._networks, self._classes, clock, None, None, optional)
        return Assembly(steps, self._networks, self._classes, shown_stages(loaded.config), {}, {}, optional, dict)

    def run(self, on_result: Callable[[Frame, FrameResult], None] | None = None) -> tuple[float, float]:
        """One pass: microseconds of CPU and of wall clock a frame."""
        folder = tempfile.TemporaryDirectory()
        with folder, patch.object(pipeline_run, "assemble", self._assemble):
            start = Pipeline(self._loaded).start
            sources = {self._loaded.config.one_source.camera: Pictures(self._pictures)}
            with start(out=Path(folder.name), sources=sources, on_result=on_result) as run:
                run.pin(picture.image for picture in self._pictures)
                run.wait()
                summary = run.finish()
        if summary.error or summary.fps is None or summary.frames.failed:
            raise SystemExit(f"the run failed: {summary.error or summary.failures}")
        return run.host_cpu_ns / 1e3 / len(self._pictures), 1e6 / summary.fps


def digest(bench: Bench) -> str:
    """Of every box of every stage and every region of every frame."""
    total = hashlib.sha256()

    def add(frame: Frame, result: FrameResult) -> None:
        regions = {name: [(each.xyxy, each.reason) for each in found] for name, found in result.regions.items()}
        total.update(f"{result.frame_id} {sorted(regions.items())} {result.error}".encode())
        for name, found in sorted(result.detections.items()):
            total.update(name.encode())
            for column in (found.xyxy, found.confidence, found.class_id, found.track_id):
                total.update(f"{column.dtype} {column.shape}".encode() + column.tobytes())

    bench.run(add)
    return total.hexdigest()[:16]


STEPS = (
    (NewestSlot, "take", "take a frame"),
    (Executor, "_launch", "launch"),
    (PlannedRegions, "regions", "  plan regions"),
    (RegionPlanner, "observe", "    learn from an earlier frame"),
    (RegionPlanner, "plan", "    choose"),
    (CudaNetwork, "launch", "  network"),
    (FrameUpload, "upload", "    upload"),
    (CudaPreprocessor, "write", "    say what it looks at"),
    (TensorRTEngine, "enqueue", "    enqueue"),
    (Replayed, "_replay", "      (the double of the GPU)"),
    (Executor, "_finish", "finish"),
    (NetworkStep, "finish", "  decode"),
    (TensorRTEngine, "wait", "    wait"),
    (CudaNetwork, "decode", "    candidates to boxes"),
    (HostStep, "finish", "  {name}"),
    (ReportViews, "finish", "  report to the planner"),
    (Entry, "result", "  result"),
    (pipeline_run.Run, "_publish", "  publish"),
)


class Spent:
    """Microseconds of CPU in every step while the `with` lasts; the clock itself costs one a call."""

    def __init__(self) -> None:
        self.us: dict[str, float] = defaultdict(float)
        self._patches = ExitStack()

    def __enter__(self) -> Spent:
        for owner, name, label in STEPS:
            self._patches.enter_context(patch.object(owner, name, self._timed(getattr(owner, name), label)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def _timed(self, call: Callable[..., Any], label: str) -> Callable[..., Any]:
        spent, now_ns = self.us, time.thread_time_ns

        def timed(self: Any, *arguments: Any, **named: Any) -> Any:
            began_ns = now_ns()
            try:
                return call(self, *arguments, **named)
            finally:
                spent[label.format(name=getattr(self, "name", ""))] += (now_ns() - began_ns) / 1e3

        return timed


def figures(values: Sequence[float]) -> str:
    return f"{median(values):8.1f}   {min(values):7.1f} to {max(values):7.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, nargs=2, default=(1920, 1080), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--passes", type=int, default=15)
    parser.add_argument("--digest", action="store_true", help="a checksum of everything that was found")
    parser.add_argument("--profile", type=int, metavar="LINES", help="the costliest functions, by cProfile")
    options = parser.parse_args()
    try:
        loaded = load_pipeline(options.pipeline, options.set)
        bench = Bench(loaded, read_pictures(Path(loaded.config.one_source.path), options.frames, tuple(options.size)))
        bench.run()
    except EdgeRuntimeError as error:
        raise SystemExit(str(error)) from error
    if options.digest:
        print(f"results: {digest(bench)}")
    totals, steps = [], defaultdict(list)
    for _ in range(options.passes):
        totals.append(bench.run())
        with Spent() as spent:
            bench.run()
        for label, us in spent.us.items():
            steps[label].append(us / options.frames)
    print(f"{'us a frame':34}  median       range of {options.passes} passes")
    print(f"{'CPU of the frame thread':32}{figures([cpu for cpu, _ in totals])}")
    print(f"{'from frame to frame, wall clock':32}{figures([wall for _, wall in totals])}")
    for _, _, label in STEPS:
        for name in [each for each in steps if each == label or (label == "  {name}" and each in steps_of(loaded))]:
            print(f"{name:32}{figures(steps[name])}")
    if options.profile:
        profile(bench, options.profile)


def steps_of(loaded: LoadedPipeline) -> set[str]:
    return {f"  {stage.name}" for stage in loaded.config.stages}


def profile(bench: Bench, lines: int) -> None:
    profiler, work = cProfile.Profile(), Executor.run_alone
    with patch.object(Executor, "run_alone", lambda executor: profiler.runcall(work, executor)):
        bench.run()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(lines)


if __name__ == "__main__":
    main()
