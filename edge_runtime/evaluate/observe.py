"""Runs of a pipeline that are kept for judging: what its stage found in every frame, and what each frame cost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import (
    CameraSource,
    ClassifyStage,
    ImagesSource,
    RecordingSource,
    SegmentationDecode,
    SimulationSource,
    VideoSource,
)
from edge_runtime.core import Detections, Frame, FrameResult, OperatingPoint, Region
from edge_runtime.errors import ConfigError, RunError
from edge_runtime.pipeline.assemble import shown_stages
from edge_runtime.pipeline.builds import Builds
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.pipeline.run import Run
from edge_runtime.sources.pace import ASSUMED_FPS

from .streaming import FrameCost

FileSource = VideoSource | ImagesSource | SimulationSource | RecordingSource
Progress = Callable[[int, int | None], None]
PROGRESS_S = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One published frame; `regions` are those of all stages, None where the pipeline has no regions."""

    frame_id: int
    t_capture_ns: int
    t_stream_ns: int | None
    latency_ms: float
    cost: FrameCost
    found: Detections
    regions: tuple[Region, ...] | None
    failed: bool

    @property
    def published_ns(self) -> int:
        return self.t_capture_ns + round(self.latency_ms * 1e6)


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """A whole run: its published frames in order, how many were captured, and the names of the class ids."""

    seen: tuple[Seen, ...]
    captured: int
    fps: float
    classes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass
class _Collector:
    stage: str
    seen: list[Seen] = field(default_factory=list)

    def __call__(self, frame: Frame, result: FrameResult) -> None:
        self.seen.append(
            Seen(
                result.frame_id,
                result.t_capture_ns,
                result.t_stream_ns,
                result.latency_ms,
                frame_cost(result),
                result.detections.get(self.stage, Detections.empty()),
                tuple(chain.from_iterable(result.regions.values())) if result.regions else None,
                result.error is not None,
            )
        )


def observe(
    loaded: LoadedPipeline,
    stage: str,
    *,
    live: bool,
    frames: int | None,
    builds: Builds,
    progress: Progress,
    point: OperatingPoint | None = None,
) -> Observation:
    """Run a pipeline over its source once.

    Live: as it would drive, overlapped, with frames overwritten where it is too slow. Else every frame, one after
    another, so that the times of its parts are its own. With `point` all of it at that one. Sinks are left out. Raises
    `EdgeRuntimeError` when it fails.
    """
    config = loaded.config
    source_block = labelled_source(loaded).model_copy(update={"loop": False, "pace": "live" if live else "fast"})
    depth = config.executor.in_flight if live else 1
    executor = config.executor.model_copy(update={"in_flight": depth})
    changed = config.model_copy(update={"source": source_block, "sinks": (), "record": None, "executor": executor})
    collector = _Collector(stage)
    source = open_source(source_block)
    fps = source.info.fps or ASSUMED_FPS
    pictures = frames or source.info.pictures
    with tempfile.TemporaryDirectory() as folder:
        start = Pipeline(loaded.with_config(changed)).start
        held = None if point is None else lambda: point
        with start(
            out=Path(folder),
            frames=frames,
            on_result=collector,
            sources={source_block.camera: source},
            builds=builds,
            point=held,
        ) as run:
            _follow(run, collector, pictures, progress)
            summary = run.finish()
    if summary.error is not None:
        raise RunError(f"the run failed: {summary.error}")
    if not collector.seen:
        raise RunError("the run published no frame")
    warnings = [*summary.warnings, *(f"{count} frames failed: {reason}" for reason, count in summary.failures.items())]
    warnings += [f"sink {name}: {sink.error}" for name, sink in summary.sinks.items() if sink.error]
    return Observation(tuple(collector.seen), summary.frames.captured, fps, run.classes.names, tuple(warnings))


def labelled_source(loaded: LoadedPipeline) -> FileSource:
    """The pipeline's source, which must not be a camera: nobody has labelled what it will see."""
    source = loaded.config.one_source
    if isinstance(source, CameraSource):
        fix = "set source to a video, a folder of images, a recording or a simulation"
        raise ConfigError([loaded.problem("source.kind", f"a {source.kind}'s pictures have no labels", fix)])
    return source


def _follow(run: Run, collector: _Collector, pictures: int | None, progress: Progress) -> None:
    while not run.wait(PROGRESS_S):
        progress(len(collector.seen), pictures)


def frame_cost(result: FrameResult) -> FrameCost:
    """The parts of a frame that had the pipeline to itself: from being taken to being published."""
    total_ms = result.latency_ms - result.stage_ms.get("queue", 0.0)
    prepare_ms = _sum(result, ".preprocess")
    finish_ms = _sum(result, ".decode") + sum(
        took_ms
        for stage, took_ms in result.stage_ms.items()
        if "." not in stage and stage not in ("source", "queue") and f"{stage}.decode" not in result.stage_ms
    )
    return FrameCost(prepare_ms, max(0.0, total_ms - prepare_ms - finish_ms), finish_ms)


def _sum(result: FrameResult, ending: str) -> float:
    return sum(took_ms for stage, took_ms in result.stage_ms.items() if stage.endswith(ending))


def judged_stage(loaded: LoadedPipeline, asked: str | None) -> str:
    """The stage whose boxes are judged: the one asked for, or the last that reports boxes."""
    config = loaded.config

    def boxes(name: str) -> bool:
        stage = next(stage for stage in config.stages if stage.name == name)
        model = getattr(stage, "model", None)
        if isinstance(stage, ClassifyStage):
            return stage.of is not None
        return stage.kind != "segment" and not (
            model is not None and isinstance(config.models[model].decode, SegmentationDecode)
        )

    names = [stage.name for stage in config.stages if boxes(stage.name)]
    if asked is not None and asked not in names:
        fix = f"those that do: {', '.join(names) or 'none'}"
        raise ConfigError([loaded.problem("stages", f"no stage named {asked} reports boxes", fix)])
    if not names:
        raise ConfigError([loaded.problem("stages", "no stage reports boxes, and eval judges boxes")])
    return asked or next((name for name in reversed(shown_stages(config)) if name in names), names[-1])
