"""What scripts/vision_cost.py makes up to measure with."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from edge_runtime.config.schema import SimulationSource
from edge_runtime.vision.resize import plan_view

SCRIPT = Path(__file__).parents[1] / "scripts" / "vision_cost.py"


@pytest.fixture(scope="module")
def vision_cost():
    spec = spec_from_file_location("vision_cost", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_view_shows_objects_that_lie_in_it_and_a_closer_one_smaller_ones(vision_cost):
    traffic = vision_cost.Traffic(200, 5)
    whole = traffic.seen(0, plan_view((0, 0, 1920, 1080), (640, 384), "letterbox"))
    close = traffic.seen(0, plan_view((640, 348, 1280, 732), (640, 384), "letterbox"))
    assert (close.xyxy[:, :2] >= (640, 348)).all()
    assert (close.xyxy[:, 2:] <= (1280, 732)).all()
    heights = [boxes.xyxy[:, 3] - boxes.xyxy[:, 1] for boxes in (whole, close)]
    assert heights[1].min() < heights[0].min()


def test_all_views_together_report_as_many_boxes_as_were_asked_for(vision_cost):
    count = vision_cost.objects_for(40, 2)
    took_us, boxes = vision_cost.look_closely(count, 2, 100)
    assert boxes == pytest.approx(40, rel=0.2)
    assert {part: len(values) for part, values in took_us.items()} == {"planner": 100, "merge": 100, "both": 100}


def test_every_scene_is_one_that_can_be_painted(vision_cost):
    for changes in vision_cost.SCENES.values():
        SimulationSource.model_validate({"kind": "simulation", **changes})
