from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.evaluate.figures import class_recall, curve, figures, light_states
from edge_runtime.evaluate.rules import Bands
from tests.evaluate.coco import boxes, document, matched

NEAR, FAR = {"distance_m": 10.0}, {"distance_m": 120.0}


def test_recall_precision_and_false_positives_are_counted_over_frames():
    coco = document([(0, "car", [0, 0, 10, 10]), (1, "car", [0, 0, 10, 10])], images=2)
    found = [boxes(("car", 0.9, [0, 0, 10, 10]), ("car", 0.8, [50, 0, 9, 9]), ("person", 0.7, [0, 0, 9, 9])), boxes()]
    labels, _, matches = matched(coco, found)
    told = figures(matches, labels.objects, Bands(), 0.5)
    assert told["recall"] == 0.5
    assert told["precision"] == pytest.approx(1 / 3, abs=1e-6)
    assert told["false_positives_per_frame"] == 1.0
    assert told["count"] == 2
    of_cars = figures(matches, labels.objects, Bands(), 0.5, kind=0)
    assert of_cars["precision"] == 0.5
    assert of_cars["false_positives_per_frame"] == 0.5


def test_recall_by_distance_puts_an_edge_into_the_band_that_begins_there():
    coco = document(
        [
            (0, "car", [0, 0, 40, 40], NEAR),
            (0, "car", [50, 0, 5, 5], FAR),
            (0, "car", [90, 0, 9, 9], {"distance_m": 50.0}),
        ]
    )
    labels, _, matches = matched(coco, [boxes(("car", 0.9, [0, 0, 40, 40]), ("car", 0.9, [90, 0, 9, 9]))])
    told = figures(matches, labels.objects, Bands((0.0, 50.0, 100.0), (0.0, 20.0)), 0.5)
    assert told["recall_by_distance"] == [
        {"from_m": 0.0, "to_m": 50.0, "recall": 1.0, "count": 1},
        {"from_m": 50.0, "to_m": 100.0, "recall": 1.0, "count": 1},
        {"from_m": 100.0, "to_m": None, "recall": 0.0, "count": 1},
    ]
    assert [(row["recall"], row["count"]) for row in told["recall_by_height_px"]] == [(0.5, 2), (1.0, 1)]


def test_labels_without_distances_have_no_table_of_them():
    labels, _, matches = matched(document([(0, "car", [0, 0, 40, 40])]), [boxes()])
    assert figures(matches, labels.objects, Bands(), 0.5)["recall_by_distance"] == []


def test_an_ignored_object_is_in_no_count():
    labels, _, matches = matched(document([(0, "car", [0, 0, 40, 40], {**NEAR, "iscrowd": 1})]), [boxes()])
    told = figures(matches, labels.objects, Bands(), 0.5)
    assert (told["recall"], told["count"], told["ap"], told["precision"]) == (None, 0, None, None)


def test_of_a_class_that_is_known_as_its_group_only_recall_is_told():
    coco = document([(0, "truck", [0, 0, 10, 10]), (0, "car", [50, 0, 10, 10])])
    labels, _, matches = matched(coco, [boxes(("car", 0.9, [0, 0, 10, 10]))], groups={"vehicle": ("car", "truck")})
    trucks = labels.objects.category[matches.sought.row] == labels.names.index("truck")
    told = class_recall(matches, labels.objects, Bands(), 0.5, trucks)
    assert (told["recall"], told["count"], told["ap"]) == (1.0, 1, None)


def lights(states, names, labels_of):
    """`names` are the classes that the lights found in turn got, None for a light without one."""
    coco = document([(0, "car", [30 * n, 0, 10, 10], {"state": state}) for n, state in enumerate(states)])
    labels, found, matches = matched(coco, [boxes(*(("car", 0.9, [30 * n, 0, 10, 10]) for n in range(len(labels_of))))])
    found.label[:] = [-1 if name is None else names.index(name) for name in labels_of]
    return light_states(matches, labels.objects, found, names, 0.5)


def test_a_state_is_right_when_its_word_is_in_the_name():
    told = lights(["red", "green", "red"], ("Light_Red", "green", "infrared"), ["Light_Red", "green", "infrared"])
    assert told["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert told["by_state"]["red"] == {"accuracy": 0.5, "count": 2}
    assert told["by_state"]["yellow"] == {"accuracy": None, "count": 0}


def test_a_found_light_without_a_state_counts_as_wrong():
    assert lights(["red", "red"], ("red",), ["red", None])["accuracy"] == 0.5


def test_a_light_that_was_not_found_is_not_judged_by_its_state():
    assert lights(["red", "red"], ("red",), ["red"])["accuracy"] == 1.0


def test_nothing_is_said_of_states_when_no_detection_has_one():
    assert lights(["red"], ("red",), [None]) is None
    assert lights([None], ("red",), ["red"]) is None


def test_a_curve_starts_at_the_best_precision_and_ends_where_recall_does():
    coco = document([(0, "car", [0, 0, 10, 10]), (0, "car", [50, 0, 10, 10])])
    _, _, matches = matched(coco, [boxes(("car", 0.9, [0, 0, 10, 10]))])
    values = curve(matches, 0.5, 0)
    assert values is not None
    assert np.count_nonzero(values) == 51
    assert values[0] == 1.0
    assert curve(matches, 0.5, 1) is None
