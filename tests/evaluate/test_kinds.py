from __future__ import annotations

from edge_runtime.config.load import load_pipeline
from edge_runtime.evaluate.kinds import OUTSIDE, match_kinds, reported_classes
from tests.tiny import tiny_detector, tiny_video

LABELS = ("Car", "truck", "traffic_light", "rider")
MODEL = ("person", "car", "truck", "traffic light")
VEHICLE = {"vehicle": ("car", "truck", "bus")}


def test_without_groups_a_kind_is_a_class_that_both_sides_know():
    kinds = match_kinds(LABELS, MODEL, MODEL, {})
    assert kinds.names == ("Car", "truck", "traffic_light")
    assert kinds.of_category.tolist() == [0, 1, 2, OUTSIDE]
    assert kinds.of_class.tolist() == [OUTSIDE, 0, 1, 2]


def test_with_groups_the_members_are_one_kind():
    kinds = match_kinds(LABELS, MODEL, MODEL, VEHICLE)
    assert kinds.names == ("vehicle", "traffic_light")
    assert kinds.of_category.tolist() == [0, 0, 1, OUTSIDE]
    assert kinds.of_class.tolist() == [OUTSIDE, 0, 0, 1]


def test_a_model_that_reports_the_group_itself_finds_its_members():
    kinds = match_kinds(("car", "bus"), ("vehicle",), ("vehicle",), VEHICLE)
    assert kinds.of_category.tolist() == [0, 0]
    assert kinds.of_class.tolist() == [0]


def test_a_class_that_the_stage_drops_is_not_judged():
    kinds = match_kinds(("car", "truck"), MODEL, ("car",), {})
    assert kinds.names == ("car",)
    assert kinds.of_class.tolist() == [OUTSIDE, 0, OUTSIDE, OUTSIDE]


def test_only_some_kinds_may_be_asked_for_by_class_or_by_group():
    assert match_kinds(LABELS, MODEL, MODEL, VEHICLE, ["vehicle"]).names == ("vehicle",)
    assert match_kinds(LABELS, MODEL, MODEL, {}, ["Truck"]).names == ("truck",)


TWO = """\
name: two
source: {kind: video, path: drive.avi}
models:
  road:
    onnx: tiny.onnx
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: [car, tree], keep: [car]}
  far:
    onnx: tiny.onnx
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: {0: sign}}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: signs, kind: detect, model: far}
  - {name: fused, kind: merge, of: [objects, signs]}
  - {name: tracked, kind: track, of: fused}
"""


def test_a_stage_reports_what_the_models_before_it_keep(tmp_path):
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "drive.avi", frames=2)
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    config = load_pipeline(path).config
    assert reported_classes(config, "objects") == ("car",)
    assert reported_classes(config, "tracked") == ("car", "sign")
