"""Pipelines on pictures that nobody has labelled."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.config.load import load_pipeline
from edge_runtime.core import Detections
from edge_runtime.errors import ConfigError
from edge_runtime.evaluate.agreement import Boxes, found_twice, look, without_regions

CLASSES = ("car", "truck", "person")
GROUPS = {"vehicle": ("car", "truck")}


def boxes(*rows, only=()):
    """Rows of x0, y0, x1, y1, confidence and class name."""
    found = Detections.of(
        [row[:4] for row in rows] or np.empty((0, 4)), [row[4] for row in rows], [CLASSES.index(row[5]) for row in rows]
    )
    return Boxes.of(found, CLASSES, GROUPS, only)


CAR, TRUCK = (10, 10, 50, 40, 0.9, "car"), (11, 10, 50, 41, 0.5, "truck")
FAR = (100, 10, 108, 16, 0.4, "car")


def test_what_only_one_of_two_pipelines_finds_is_added_or_gone():
    seen = look(boxes(CAR, FAR), boxes(TRUCK, (60, 60, 90, 90, 0.3, "person")), (), 0.5)
    assert seen.added.tolist() == [False, True]
    assert seen.gone.tolist() == [False, True]


def test_two_boxes_where_the_baseline_has_one_are_one_added():
    beside = (14, 10, 54, 40, 0.8, "car")
    seen = look(boxes(beside, CAR), boxes(CAR), (), 0.5)
    assert seen.added.tolist() == [True, False]


@pytest.mark.parametrize(("mine", "before"), [([CAR], []), ([], [CAR]), ([], [])])
def test_a_picture_in_which_one_finds_nothing(mine, before):
    seen = look(boxes(*mine), boxes(*before), (), 0.5)
    assert (seen.added.sum(), seen.gone.sum()) == (len(mine), len(before))


@pytest.mark.parametrize(
    ("other", "twice"),
    [
        (TRUCK, True),
        ((10, 12, 28, 40, 0.3, "car"), True),
        ((40, 10, 48, 16, 0.3, "car"), False),
        ((10, 10, 50, 40, 0.3, "person"), False),
        ((40, 10, 90, 40, 0.3, "car"), False),
    ],
    ids=["as_car_and_truck", "half_of_it", "something_small_before_it", "of_another_kind", "beside_it"],
)
def test_of_an_object_that_is_marked_twice_the_less_sure_box_is_too_much(other, twice):
    assert found_twice(boxes(CAR, other), 0.5).tolist() == [False, twice]
    assert found_twice(boxes(other, CAR), 0.5).tolist() == [twice, False]


def test_of_two_equal_boxes_one_is_too_much():
    assert found_twice(boxes(CAR, CAR), 0.5).sum() == 1


def test_only_some_classes_or_groups_may_be_asked_for():
    person = (60, 60, 90, 90, 0.3, "person")
    assert boxes(CAR, TRUCK, person, only=("Vehicle",)).name.tolist() == ["car", "truck"]
    assert boxes(CAR, TRUCK, person, only=("truck", "person")).name.tolist() == ["truck", "person"]


FAR_STAGES = """\
stages:
  - {name: objects, kind: detect, model: road}
  - {name: far, kind: detect, model: road, regions: {max: 1, from: [{fixed: {rects: [[80, 40, 160, 120]]}}]}}
  - {name: tracked, kind: merge, of: [objects, far]}
"""


@pytest.fixture
def far(folder):
    """A pipeline that finds one thing in the whole frame and one in a region of it."""
    text = (folder / "images.yaml").read_text()
    begin, end = text.index("stages:"), text.index("groups:")
    path = folder / "far.yaml"
    path.write_text((text[:begin] + FAR_STAGES + text[end:]).replace("name: images", "name: far"))
    return path


def eval_json(capsys, *arguments, code=0):
    assert run_app(["eval", "--json", *map(str, arguments)]) == code
    document = json.loads(capsys.readouterr().out)
    return document["error"] if code else document


def test_a_pipeline_beside_itself_without_its_regions_says_what_these_add(far, capsys):
    told = eval_json(capsys, far, "--without-regions")
    whole, with_regions = told["pipelines"]["far, whole frame only"], told["pipelines"]["far"]
    assert (told["baseline"], told["frames"]) == ("far, whole frame only", 3)
    assert (whole["boxes_per_frame"], whole["regions_per_frame"], whole["added_per_frame"]) == (1.0, 0.0, None)
    assert with_regions["boxes_per_frame"] == 2.0
    assert (with_regions["added_per_frame"], with_regions["gone_per_frame"]) == (1.0, 0.0)
    assert (with_regions["found_twice_per_frame"], with_regions["regions_per_frame"]) == (0.0, 1.0)
    assert sum(row["added"] for row in with_regions["by_height_px"]) == 3


def test_two_pipelines_without_labels_are_compared_box_by_box(folder, far, capsys):
    told = eval_json(capsys, "--compare", far, folder / "images.yaml", "--stage", "tracked")
    assert told["pipelines"]["images"]["gone_per_frame"] == pytest.approx(
        2.0 - told["pipelines"]["images"]["boxes_per_frame"]
    )


def test_the_page_shows_each_picture_once_and_what_was_added_closely(far, tmp_path, capsys):
    page = tmp_path / "added.html"
    eval_json(capsys, far, "--without-regions", "--html", page)
    text = page.read_text()
    assert text.count("data:image/jpeg") == 3
    assert text.count("<h3>") == 3
    assert "<h3>a.png</h3>" in text
    assert text.count("<h4>Added</h4>") == 3
    assert "No longer found</h4>" not in text
    assert "<script" not in text


def test_of_a_video_the_page_shows_pictures_that_are_a_second_apart(folder, far, tmp_path, capsys):
    text = far.read_text().replace("{kind: images, path: pictures}", "{kind: video, path: drive.avi}")
    far.write_text(text)
    eval_json(capsys, far, "--without-regions", "--html", tmp_path / "added.html")
    assert (tmp_path / "added.html").read_text().count("<h3>frame ") == 1  # of 20 at 25 a second


def test_with_labels_the_same_comparison_is_about_accuracy(far, labelled, capsys):
    labels = labelled([(0, "car", [20, 15, 80, 60])], images=1, file_name=lambda n: "a.png")
    told = eval_json(capsys, far, "--without-regions", "--labels", labels, "--resamples", "20")
    assert told["pipelines"]["far"]["recall"] == told["pipelines"]["far, whole frame only"]["recall"] == 1.0


def test_a_pipeline_without_regions_has_none_to_leave_out(folder):
    with pytest.raises(ConfigError, match="no stage looks at regions"):
        without_regions(load_pipeline(folder / "images.yaml"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--without-regions", "--compare"], "compares one pipeline with itself"),
        (["--without-regions", "--live"], "needs --labels"),
        (["--without-regions", "--min-recall", "0.5"], "judge one pipeline"),
        ([], "--without-regions do without"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_runs(far, capsys, options, said):
    assert said in eval_json(capsys, far, *options, code=2)


def test_pipelines_that_see_different_pictures_are_not_compared(folder, far, capsys):
    assert "different pictures" in eval_json(capsys, "--compare", far, folder / "video.yaml", code=2)
