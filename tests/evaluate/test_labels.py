from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.errors import LabelError
from edge_runtime.evaluate.labels import parse_labels, read_labels, same_name
from tests.evaluate.coco import document


def test_what_the_labels_say_of_an_object_is_kept_and_what_they_do_not_is_unknown():
    coco = document(
        [
            (0, "car", [10, 20, 30, 40], {"distance_m": 55.5, "visibility": 0.4, "state": "Red", "object_id": 7}),
            (0, "person", [1, 2, 3, 4]),
        ]
    )
    objects = parse_labels(coco, "test").objects
    assert objects.xyxy.tolist() == [[10, 20, 40, 60], [1, 2, 4, 6]]
    assert objects.height_px.tolist() == [40, 4]
    assert objects.distance_m[0] == 55.5
    assert np.isnan([objects.distance_m[1], objects.visibility[1]]).all()
    assert objects.state == ("red", None)
    assert objects.object_id == (7, None)


def test_an_object_that_is_hardly_seen_is_ignored_and_one_of_unknown_visibility_is_not():
    coco = document([(0, "car", [0, 0, 9, 9], {"visibility": share}) for share in (0.1, 0.2, 1.0)])
    coco["annotations"].append({"image_id": 0, "category_id": 1, "bbox": [0, 0, 9, 9]})
    labels = parse_labels(coco, "test").hide_below(0.2)
    assert labels.objects.ignored.tolist() == [True, False, False, False]


def test_boxes_without_area_are_ignored_with_a_warning():
    labels = parse_labels(document([(0, "car", [5, 5, 0, 9]), (0, "car", [5, 5, -3, 9])]), "test")
    assert labels.objects.ignored.all()
    assert labels.warnings == ("2 annotations have no area: ignored",)


def test_labels_without_an_object_are_taken_with_a_warning():
    labels = parse_labels(document([], images=3), "test")
    assert len(labels.pictures) == 3
    assert "only false positives" in labels.warnings[0]


def without(key):
    coco = document([(0, "car", [0, 0, 9, 9])])
    del coco[key]
    return coco


def changed(**changes):
    return document([(0, "car", [0, 0, 9, 9], changes)])


@pytest.mark.parametrize(
    ("coco", "said"),
    [
        ([{"image_id": 0, "bbox": [0, 0, 1, 1], "score": 0.5}], "is a list, as COCO's result files are"),
        ({}, "it has no images, no annotations, no categories"),
        ("text", "is not COCO"),
        (without("categories"), "it has no categories"),
        ({**without("images"), "images": []}, "images: "),
        (changed(bbox=[0, 0, 9]), r"annotations\[0\].bbox\[3\]"),
        (changed(bbox=[0, 0, 9, float("nan")]), r"annotations\[0\].bbox\[3\]: .*NaN"),
        (changed(bbox=None), r"annotations\[0\].bbox: .*null"),
        (changed(distance_m=-4), r"annotations\[0\].distance_m: .*-4"),
        (changed(visibility=3), r"annotations\[0\].visibility: .*got 3"),
        (changed(image_id=12), r"annotations\[0\].image_id is 12"),
        (changed(category_id=99), r"annotations\[0\].category_id is 99"),
        ({**document([]), "images": [{"id": 4}, {"id": 4}]}, "two entries of images have the id 4"),
    ],
)
def test_what_is_not_coco_is_answered_with_the_place_and_the_value(coco, said):
    with pytest.raises(LabelError, match=said) as caught:
        parse_labels(coco, "labels.json")
    assert str(caught.value).startswith("labels.json: ")


def test_of_many_mistakes_the_first_are_shown_and_the_rest_counted():
    bad = {"image_id": 0, "category_id": 1, "bbox": "no"}
    with pytest.raises(LabelError, match="and 6 more"):
        parse_labels({**document([]), "annotations": [bad] * 9}, "test")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"not json"])
def test_a_file_that_is_not_json_says_so(tmp_path, content):
    path = tmp_path / "labels.json"
    path.write_bytes(content)
    with pytest.raises(LabelError, match="is not JSON"):
        read_labels(path)


def test_a_missing_file_and_a_folder_say_so(tmp_path):
    for path in (tmp_path / "no.json", tmp_path):
        with pytest.raises(LabelError, match="cannot be read"):
            read_labels(path)


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document([(0, "car", [1, 2, 3, 4])])))
    labels = read_labels(path)
    assert labels.origin == str(path)
    assert labels.names == ("car", "truck", "person")


def test_names_are_compared_without_case_and_separators():
    assert same_name("Traffic_Light") == same_name("traffic-light ") == "traffic light"
