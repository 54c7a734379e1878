"""Is a new pipeline right? It runs on one picture; what it found is told, and what to change where that is nonsense."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import ImagesSource, SimulationSource, VideoSource
from edge_runtime.core import ClassTable, Detections, Frame, FrameResult, Masks
from edge_runtime.core.check import Check
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.sinks.overlay import draw_result
from edge_runtime.sources.base import Closing, Picture, SourceInfo

from .first_look import FLOOD

Image = npt.NDArray[np.uint8]

_SETTLED = 30  # pictures: by then a camera has set its exposure, and a film has begun
_SPECK_PX, _VAST = 3.0, 0.6
_FEEDING = "in the file try color, scale and resize as the network was trained"


@dataclass(frozen=True, eq=False)
class Tried:
    """What a pipeline made of one picture: words, figures, and the picture with it drawn into it."""

    checks: tuple[Check, ...]
    found: Mapping[str, Any]
    drawn: Image

    @property
    def runs(self) -> bool:
        return not any(check.state == "error" for check in self.checks)


def painted() -> Image:
    """A painted street, for want of a real one."""
    return picture_of(SimulationSource(kind="simulation"))


def picture_of(block: Any) -> Image:
    """One picture of a source: of what moves, a while after its beginning. Raises `SourceError`."""
    source = open_source(block)
    try:
        picture = source.read()
        for _ in range(0 if isinstance(block, SimulationSource | ImagesSource) else _SETTLED):
            later = source.read()
            if later is None:
                break
            picture = later
    finally:
        source.close()
    assert picture is not None
    return np.asarray(picture.image)


def try_out(loaded: LoadedPipeline, image: Image, what: str, *, believed: bool) -> Tried:
    """Run a pipeline with one network on a picture, which `what` names, on the CPU.

    Where the picture is not `believed` to show anything, only that it runs is judged. Raises `EdgeRuntimeError` when
    it cannot be started.
    """
    config = loaded.config
    models = {name: model.model_copy(update={"backend": "onnxruntime"}) for name, model in config.models.items()}
    source = VideoSource(kind="video", path=Path(what), pace="fast")
    changed = {
        "source": source,
        "sources": None,
        "models": models,
        "sinks": (),
        "governor": None,
        "record": None,
        "http": None,
    }
    results: list[tuple[Frame, FrameResult]] = []
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(loaded.with_config(config.model_copy(update=changed)))
        with pipeline.start(
            out=Path(folder), sources={source.camera: _OnePicture(image)}, on_result=lambda *both: results.append(both)
        ) as run:
            run.wait()
            summary, classes = run.finish(), run.classes
    if not results:
        reason = summary.error or next(iter(summary.failures), "no result came out")
        return Tried((Check("picture", "error", f"{what}: {reason}"),), {}, image)
    frame, result = results[0]
    if result.error is not None:
        fix = "another family, or other scale and color: compare with how the network was trained"
        return Tried((Check("picture", "error", f"{what}: {result.error}", fix),), {}, image)
    stage = config.stages[0].name
    shown = result.masks.get(stage) or result.detections[stage]
    judged = _masks(shown, classes) if isinstance(shown, Masks) else _boxes(shown, classes, frame, loaded)
    checks, found = judged
    if not believed:
        checks = [Check("picture", "warning", f"{what}: it runs, more it cannot tell", "--picture STREET.jpg")]
    else:
        checks = [Check("picture", checks[0].state, f"{what}: {checks[0].found}", checks[0].fix), *checks[1:]]
    boxes = result.detections.get(stage, Detections.empty())
    return Tried(tuple(checks), found, draw_result(frame.image.copy(), result, (stage,), boxes, classes))


def _boxes(
    found: Detections, classes: ClassTable, frame: Frame, loaded: LoadedPipeline
) -> tuple[list[Check], dict[str, Any]]:
    counts = Counter(classes[class_id] for class_id in found.class_id.tolist())
    best = float(found.confidence.max(initial=0.0))
    figures = {"boxes": len(found), "by_class": dict(counts.most_common()), "best": round(best, 3) if counts else None}
    if loaded.config.stages[0].kind == "classify":
        name = next(iter(counts), "nothing")
        return [Check("", "ok", f"{name} {best:.2f}")], figures
    if not counts:
        fix = f"is there anything in it that the network knows? Else {_FEEDING}"
        return [Check("", "warning", "nothing was found", fix)], figures
    told = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    checks = [Check("", "ok", f"{told}; the surest {best:.2f}")]
    size = found.xyxy[:, 2:] - found.xyxy[:, :2]
    if best > 1.0 + 1e-3:
        fix = "the network puts out logits: let it end with a sigmoid, or rtdetr with activation: sigmoid"
        checks.append(Check("scores", "warning", f"they go up to {best:.1f}, which is no probability", fix))
    if len(found) >= FLOOD:
        fix = f"{_FEEDING}; scores that are logits look like this too"
        checks.append(Check("boxes", "warning", f"{len(found)} of them in one picture is noise", fix))
    elif len(found) > 1 and float(np.median(size.max(axis=1))) < _SPECK_PX:
        fix = "boxes that are 0..1 of the input are read by boxes_scores and end2end with normalized: true"
        checks.append(Check("boxes", "warning", f"half of them are smaller than {_SPECK_PX:g} pixels", fix))
    elif len(found) > 2 and float(np.median(size.prod(axis=1))) > _VAST * frame.width * frame.height:
        fix = "another family, box_format or normalized: compare with how the network was exported"
        checks.append(Check("boxes", "warning", "half of them are as large as the picture", fix))
    return checks, figures


def _masks(masks: Masks, classes: ClassTable) -> tuple[list[Check], dict[str, Any]]:
    shares = {
        classes[class_id]: float(plane.mean())
        for class_id, plane in zip(masks.class_id.tolist(), masks.planes, strict=True)
    }
    told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    checks = [Check("", "ok", f"{told} of it")]
    for name, share in shares.items():
        if len(shares) <= 4 and not 0.0005 < share < 0.95:
            what = f"{name} is " + ("nowhere" if share <= 0.0005 else "nearly everywhere")
            checks.append(Check("mask", "warning", what, f"if that is wrong, {_FEEDING}"))
    return checks, {"share_by_class": {name: round(share, 4) for name, share in shares.items()}}


class _OnePicture(Closing):
    """A source of one picture."""

    paced = False
    warnings: tuple[str, ...] = ()

    def __init__(self, image: Image) -> None:
        self._left: list[Image] = [image]
        self.info = SourceInfo(1.0, 1, image.shape[1], image.shape[0])

    def read(self) -> Picture | None:
        return Picture(self._left.pop(), 0) if self._left else None

    def close(self) -> None:
        self._left.clear()
