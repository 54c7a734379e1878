"""The accuracy of one pipeline against labels: run it, match what it found, and match again what came late."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import SimulationSource
from edge_runtime.core import Detections
from edge_runtime.errors import LabelError
from edge_runtime.pipeline.builds import Builds

from .evaluation import Evaluation, Streaming
from .figures import share
from .kinds import OUTSIDE, Groups, Kinds, match_kinds, reported_classes
from .labels import Labels, parse_labels, read_labels
from .matching import Found, Indices, Matches, Sought, match
from .observe import FileSource, Observation, Progress, judged_stage, labelled_source, observe
from .placing import covered, label_numbers, picture_numbers
from .rules import Rules
from .streaming import NOTHING_YET, Schedule, Times, virtual_schedule


def evaluate(
    loaded: LoadedPipeline,
    labels: Labels,
    rules: Rules,
    *,
    stage: str | None,
    frames: int | None,
    live: bool,
    builds: Builds,
    progress: Progress,
) -> Evaluation:
    """Judge a pipeline on its own source. Raises `LabelError` before the run where the labels cannot be used."""
    config, source = loaded.config, labelled_source(loaded)
    name = judged_stage(loaded, stage)
    judged_kinds(loaded, labels, stage, rules.only)
    labels = labels.hide_below(rules.visibility)
    placed, absent = label_numbers(labels, source, rules.first_frame)
    fast = observe(loaded, name, live=False, frames=frames, builds=builds, progress=progress)
    numbers = picture_numbers(fast.seen, source)
    gaps = covered(numbers, placed, labels, cut_short=frames is not None)
    judged = [seen for seen in fast.seen if numbers[seen.frame_id] in placed]
    pictures = np.array([placed[numbers[seen.frame_id]] for seen in judged], np.intp)
    case = Case(labels, pictures, fast.classes, reported_classes(config, name), config.groups, rules)
    found = found_in([seen.found for seen in judged])
    run = observe(loaded, name, live=True, frames=frames, builds=builds, progress=progress) if live else fast
    at = np.array([seen.frame_id for seen in judged], np.intp)
    looked_at = [len(seen.regions) for seen in fast.seen if seen.regions is not None]
    return Evaluation(
        config=config,
        stage=name,
        rules=rules,
        labels=labels,
        classes=fast.classes,
        fps=fast.fps,
        numbers=np.array([numbers[frame_id] for frame_id in at], np.intp),
        cost_ms=np.array([seen.cost.total_ms for seen in judged]),
        regions_per_frame=share(sum(looked_at), len(looked_at)),
        found=found,
        groups=config.groups,
        matches=case.match(found, case.kinds),
        class_matches=case.match(found, case.classes_alone),
        streaming=judge_streaming(case, run, at, "live" if live else "virtual", config.executor.in_flight),
        warnings=(
            *labels.warnings,
            *([f"{absent} labelled pictures are not in the folder"] if absent else []),
            *([gaps] if gaps else []),
            *case.unjudged(),
            *fast.warnings,
            *(run.warnings if live else ()),
        ),
    )


def judged_kinds(loaded: LoadedPipeline, labels: Labels, stage: str | None, only: Collection[str] = ()) -> Kinds:
    """The kinds that labels and pipeline both know, before anything is run; raises `LabelError` when there is none."""
    name = judged_stage(loaded, stage)
    reported = reported_classes(loaded.config, name)
    kinds = match_kinds(labels.names, reported, reported, loaded.config.groups, only)
    if not kinds.names:
        among = f", of those that --only leaves ({', '.join(only)})," if only else ""
        raise LabelError(
            f"{labels.origin}: none of its classes ({', '.join(labels.names)}){among} is one of stage {name}'s "
            f"({', '.join(reported)})\n    groups: {{vehicle: [car, truck]}} in the pipeline file makes them one"
        )
    return kinds


def shared_kinds(
    pipelines: Sequence[LoadedPipeline], labels: Labels, stage: str | None, only: Collection[str] = ()
) -> tuple[str, ...]:
    """What all of several pipelines can report: a mean over other kinds would compare nothing."""
    each = [judged_kinds(loaded, labels, stage, only).names for loaded in pipelines]
    shared = tuple(name for name in each[0] if all(name in names for names in each))
    if not shared:
        told = "; ".join(f"{one.config.name}: {', '.join(names)}" for one, names in zip(pipelines, each, strict=True))
        raise LabelError(f"the pipelines have no class or group in common that is labelled ({told})")
    return shared


def labels_of(source: FileSource, path: Path | None, frames: int | None) -> Labels:
    """The labels in the file, or the simulation's own, of as many of its pictures as will be seen."""
    if path is not None:
        return read_labels(path)
    if not isinstance(source, SimulationSource):
        raise LabelError(
            "a video and a folder of images need --labels COCO.json; only a simulation knows its own\n"
            "    --compare and --without-regions do without: they show what one pipeline finds beside the other"
        )
    return parse_labels(simulated(source, frames), "the simulation")


def simulated(source: SimulationSource, frames: int | None) -> dict[str, Any]:
    """The COCO document of a simulated drive's first pictures: labels take tens of milliseconds a picture."""
    from edge_runtime.sources.simulation import Drive
    from edge_runtime.sources.simulation.documents import annotation
    from edge_runtime.sources.simulation.things import CATEGORIES

    drive = Drive(source)
    images = [{"id": index} for index in range(min(frames or drive.pictures, drive.pictures))]
    annotations = [annotation(label, image["id"], 0) for image in images for label in drive.labels(image["id"])]
    categories = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def found_in(detections: Sequence[Detections]) -> Found:
    """The detections of evaluated frames 0, 1, … as columns."""
    every = Detections.concatenate(detections)
    second = [getattr(one, "label", None) for one in detections]
    columns = [
        np.full(len(one), -1) if label is None else np.asarray(label)
        for one, label in zip(detections, second, strict=True)
    ]
    return Found(
        frame=np.repeat(np.arange(len(detections)), [len(one) for one in detections]),
        xyxy=every.xyxy.astype(np.float64),
        confidence=every.confidence.astype(np.float64),
        class_id=every.class_id.astype(np.intp),
        label=np.concatenate(columns).astype(np.intp) if columns else np.empty(0, np.intp),
    )


@dataclass(frozen=True, eq=False)
class Case:
    """What does not change between the offline and the streaming look; `pictures` is the label of each frame."""

    labels: Labels
    pictures: Indices
    classes: tuple[str, ...]
    reported: tuple[str, ...]
    groups: Groups
    rules: Rules

    @property
    def kinds(self) -> Kinds:
        return match_kinds(self.labels.names, self.classes, self.reported, self.groups, self.rules.only)

    @property
    def classes_alone(self) -> Kinds:
        """The same without groups, where naming a group means its members."""
        only = [name for one in self.rules.only for name in (one, *self.groups.get(one, ()))]
        return match_kinds(self.labels.names, self.classes, self.reported, {}, only)

    def match(self, found: Found, kinds: Kinds) -> Matches:
        objects = self.labels.objects
        frame_of = np.full(len(self.labels.pictures), -1, np.intp)
        frame_of[self.pictures] = np.arange(len(self.pictures))
        frame, kind = frame_of[objects.picture], kinds.of_category[objects.category]
        row = np.flatnonzero((frame >= 0) & (kind != OUTSIDE))
        sought = Sought(row, frame[row], kind[row], objects.xyxy[row], objects.ignored[row])
        of_found = kinds.of_class[found.class_id] if len(found.class_id) else np.empty(0, np.intp)
        return match(sought, found, of_found, kinds.names, len(self.pictures), self.rules.iou)

    def unjudged(self) -> list[str]:
        """Labelled classes that the pipeline has no name for; none where a choice was asked for."""
        counts = np.bincount(self.labels.objects.category, minlength=len(self.labels.names))
        lost = {
            name: int(count)
            for name, kind, count in zip(self.labels.names, self.kinds.of_category, counts, strict=True)
            if kind == OUTSIDE and count
        }
        if not lost or self.rules.only:
            return []
        told = ", ".join(f"{name} ({count} objects)" for name, count in lost.items())
        return [
            f"not judged, since the stage reports no such class: {told}; groups: in the pipeline file can join names"
        ]


def judge_streaming(case: Case, run: Observation, at: Indices, mode: str, in_flight: int) -> Streaming:
    """Match again, each evaluated frame (`at` holds their frame ids) with the newest result at its capture."""
    ids = np.array([seen.frame_id for seen in run.seen], np.intp)
    if mode == "virtual":
        arrived_ns = stream_times(run)
        asked_ns = arrived_ns[np.searchsorted(ids, at)]
        schedule = virtual_schedule(arrived_ns, [seen.cost for seen in run.seen], in_flight)
    else:
        arrived_ns = np.array([seen.t_capture_ns for seen in run.seen], np.int64)
        asked_ns = capture_times(run)[at]
        schedule = Schedule(np.arange(len(ids)), np.array([seen.published_ns for seen in run.seen], np.int64))
    newest = schedule.newest_at(asked_ns)
    shown = [Detections.empty() if one == NOTHING_YET else run.seen[one].found for one in newest]
    return Streaming(
        mode,
        case.match(found_in(shown), case.kinds),
        run.captured,
        len(schedule.frame),
        np.where(newest == NOTHING_YET, np.nan, at - ids[newest]),
        float((schedule.published_ns - arrived_ns[schedule.frame]).mean()) / 1e6,
    )


def stream_times(run: Observation) -> Times:
    """When a camera would have captured each frame of a run that took them all: the stream's times, or its rate."""
    streamed = [seen.t_stream_ns for seen in run.seen]
    known = [time_ns for time_ns in streamed if time_ns is not None]
    if len(known) == len(streamed):
        return np.array(known, np.int64)
    return np.rint(np.array([seen.frame_id for seen in run.seen]) * (1e9 / run.fps)).astype(np.int64)


def capture_times(run: Observation) -> Times:
    """When each frame of a live run was captured, by frame id.

    The time of an overwritten frame lies between those of its neighbours; before the first published frame and after
    the last it follows the frame rate.
    """
    ids = np.array([seen.frame_id for seen in run.seen], np.int64)
    known_ns = np.array([seen.t_capture_ns for seen in run.seen], np.int64)
    every = np.arange(run.captured)
    between = np.interp(every, ids, known_ns - known_ns[0])
    outside = np.minimum(every - ids[0], 0) + np.maximum(every - ids[-1], 0)
    return np.asarray(known_ns[0] + np.rint(between + outside * 1e9 / run.fps).astype(np.int64))


def expectations_missed(
    document: Mapping[str, Any], at_least: Mapping[str, float], at_most: Mapping[str, float]
) -> list[str]:
    """A sentence for each figure that is not as good as asked; what is unknown does not hold."""
    missed = []
    for limits, word, bad in ((at_least, "at least", float.__lt__), (at_most, "at most", float.__gt__)):
        for key, limit in limits.items():
            value = document[key]
            if value is None or bad(float(value), limit):
                missed.append(f"{key} is {'unknown' if value is None else f'{value:.4g}'}, asked for {word} {limit:g}")
    return missed
