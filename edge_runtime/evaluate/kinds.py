"""Which labels and which detections speak of the same thing: by class, or by group of classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.config.classes import class_names
from edge_runtime.config.schema import DetectDecodeBlock, PipelineConfig

from .labels import same_name

OUTSIDE = -1

Groups = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Kinds:
    """The kinds that both sides know. A label and a detection can match when they are of one kind.

    `of_category` holds the kind of each category of the labels and `of_class` that of each class id of the pipeline,
    `OUTSIDE` where the other side has no such kind: what nobody labelled cannot be a false positive, and what the
    pipeline has no name for is not judged but named in a warning.
    """

    names: tuple[str, ...]
    of_category: npt.NDArray[np.intp]
    of_class: npt.NDArray[np.intp]


def match_kinds(
    categories: Sequence[str],
    classes: Sequence[str],
    reported: Sequence[str],
    groups: Groups,
    only: Collection[str] = (),
) -> Kinds:
    """Kinds of label categories against class ids; `reported` are the classes that the stage can report.

    Without groups the kinds are the classes. With groups a class that is in one, or has its name, is of that kind.
    `only` leaves all other kinds out: a class stays when it or its group is named.
    """
    chosen = {same_name(name) for name in only}
    group_of = {same_name(member): group for group, members in groups.items() for member in (group, *members)}

    def kind(name: str) -> str:
        return group_of.get(same_name(name), name)

    can_report = {same_name(kind(name)) for name in reported}
    names: dict[str, str] = {}  # in the order of the labels, in their words
    for category in categories:
        key = same_name(kind(category))
        if key in can_report and (not chosen or chosen & {key, same_name(category)}):
            names.setdefault(key, kind(category))
    index = {key: number for number, key in enumerate(names)}
    reporting = {same_name(name) for name in reported}
    return Kinds(
        tuple(names.values()),
        np.array([index.get(same_name(kind(name)), OUTSIDE) for name in categories], np.intp),
        np.array(
            [
                index.get(same_name(kind(name)), OUTSIDE) if same_name(name) in reporting else OUTSIDE
                for name in classes
            ],
            np.intp,
        ),
    )


def reported_classes(config: PipelineConfig, stage_name: str) -> tuple[str, ...]:
    """The names of what a stage can report, from the models it draws on."""
    stages = {stage.name: stage for stage in config.stages}
    names: dict[str, None] = {}

    def visit(name: str) -> None:
        stage = stages[name]
        model = getattr(stage, "model", None)
        if model is not None and isinstance(decode := config.models[model].decode, DetectDecodeBlock):
            names.update(dict.fromkeys(decode.keep or class_names(decode).values()))
        before = getattr(stage, "of", None) or ()
        for source in (before,) if isinstance(before, str) else before:
            visit(source)

    visit(stage_name)
    return tuple(names)
