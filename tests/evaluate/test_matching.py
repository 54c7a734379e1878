"""Average precision against values worked out by hand and against pycocotools used as its authors do."""

from __future__ import annotations

import contextlib
import io
import sys

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edge_runtime.errors import RunError
from edge_runtime.evaluate.matching import COCO_IOU, weighted_ap
from tests.evaluate.coco import CLASSES, boxes, document, matched


def test_everything_found_exactly_is_an_ap_of_one():
    _, _, matches = matched(document([(0, "car", [0, 0, 10, 10])]), [boxes(("car", 0.9, [0, 0, 10, 10]))])
    assert matches.ap()[0] == pytest.approx(1.0)


def test_a_false_positive_above_the_only_hit_halves_ap():
    found = boxes(("car", 0.9, [50, 50, 10, 10]), ("car", 0.8, [0, 0, 10, 10]))
    _, _, matches = matched(document([(0, "car", [0, 0, 10, 10])]), [found])
    assert matches.ap()[0] == pytest.approx(0.5)


def test_one_of_two_found_reaches_51_of_the_101_recalls():
    coco = document([(0, "car", [0, 0, 10, 10]), (0, "car", [40, 0, 10, 10])])
    _, _, matches = matched(coco, [boxes(("car", 0.9, [0, 0, 10, 10]))])
    assert matches.ap()[0] == pytest.approx(51 / 101)


def test_an_overlap_of_60_percent_counts_at_three_of_the_ten_ious():
    _, _, matches = matched(document([(0, "car", [0, 0, 10, 10])]), [boxes(("car", 0.9, [0, 0, 10, 6]))])
    assert matches.ap(0.5)[0] == pytest.approx(1.0)
    assert matches.ap()[0] == pytest.approx(0.3)


def test_the_more_confident_box_takes_the_object_and_the_other_is_false():
    found = boxes(("car", 0.6, [0, 0, 10, 10]), ("car", 0.9, [0, 0, 10, 9]))
    _, _, matches = matched(document([(0, "car", [0, 0, 10, 10])]), [found])
    assert matches.confidence.tolist() == pytest.approx([0.9, 0.6])
    assert matches.hit[matches.at(0.5)].tolist() == [True, False]


def test_an_own_iou_is_judged_beside_cocos_ten():
    coco, found = document([(0, "car", [0, 0, 10, 10])]), boxes(("car", 0.9, [0, 0, 10, 4]))
    _, _, matches = matched(coco, [found], iou=0.3)
    assert matches.found[matches.at(0.3)].tolist() == [True]
    assert matches.found[matches.at(0.5)].tolist() == [False]
    assert matches.ap(0.5)[0] == 0.0


@pytest.mark.parametrize("mark", ["iscrowd", "ignore"])
def test_a_box_on_an_ignored_region_is_neither_right_nor_wrong(mark):
    coco = document([(0, "car", [0, 0, 100, 100], {mark: 1}), (0, "car", [200, 0, 10, 10])])
    found = boxes(("car", 0.9, [20, 20, 10, 10]), ("car", 0.8, [60, 60, 10, 10]), ("car", 0.7, [200, 0, 10, 10]))
    _, _, matches = matched(coco, [found])
    assert matches.void[0].tolist() == [True, True, False]
    assert matches.hit[0].tolist() == [False, False, True]
    assert matches.counted.tolist() == [False, True]
    assert matches.ap()[0] == pytest.approx(1.0)


def test_a_truck_called_car_is_found_only_where_they_are_one_group():
    coco, found = document([(0, "truck", [0, 0, 10, 10])]), boxes(("car", 0.9, [0, 0, 10, 10]))
    _, _, by_class = matched(coco, [found])
    _, _, by_group = matched(coco, [found], groups={"vehicle": ("car", "truck")})
    assert not by_class.found.any()
    assert by_group.found.all()
    assert by_group.kinds == ("vehicle", "person")


def test_no_detection_at_all_is_an_ap_of_zero_and_no_label_is_no_ap():
    _, _, nothing = matched(document([(0, "car", [0, 0, 10, 10])]), [boxes()])
    assert nothing.ap()[0] == 0.0
    _, _, unlabelled = matched(document([]), [boxes(("car", 0.9, [0, 0, 10, 10]))])
    assert np.isnan(unlabelled.ap()).all()
    assert not unlabelled.hit.any()


def random_case(seed, frames=12):
    rng = np.random.default_rng(seed)
    annotations, found = [], []
    for frame in range(frames):
        rows = []
        for _ in range(rng.integers(0, 8)):
            name = CLASSES[rng.integers(3)]
            box = [*rng.uniform(0, 80, 2).tolist(), *rng.uniform(4, 30, 2).tolist()]
            annotations.append((frame, name, box, {"iscrowd": int(rng.random() < 0.1)}))
            if rng.random() < 0.8:
                moved = (np.array(box) + rng.normal(0, 1.5, 4)).tolist()
                rows.append((CLASSES[rng.integers(3)] if rng.random() < 0.2 else name, rng.random(), moved))
        rows += [
            (CLASSES[rng.integers(3)], rng.random(), [*rng.uniform(0, 80, 2), 12, 9]) for _ in range(rng.integers(3))
        ]
        found.append(boxes(*rows))
    return document(annotations, images=frames), found


def reference(coco, frames):
    """pycocotools as its own example uses it: ground truth and a list of results."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = coco
        truth.createIndex()
        results = []
        for frame, found in enumerate(frames):
            for (x0, y0, x1, y1), confidence, class_id in zip(
                found.xyxy.tolist(), found.confidence.tolist(), found.class_id.tolist(), strict=True
            ):
                results.append(
                    {
                        "image_id": frame,
                        "category_id": class_id + 1,
                        "bbox": [x0, y0, x1 - x0, y1 - y0],
                        "score": confidence,
                    }
                )
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[:2]


@pytest.mark.parametrize("seed", range(5))
def test_ap_is_what_pycocotools_prints(seed):
    coco, frames = random_case(seed)
    _, _, matches = matched(coco, frames)
    assert (matches.ap().mean(), matches.ap(0.5).mean()) == pytest.approx(reference(coco, frames), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_ap_of_the_bootstrap_is_cocos_when_every_frame_is_drawn_once(seed):
    coco, frames = random_case(seed)
    _, _, matches = matched(coco, frames, iou=0.3)
    ten = [matches.at(iou) for iou in COCO_IOU]
    assert weighted_ap(matches, np.ones(len(frames), np.intp), ten) == pytest.approx(matches.ap().mean(), abs=1e-9)


def test_a_frame_drawn_twice_weighs_as_two_equal_frames():
    coco, frames = random_case(7, frames=6)
    doubled = {**coco, "images": [*coco["images"], {"id": 6}]}
    again = [{**one, "id": one["id"] + 1000, "image_id": 6} for one in coco["annotations"] if one["image_id"] == 2]
    doubled["annotations"] = [*coco["annotations"], *again]
    _, _, once = matched(coco, frames)
    _, _, twice = matched(doubled, [*frames, frames[2]])
    weight = np.array([1, 1, 2, 1, 1, 1])
    assert weighted_ap(once, weight, [once.at(0.5)]) == pytest.approx(twice.ap(0.5).mean(), abs=1e-9)


def test_without_pycocotools_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(RunError, match=r"pip install 'edge-runtime\[eval\]'"):
        matched(document([(0, "car", [0, 0, 10, 10])]), [boxes()])
