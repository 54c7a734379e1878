"""How fast is a pipeline, and what does the overlap gain? Three ways of running it, interleaved in one process.

`bare`: the networks alone, input resident, calls back to back. `sequential`: decode, preprocess, infer, decode the
output, publish, one after another on one thread, made of the same pieces. `pipeline`: the executor, as fast as it goes.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import LiveSink
from edge_runtime.core import Clock, Frame, FrameResult, OperatingPoint
from edge_runtime.errors import RunError
from edge_runtime.pipeline.accounts import NS
from edge_runtime.pipeline.assemble import Assembly, assemble
from edge_runtime.pipeline.entry import Entry
from edge_runtime.pipeline.network import BareCalls
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import SinkContext
from edge_runtime.sources.base import Source
from edge_runtime.sources.resident import ResidentPictures

Progress = Callable[[str, int, int], None]

# Frames after which memory counts as warm.
WARM_FRAMES = 500


@dataclass
class BenchReport:
    """Figures of one bench; lists hold one value a repeat, and the scalars are their medians."""

    frames_per_repeat: int
    bare_engine_fps: list[float] = field(default_factory=list)
    sequential_fps: list[float] = field(default_factory=list)
    pipeline_fps: list[float] = field(default_factory=list)
    overlap_efficiency: list[float] = field(default_factory=list)
    bare_efficiency: list[float] = field(default_factory=list)
    speedup: list[float] = field(default_factory=list)
    runtime_cpu_us_per_frame: list[float] = field(default_factory=list)
    latency_ms: dict[str, float | None] = field(default_factory=dict)
    stage_ms: dict[str, dict[str, float | None]] = field(default_factory=dict)
    rss_mb: dict[str, float] = field(default_factory=dict)
    alone_fps: dict[str, list[float]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The JSON document of `bench --json`."""
        repeats = {name: value for name, value in asdict(self).items() if isinstance(value, list)}
        medians = {name: round(median(values), 4) for name, values in repeats.items()}
        return {
            **medians,
            "latency_ms": self.latency_ms,
            "stage_ms": self.stage_ms,
            "rss_mb": self.rss_mb,
            "networks": self._networks(),
            "frames_per_repeat": self.frames_per_repeat,
            "machine": machine(),
            "repeats": {name: [round(value, 4) for value in values] for name, values in repeats.items()},
        }

    def _networks(self) -> dict[str, Any] | None:
        """What several networks gain by running at once: their times one after another over that of all together."""
        if len(self.alone_fps) < 2:
            return None
        rounds = zip(self.bare_engine_fps, *self.alone_fps.values(), strict=True)
        gains = [together * sum(1 / fps for fps in alone) for together, *alone in rounds]
        return {
            "alone_fps": {name: round(median(values), 1) for name, values in self.alone_fps.items()},
            "gain_together": round(median(gains), 3),
            "gain_together_each": [round(gain, 3) for gain in gains],
        }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return {"cpu": name, "cores": psutil.cpu_count(), "platform": platform.platform()}


def bench(
    loaded: LoadedPipeline,
    clock: Clock,
    *,
    repeats: int,
    seconds: float,
    frames: int | None,
    resident: int | None,
    progress: Progress,
) -> BenchReport:
    """Measure a pipeline on its own source (looped), `repeats` times each way.

    Each measurement takes `frames` frames, or as many as run in about `seconds` one after another. With `resident`
    that many pictures are read in advance and kept in memory, so that no decoder is measured. Nothing is sent to other
    programs.
    """
    source = loaded.config.one_source
    if source.kind == "camera":
        raise RunError("bench needs a source that can be repeated: set source to a video or a folder of images")
    looped = source.model_copy(update={"loop": True, "pace": "fast"})
    sinks = tuple(sink for sink in loaded.config.sinks if not isinstance(sink, LiveSink))
    bench_loaded = loaded.with_config(
        loaded.config.model_copy(update={"source": looped, "record": None, "sinks": sinks})
    )
    case = _Case(bench_loaded, clock, resident)
    if frames is None:
        progress("warming up", 0, repeats)
        trial = _sequential(case, 20)
        frames = max(30, int(seconds * trial.fps))
    report = BenchReport(frames)
    for repeat in range(repeats):
        progress("bare engine", repeat, repeats)
        bare_fps = _bare(case, frames, report)
        progress("one after another", repeat, repeats)
        sequential = _sequential(case, frames)
        progress("pipelined", repeat, repeats)
        pipeline_fps = _pipelined(case, frames, report)
        report.bare_engine_fps.append(bare_fps)
        report.sequential_fps.append(sequential.fps)
        report.pipeline_fps.append(pipeline_fps)
        report.overlap_efficiency.append(pipeline_fps / min(bare_fps, sequential.host_fps))
        report.bare_efficiency.append(pipeline_fps / bare_fps)
        report.speedup.append(pipeline_fps / sequential.fps)
    progress("done", repeats, repeats)
    return report


@dataclass(frozen=True)
class _Case:
    loaded: LoadedPipeline
    clock: Clock
    resident: int | None

    def source(self) -> Source:
        source = open_source(self.loaded.config.one_source)
        return source if self.resident is None else ResidentPictures(source, self.resident)

    def assemble(self, owner: ExitStack, *, lanes: bool) -> Assembly:
        return assemble(self.loaded, self.clock, owner, lanes=lanes)


def _bare(case: _Case, frames: int, report: BenchReport) -> float:
    """All networks of a frame at once, input resident, the next call always waiting; several also each by itself."""
    with ExitStack() as owner:
        networks = case.assemble(owner, lanes=True).networks
        calls = {name: network.bare() for name, network in networks.items()}
        for call in calls.values():
            owner.callback(call.close)
        if len(calls) > 1:
            for name, call in calls.items():
                report.alone_fps.setdefault(name, []).append(_calls_per_s(case, frames, [call]))
        return _calls_per_s(case, frames, list(calls.values()))


def _calls_per_s(case: _Case, frames: int, calls: Sequence[BareCalls]) -> float:
    depth = case.loaded.config.executor.in_flight
    began_ns = case.clock.now_ns()
    for n in range(frames + depth - 1):
        if n < frames:
            for call in calls:
                call.start(n)
        if n >= depth - 1:
            for call in calls:
                call.finish(n - depth + 1)
    return frames * NS / (case.clock.now_ns() - began_ns)


@dataclass(frozen=True)
class _Sequential:
    fps: float
    host_fps: float


def _sequential(case: _Case, frames: int) -> _Sequential:
    config, clock = case.loaded.config, case.clock
    networks = {stage.name for stage in config.stages if stage.kind in ("detect", "segment", "classify")}
    with ExitStack() as owner:
        assembly = case.assemble(owner, lanes=False)
        source = case.source()
        owner.callback(source.close)
        folder = Path(owner.enter_context(tempfile.TemporaryDirectory()))
        context = SinkContext(folder, assembly.classes, assembly.shown, source.info.fps or 30.0)
        sinks = [make_sink(block) for block in config.sinks]
        for sink in sinks:
            sink.open(context)
            owner.callback(sink.close)
        network_ms = 0.0
        began_ns = clock.now_ns()
        for n in range(frames):
            picture = source.read()
            if picture is None:
                raise RunError(f"the source ended after {n} frames: bench needs one that can be read again")
            frame = Frame(n, config.one_source.camera, clock.now_ns(), picture.image, None, picture.t_stream_ns)
            entry = Entry(0, frame, OperatingPoint(), n)
            for step in assembly.steps:
                step.launch([entry])
            for step in assembly.steps:
                step.finish(entry)
            result = entry.result(clock.now_ns())
            for sink in sinks:
                sink.write(frame, result)
            network_ms += sum(took_ms for stage, took_ms in entry.stage_ms.items() if stage in networks)
        elapsed_s = (clock.now_ns() - began_ns) / NS
    return _Sequential(frames / elapsed_s, frames / max(1e-9, elapsed_s - network_ms / 1e3))


def _pipelined(case: _Case, frames: int, report: BenchReport) -> float:
    memory = _Memory(frames)
    source = case.source()
    with tempfile.TemporaryDirectory() as folder:
        start = Pipeline(case.loaded).start
        with start(
            out=Path(folder), frames=frames, on_result=memory, sources={case.loaded.config.one_source.camera: source}
        ) as run:
            if isinstance(source, ResidentPictures):
                run.pin(picture.image for picture in source.pictures)
            run.wait()
            summary = run.finish()
        if summary.error is not None or summary.fps is None:
            raise RunError(f"the pipelined run failed: {summary.error or 'no frame was published'}")
    report.rss_mb = memory.figures()
    report.runtime_cpu_us_per_frame.append(run.host_cpu_ns / 1e3 / frames)
    document: Mapping[str, Any] = summary.document()
    report.latency_ms, report.stage_ms = document["latency_ms"], document["stage_ms"]
    return summary.fps


class _Memory:
    """Resident memory of this process when the run is warm and at its end.

    Each is the median over a stretch of frames, since what waits in sinks' queues comes and goes.
    """

    def __init__(self, frames: int) -> None:
        self._process = psutil.Process()
        warm = min(WARM_FRAMES, frames // 2)
        stretch = max(1, min(WARM_FRAMES, (frames - warm) // 2))
        self._start = range(warm, warm + stretch)
        self._end = range(frames - stretch, frames)
        self._mb: dict[str, list[float]] = {"start": [], "end": []}

    def __call__(self, frame: Frame, result: FrameResult) -> None:
        if result.frame_id % 5 == 0 or result.frame_id in (self._start[0], self._end[-1]):
            for name, stretch in (("start", self._start), ("end", self._end)):
                if result.frame_id in stretch:
                    self._mb[name].append(self._process.memory_info().rss / 2**20)

    def figures(self) -> dict[str, float]:
        return {name: round(median(values), 1) for name, values in self._mb.items() if values}
