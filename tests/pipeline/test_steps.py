"""Which views a network gets, in how many calls, and what becomes of what it says."""

import numpy as np
import pytest

from edge_runtime.config.schema import ClassifyStage
from edge_runtime.core import UNLABELLED, Detections, Frame, OperatingPoint, Region, SystemClock
from edge_runtime.errors import EngineError
from edge_runtime.pipeline.entry import Entry
from edge_runtime.pipeline.steps import CascadeStep, NetworkStep, WholeFrame
from edge_runtime.vision.resize import plan_view


class Engine:
    name = "road"

    def __init__(self, max_batch, slots):
        self.max_batch, self.slots = max_batch, slots

    def took_ms(self, slot):
        return 6.0


class Network:
    """Reports one box for each view: the view itself, its class the number of the call."""

    def __init__(self, max_batch, fails_slot=None, confidence=0.9, slots=12):
        self.engine = Engine(max_batch, slots)
        self.calls, self.waited, self.fails_slot, self.confidence = [], [], fails_slot, confidence

    def launch(self, slot, glances):
        self.calls.append((slot, [glance.region.xyxy for glance in glances]))
        return tuple(plan_view(glance.region.xyxy, (8, 8), "stretch") for glance in glances)

    def wait(self, slot):
        self.waited.append(slot)
        if slot == self.fails_slot:
            raise EngineError("road: broken")

    def decode(self, slot, views, first=0):
        return [Detections.of([view.view], [self.confidence], [slot]) for view in views]


class Fixed:
    def __init__(self, name, *rects):
        self.name, self.rects = name, rects

    def regions(self, entry):
        return tuple(Region(rect, "fixed") for rect in self.rects)


FAR = [(10, 10, 20, 20), (30, 10, 40, 20), (50, 10, 60, 20)]


def entry(ring=0, **keys):
    return Entry(ring, Frame(0, "front", 0, np.zeros((50, 100, 3), np.uint8)), OperatingPoint(), **keys)


def run(network, looks, calls, ring=0):
    network.engine.slots = 3 * calls
    step = NetworkStep(looks, "road", {}, 3, SystemClock())
    step.replace_networks({"road": network})
    each = entry(ring)
    step.launch([each])
    step.finish(each)
    return each


def test_the_frame_and_its_regions_are_one_call_where_the_batch_allows():
    network = Network(max_batch=4)
    seen = run(network, [WholeFrame("objects"), Fixed("far", *FAR)], 1, ring=2)
    assert network.calls == [(2, [(0, 0, 100, 50), *FAR])]
    assert len(seen.detections["objects"]) == 1
    assert seen.detections["far"].xyxy.tolist() == [list(map(float, rect)) for rect in FAR]
    assert [view.region.xyxy for view in seen.views["far"]] == FAR
    assert seen.stage_ms["objects"] == pytest.approx(1.5)
    assert seen.stage_ms["far"] == pytest.approx(4.5)
    assert list(seen.regions) == ["far"]


def test_without_a_free_batch_the_regions_queue_behind_the_frame():
    network = Network(max_batch=1)
    run(network, [WholeFrame("objects"), Fixed("far", *FAR)], 4, ring=1)
    assert network.calls == [(4, [(0, 0, 100, 50)]), (5, FAR[:1]), (6, FAR[1:2]), (7, FAR[2:])]
    assert network.waited == [4, 5, 6, 7]


def test_a_frame_without_regions_costs_no_call_for_them():
    network = Network(max_batch=1)
    seen = run(network, [Fixed("far")], 4)
    assert network.calls == []
    assert len(seen.detections["far"]) == 0


def test_a_call_that_fails_does_not_leave_those_behind_it_uncollected():
    network = Network(max_batch=1, fails_slot=1)
    with pytest.raises(EngineError, match="broken"):
        run(network, [WholeFrame("objects"), Fixed("far", *FAR)], 4)
    assert network.waited == [0, 1, 2, 3]


def cascade(network, boxes, classes, **keys):
    stage = ClassifyStage(name="lights", kind="classify", model="states", of="tracked", **keys)
    step = CascadeStep(stage, "tracked", [9], 3, SystemClock())
    network.engine.slots = 6
    step.replace_networks({"states": network})
    each = entry(ring=1)
    each.detections["tracked"] = Detections.of(boxes, [0.5 + 0.1 * n for n in range(len(boxes))], classes, None)
    step.launch([each])
    step.finish(each)
    return each


def test_a_cascade_labels_the_best_boxes_of_its_classes_and_passes_all_on():
    network = Network(max_batch=2)
    boxes = [(10, 10, 14, 20), (90, 40, 99.5, 49.5), (0, 0, 5, 5), (20, 20, 30, 30)]
    seen = cascade(network, boxes, [9, 9, 2, 9], max=2, margin=0.5)
    (call,) = network.calls
    assert call == (2, [(15, 15, 35, 35), (85, 35, 100, 50)])
    assert seen.detections["lights"].label.tolist() == [UNLABELLED, 2, UNLABELLED, 2]
    assert seen.detections["lights"].class_id.tolist() == [9, 9, 2, 9]


def test_a_cascade_that_is_not_certain_says_nothing():
    seen = cascade(Network(max_batch=8, confidence=0.4), [(10, 10, 14, 20)], [9])
    assert seen.detections["lights"].label.tolist() == [UNLABELLED]


def test_a_cascade_without_boxes_makes_no_call():
    network = Network(max_batch=8)
    seen = cascade(network, [], [])
    assert network.calls == []
    assert len(seen.detections["lights"]) == 0


def test_a_resting_detector_runs_every_nth_frame_and_says_nothing_in_between():
    network = Network(max_batch=4)
    step = NetworkStep([WholeFrame("objects")], "road", {}, 3, SystemClock(), rests=True)
    step.replace_networks({"road": network})
    said = []
    for ordinal in range(5):
        each = Entry(
            0, Frame(0, "front", 0, np.zeros((50, 100, 3), np.uint8)), OperatingPoint(detector_period=2), ordinal
        )
        step.launch([each])
        step.finish(each)
        said.append("objects" in each.detections)
        assert ("objects" in each.skipped) is not said[-1]
    assert said == [True, False, True, False, True]
    assert len(network.calls) == 3


def test_a_frame_runs_the_variant_that_its_point_names_and_the_model_itself_otherwise():
    base, small = Network(max_batch=1), Network(max_batch=1)
    step = NetworkStep([WholeFrame("objects")], "road", {"small": "road/small"}, 3, SystemClock())
    step.replace_networks({"road": base, "road/small": small})
    for ring, variant in enumerate([None, "small", "unknown"]):
        each = Entry(ring, Frame(0, "front", 0, np.zeros((50, 100, 3), np.uint8)), OperatingPoint(variant=variant))
        step.launch([each])
        step.finish(each)
    assert [slot for slot, _ in base.calls] == [0, 8]
    assert [slot for slot, _ in small.calls] == [4]
