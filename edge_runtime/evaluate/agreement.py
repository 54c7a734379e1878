"""What pipelines find in the same pictures when nobody has labelled them: what one adds to another, what it no longer
finds, and what it finds twice.

Without labels nobody knows what is right, but a box that only one of two pipelines reports is worth a look, and one
object that is marked twice is wrong whatever the labels would say.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.export import to_document
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import DetectStage, ImagesSource, PipelineConfig
from edge_runtime.core import Detections, Region
from edge_runtime.errors import ConfigError, LabelError
from edge_runtime.pipeline.builds import Builds
from edge_runtime.vision.nms import areas, iou_matrix

from .bootstrap import told_apart
from .figures import share
from .kinds import Groups
from .labels import same_name
from .matching import Flags, Indices, Values
from .observe import FileSource, Observation, Progress, Seen, judged_stage, labelled_source, observe
from .placing import Image, picture_name, picture_numbers, pictures, same_pictures
from .rules import Rules

Names = npt.NDArray[np.str_]

MOST_PICTURES = 12
APART_S = 1.0  # between pictures of a drive that are shown: sooner after each other they look alike
INSIDE, AS_LONG = 0.7, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """n boxes of one picture: their pixels, confidence, class name, and kind (the name of the group, or the class)."""

    xyxy: Values
    confidence: Values
    name: Names
    kind: Names

    def __len__(self) -> int:
        return len(self.xyxy)

    @classmethod
    def of(cls, found: Detections, classes: Sequence[str], groups: Groups, only: Collection[str] = ()) -> Boxes:
        """`only` leaves all but some classes or groups out, where it names any."""
        group_of = {same_name(member): group for group, members in groups.items() for member in (group, *members)}
        name = np.array([classes[class_id] for class_id in found.class_id.tolist()], np.str_)
        kind = np.array([group_of.get(same_name(one), one) for one in name.tolist()], np.str_)
        chosen = {same_name(one) for one in only}
        kept = [not chosen or bool(chosen & {same_name(a), same_name(b)}) for a, b in zip(name, kind, strict=True)]
        rows = np.flatnonzero(kept)
        xyxy, confidence = found.xyxy[rows].astype(np.float64), found.confidence[rows].astype(np.float64)
        return cls(xyxy, confidence, name[rows], kind[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a pipeline found in one picture and where it looked closely.

    `twice`, `added` (n,) mark boxes of objects that a surer one marks already, and boxes that are like none of the
    baseline's; `gone` (m,) marks the baseline's that are like none of these.
    """

    found: Boxes
    regions: tuple[Region, ...]
    twice: Flags
    added: Flags
    gone: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One pipeline over all pictures: `looks` by picture; `ms_per_frame` a median, as first frames find cold caches."""

    name: str
    config: PipelineConfig
    stage: str
    looks: tuple[Look, ...]
    ms_per_frame: float
    regions_per_frame: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Pipelines on the same pictures, the first of them the baseline; `numbers` are the pictures' in the source."""

    sides: tuple[Side, ...]
    source: FileSource
    numbers: Indices
    fps: float
    rules: Rules

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document of `eval --json` without labels."""
        return {
            "baseline": self.sides[0].name,
            "frames": len(self.numbers),
            "iou": self.rules.iou,
            "pipelines": {side.name: self._told(side) for side in self.sides},
        }

    def _told(self, side: Side) -> dict[str, Any]:
        frames, looks = len(self.numbers), side.looks
        added, base = side is not self.sides[0], self.sides[0].looks
        edges = self.rules.bands.height_px
        heights = _heights([one.found.xyxy for one in looks])
        new = _heights([one.found.xyxy[one.added] for one in looks])
        lost = _heights([before.found.xyxy[one.gone] for before, one in zip(base, looks, strict=True)])
        return {
            "boxes_per_frame": round(len(heights) / frames, 4),
            "added_per_frame": round(len(new) / frames, 4) if added else None,
            "gone_per_frame": round(len(lost) / frames, 4) if added else None,
            "found_twice_per_frame": round(sum(int(one.twice.sum()) for one in looks) / frames, 4),
            "regions_per_frame": side.regions_per_frame,
            "ms_per_frame": round(side.ms_per_frame, 3),
            "by_height_px": [
                {
                    "from_px": low,
                    "to_px": high,
                    "boxes": _between(heights, low, high),
                    "added": _between(new, low, high) if added else None,
                    "gone": _between(lost, low, high) if added else None,
                }
                for low, high in zip(edges, (*edges[1:], None), strict=True)
            ],
            "stage": side.stage,
            "warnings": list(side.warnings),
            "config": to_document(side.config),
        }

    def shown(self, most: int = MOST_PICTURES) -> list[tuple[int, str, Image]]:
        """The pictures with the most differences, in their order: which of `numbers`, its name, and the picture."""
        differences = [
            sum(int(one.added.sum() + one.gone.sum() + one.twice.sum()) for one in looks)
            for looks in zip(*(side.looks for side in self.sides), strict=True)
        ]
        apart = 1 if isinstance(self.source, ImagesSource) else max(1, round(APART_S * self.fps))
        chosen: list[int] = []
        for place in np.argsort(-np.array(differences), kind="stable").tolist():
            if len(chosen) < most and all(abs(self.numbers[place] - self.numbers[other]) >= apart for other in chosen):
                chosen.append(place)
        place_of = {int(self.numbers[place]): place for place in chosen}
        return [
            (place_of[number], picture_name(self.source, number), image)
            for number, image in pictures(self.source, place_of)
        ]


def without_regions(loaded: LoadedPipeline) -> LoadedPipeline:
    """The same pipeline looking at the whole frame only. Raises `ConfigError` when that is what it does already."""
    config = loaded.config
    stages = tuple(
        stage.model_copy(update={"regions": stage.regions.model_copy(update={"max": 0})})
        if isinstance(stage, DetectStage) and stage.regions is not None
        else stage
        for stage in config.stages
    )
    if stages == config.stages:
        fix = "add a stage such as `- {name: far, kind: detect, model: …, regions: {max: 2}}` and merge it"
        raise ConfigError([loaded.problem("stages", "no stage looks at regions", fix)])
    return loaded.with_config(config.model_copy(update={"stages": stages, "name": f"{config.name}, whole frame only"}))


def agree(
    pipelines: Sequence[LoadedPipeline],
    rules: Rules,
    *,
    stage: str | None,
    frames: int | None,
    builds: Builds,
    progress: Sequence[Progress],
) -> Agreement:
    """Run each pipeline over its source. Raises `LabelError` when these are not the same pictures."""
    source = labelled_source(pipelines[0])
    for other in pipelines[1:]:
        if not same_pictures(source, labelled_source(other)):
            raise LabelError(
                f"{pipelines[0].path} and {other.path} see different pictures: a comparison needs one source\n"
                "    --set source.path=… gives all of them the same"
            )
    stages = [judged_stage(one, stage) for one in pipelines]
    runs = [
        observe(one, name, live=False, frames=frames, builds=builds, progress=told)
        for one, name, told in zip(pipelines, stages, progress, strict=True)
    ]
    seen = [_by_number(run, source) for run in runs]
    numbers = sorted(set(seen[0]).intersection(*seen[1:]))
    groups = pipelines[0].config.groups
    boxes = [
        [Boxes.of(mine[number].found, run.classes, groups, rules.only) for number in numbers]
        for mine, run in zip(seen, runs, strict=True)
    ]
    titles = told_apart([one.config.name for one in pipelines])
    sides = tuple(
        Side(
            titles[side],
            pipelines[side].config,
            stages[side],
            tuple(
                look(found, before, mine[number].regions or (), rules.iou)
                for number, found, before in zip(numbers, boxes[side], boxes[0], strict=True)
            ),
            float(np.median([mine[number].cost.total_ms for number in numbers])),
            _mean([mine[number].regions for number in numbers]),
            runs[side].warnings,
        )
        for side, mine in enumerate(seen)
    )
    return Agreement(sides, source, np.array(numbers, np.intp), runs[0].fps, rules)


def look(found: Boxes, before: Boxes, regions: tuple[Region, ...], iou: float) -> Look:
    """One picture. Boxes are alike when they are of one kind and overlap by `iou`; each has one like at most."""
    overlap = iou_matrix(found.xyxy, before.xyxy) * (found.kind[:, None] == before.kind)
    added, gone = np.ones(len(found), bool), np.ones(len(before), bool)
    for place in np.argsort(-overlap, axis=None, kind="stable").tolist():
        mine, other = divmod(place, len(before))
        if overlap[mine, other] < iou:
            break
        if added[mine] and gone[other]:
            added[mine] = gone[other] = False
    return Look(found, regions, found_twice(found, iou), added, gone)


def found_twice(boxes: Boxes, iou: float) -> Flags:
    """Which boxes mark what a surer one of their kind marks: they overlap by more than `iou`, or one lies in the other.

    What lies in another box and is less than half as high and as wide is something small beside something large.
    """
    size = boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    area = areas(boxes.xyxy)
    overlap = iou_matrix(boxes.xyxy, boxes.xyxy)
    both = overlap / (1 + overlap) * (area[:, None] + area)
    inside = both > INSIDE * np.minimum(area[:, None], area)
    larger = np.where((area[:, None] > area)[..., None], size[:, None], size)
    smaller = np.where((area[:, None] > area)[..., None], size, size[:, None])
    inside &= (smaller > AS_LONG * larger).any(axis=2)
    rank = np.lexsort((-area, -boxes.confidence)).argsort()
    surer = rank[:, None] > rank
    return np.asarray((((overlap > iou) | inside) & surer & (boxes.kind[:, None] == boxes.kind)).any(axis=1))


def _by_number(run: Observation, source: FileSource) -> dict[int, Seen]:
    numbers = picture_numbers(run.seen, source)
    return {numbers[one.frame_id]: one for one in run.seen if not one.failed}


def _mean(regions: Sequence[tuple[Region, ...] | None]) -> float | None:
    known = [len(looked_at) for looked_at in regions if looked_at is not None]
    return share(sum(known), len(known))


def _heights(boxes: Sequence[Values]) -> Values:
    every = np.concatenate(boxes)
    return np.asarray(every[:, 3] - every[:, 1])


def _between(heights: Values, low: float, high: float | None) -> int:
    return int(((heights >= low) & (heights < (high or np.inf))).sum())
