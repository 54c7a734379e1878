"""The whole pipeline file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge_runtime.config.schema.faults import Fault, or_text
from edge_runtime.config.schema.models import ModelBlock
from edge_runtime.config.schema.running import (
    BoardBlock,
    Budgets,
    EnginesBlock,
    ExecutorBlock,
    GovernorBlock,
    HttpBlock,
    ServiceBlock,
    TelemetryBlock,
)
from edge_runtime.config.schema.sinks import RecordBlock, Sink
from edge_runtime.config.schema.sources import FileSourceBlock, Source
from edge_runtime.config.schema.stages import Stage
from edge_runtime.config.schema.values import Block, Name, Text


class PipelineConfig(Block):
    """A pipeline file, checked and with all paths absolute."""

    name: Name = Field(description="names the run's folder; letters, digits, _ . -", examples=["highway"])
    source: Source | None = Field(
        None, description="where frames come from", examples=[{"kind": "video", "path": "drive.mp4"}]
    )
    sources: Annotated[tuple[Source, ...], Field(min_length=1)] | None = Field(
        None,
        description="in place of `source`, several cameras, each with a name of its own",
        examples=[
            [
                {"kind": "camera", "camera": "front", "device": "/dev/video0"},
                {"kind": "camera", "camera": "left", "device": "/dev/video2"},
            ]
        ],
    )
    models: Annotated[dict[Name, ModelBlock], Field(min_length=1)] = Field(
        description="the networks, by a name of your choice",
        examples=[
            {
                "road": {
                    "onnx": "yolox_nano.onnx",
                    "input": {"size": [416, 416], "resize": "letterbox_top_left", "color": "bgr", "scale": 1.0},
                    "decode": {"family": "yolox", "classes": "coco"},
                }
            }
        ],
    )
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = Field(
        description="what is done with a frame, in this order",
        examples=[[{"name": "objects", "kind": "detect", "model": "road"}]],
    )
    groups: dict[Name, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        {},
        description="classes that networks confuse, by a name of your choice: within a group one object is found once",
        examples=[{"vehicle": ["car", "truck", "bus"]}],
    )
    never_shed: tuple[Text, ...] = Field(
        (), description="classes whose regions come before all others", examples=[["traffic light", "person"]]
    )
    sinks: tuple[Sink, ...] = Field((), description="where results go", examples=[[{"kind": "jsonl"}]])
    record: RecordBlock | None = Field(None, description="a recording of the run; without it nothing is recorded")
    budgets: Budgets = Field(Budgets(), description="what the run must hold")
    governor: GovernorBlock | None = Field(
        None, description="how the operating point is chosen; without it nothing is turned"
    )
    telemetry: TelemetryBlock = Field(TelemetryBlock(), description="what measures power and temperatures")
    board: BoardBlock = Field(BoardBlock(), description="what may be changed on the board")
    executor: ExecutorBlock = Field(ExecutorBlock(), description="how frames overlap")
    engines: EnginesBlock = Field(EnginesBlock(), description="where TensorRT engines are kept")
    http: HttpBlock | None = Field(None, description="a page that shows the run; without it there is none")
    faults: tuple[Fault, ...] = Field(
        (),
        description="what is to go wrong on purpose, as blocks or as `--fault` takes them",
        examples=[[{"kind": "camera_gap", "t": "5s", "d": "2s"}]],
        json_schema_extra=or_text,
    )
    service: ServiceBlock = Field(ServiceBlock(), description="what a service keeps on its disk")

    @property
    def cameras(self) -> tuple[Source, ...]:
        """The source of every camera, in the order of the file."""
        return self.sources or (() if self.source is None else (self.source,))

    @property
    def fast(self) -> bool:
        """Whether files are read as fast as it goes, and nothing is dropped."""
        return all(isinstance(source, FileSourceBlock) and source.pace == "fast" for source in self.cameras)

    @property
    def one_source(self) -> Source:
        """The source of a pipeline with one camera. Raises `ValueError` for one with several (see `of_camera`)."""
        if len(self.cameras) != 1:
            raise ValueError(f"{self.name} has {len(self.cameras)} cameras")
        return self.cameras[0]

    def with_sources(self, *sources: Source) -> PipelineConfig:
        """The same pipeline over other sources."""
        only = sources[0] if len(sources) == 1 else None
        return self.model_copy(update={"source": only, "sources": None if only else sources})
