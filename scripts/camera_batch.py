#!/usr/bin/env python
"""What do cameras gain by going through the networks together? All cameras of a pipeline, and its first one alone.

    python scripts/camera_batch.py PIPELINE [--set A.B=C] [--resident 8] [--frames 200] [--repeats 3]

Every camera always has a next picture (some of them, kept in memory), the two ways run in turns, and nothing is
written. Prints one JSON document; `same_boxes` are the frames of the first camera whose boxes, in whole pixels, are
the same both ways.
"""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median
from typing import Any

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.core import Frame, FrameResult
from edge_runtime.errors import EdgeRuntimeError, RunError
from edge_runtime.evaluate.bench import machine
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.sources.resident import ResidentPictures

Boxes = dict[int, list[list[int]]]


def measured(loaded: LoadedPipeline, resident: int, frames: int) -> tuple[dict[str, Any], Boxes]:
    """The summary of one run, with `all_fps` of all cameras together, and the first camera's boxes in whole pixels by
    stream time.
    """
    sources = {block.camera: ResidentPictures(open_source(block), resident) for block in loaded.config.cameras}
    first = loaded.config.cameras[0].camera
    boxes: Boxes = {}

    def seen(frame: Frame, result: FrameResult) -> None:
        if frame.camera == first:
            found = [box for stage in result.detections.values() for box in stage.xyxy.round().astype(int).tolist()]
            boxes[frame.t_stream_ns or 0] = sorted(found)

    with Pipeline(loaded).start(sources=sources, frames=frames, on_result=seen) as run:
        run.pin(picture.image for source in sources.values() for picture in source.pictures)
        run.wait()
        summary = run.finish()
    if summary.error is not None or not summary.seconds:
        raise RunError(f"the run failed: {summary.error or 'no frame was published'}")
    for name, sink in summary.sinks.items():
        if sink.error:
            raise RunError(f"{name} ended: {sink.error}")
    document = summary.document()
    return document | {"all_fps": document["frames"]["published"] / summary.seconds}, boxes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", help="a pipeline file with `sources:`")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a value of the file")
    parser.add_argument("--resident", type=int, default=8, metavar="N", help="pictures of each camera")
    parser.add_argument("--frames", type=int, default=200, metavar="N", help="of each camera in one run")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    options = parser.parse_args()
    try:
        loaded = load_pipeline(options.pipeline, options.set)
        cameras = [block.model_copy(update={"pace": "fast"}) for block in loaded.config.cameras]
        config = loaded.config.model_copy(update={"sinks": (), "record": None})
        ways = {"together": config.with_sources(*cameras), "alone": config.with_sources(cameras[0])}
        told: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
        boxes: dict[str, Boxes] = {}
        for repeat in range(options.repeats):
            for name, way in ways.items():
                print(f"{repeat + 1} of {options.repeats}: {name}", file=sys.stderr, flush=True)
                frames = options.frames * (len(cameras) if name == "alone" else 1)
                summary, boxes[name] = measured(loaded.with_config(way), options.resident, frames)
                told[name].append(summary)
    except EdgeRuntimeError as error:
        print(f"camera_batch: {error}", file=sys.stderr)
        return 2
    both = boxes["together"].keys() & boxes["alone"].keys()
    document = {
        "machine": machine(),
        "cameras": len(cameras),
        **{f"{name}_fps": sorted(round(each["all_fps"], 1) for each in runs) for name, runs in told.items()},
        "gain": round(median(one["all_fps"] / other["all_fps"] for one, other in zip(*told.values(), strict=True)), 3),
        "latency_ms": {name: runs[-1]["latency_ms"] for name, runs in told.items()},
        "frames": {name: runs[-1]["frames"] for name, runs in told.items()},
        "same_boxes": f"{sum(boxes['together'][at] == boxes['alone'][at] for at in both)} of {len(both)}",
    }
    print(json.dumps(document, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
