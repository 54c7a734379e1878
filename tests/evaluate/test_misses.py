from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.evaluate.accuracy import evaluate, labels_of
from edge_runtime.evaluate.misses import SIDE_PX, crop, pictures_of, worst_misses
from edge_runtime.evaluate.observe import labelled_source
from edge_runtime.evaluate.rules import Rules
from edge_runtime.pipeline.builds import Builds
from tests.evaluate.conftest import BOX


@pytest.fixture
def misses(folder, labelled):
    def of(annotations):
        loaded = load_pipeline(folder / "video.yaml")
        labels = labels_of(labelled_source(loaded), labelled(annotations, images=20), None)
        evaluation = evaluate(
            loaded,
            labels,
            Rules(),
            stage="objects",
            frames=None,
            live=False,
            builds=Builds(),
            progress=lambda done, total: None,
        )
        return evaluation, worst_misses(evaluation)

    return of


def test_the_tallest_come_first_and_what_was_found_or_ignored_does_not_come(misses):
    _, found = misses(
        [
            (0, "car", BOX),
            (1, "car", [100, 90, 9, 9], {"distance_m": 80.0}),
            (3, "truck", [120, 80, 20, 30]),
            (4, "car", [100, 20, 50, 80], {"iscrowd": 1}),
        ]
    )
    assert [(miss.number, miss.name, miss.height_px, miss.distance_m) for miss in found] == [
        (3, "truck", 30.0, None),
        (1, "car", 9.0, 80.0),
    ]


def test_an_object_missed_in_many_frames_is_shown_once(misses):
    _, found = misses([(n, "car", [100 + n, 80, 20, 20 + n / 10]) for n in range(20)])
    assert [miss.number for miss in found] == [19]


def test_the_labels_names_for_objects_are_believed(misses):
    same = [(n, "car", [10 * n, 90, 9, 9], {"object_id": 5}) for n in range(10)]
    other = [(0, "car", [100, 90, 9, 9], {"object_id": 6}), (0, "car", [101, 90, 9, 9], {"object_id": 7})]
    _, found = misses([*same, *other])
    assert len(found) == 3


def test_each_miss_has_a_picture(misses):
    evaluation, found = misses([(5, "car", [100, 90, 9, 9]), (19, "truck", [120, 80, 20, 30])])
    pictures = pictures_of(evaluation, found)
    shapes = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape for data in pictures]
    assert shapes == [(SIDE_PX, SIDE_PX, 3)] * 2


@pytest.mark.parametrize("box", [[0, 0, 5, 5], [155, 115, 160, 120], [0, 0, 160, 120], [-20, -20, 200, 200]])
def test_a_box_at_the_edge_of_the_picture_is_shown_too(box):
    data = crop(np.full((120, 160, 3), 90, np.uint8), np.array(box, np.float64))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (SIDE_PX, SIDE_PX, 3)
