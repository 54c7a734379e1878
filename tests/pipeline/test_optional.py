"""What one optional model's failures lead to, and what they leave of a frame."""

from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime.core import Detections, Frame, FrameResult, OperatingPoint
from edge_runtime.errors import EngineError, OutputError
from edge_runtime.pipeline.entry import Entry
from edge_runtime.pipeline.optional import ENGINE_FAILURES_IN_A_ROW, REASONS, OptionalModels, OptionalStep, Roll
from edge_runtime.pipeline.recovery import Recovery

BROKEN, NONSENSE = EngineError("lanes: illegal address"), OutputError("output 'lane' has 2 NaN values")


def models(make_anew=lambda model: None, **optional):
    """The books of models that are optional or not; without stages."""
    blocks = {name: SimpleNamespace(optional=yes) for name, yes in (optional or {"road": False, "lanes": True}).items()}
    clock = SimpleNamespace(now_ns=lambda: 2_000_000_000)
    return OptionalModels(SimpleNamespace(models=blocks, stages=()), clock, make_anew)


def fail(books, times, model="lanes", error=BROKEN):
    for _ in range(times):
        books.failed(model, error)


def test_only_failures_in_a_row_make_a_model_anew():
    made = []
    books = models(made.append)
    for _ in range(5):
        fail(books, ENGINE_FAILURES_IN_A_ROW - 1)
        books.ran("lanes")
    assert not books.due
    fail(books, ENGINE_FAILURES_IN_A_ROW)
    assert books.due
    books.repair()
    assert (made, books.due, books.is_out("lanes")) == (["lanes"], False, False)


def test_an_output_that_makes_no_sense_is_no_failing_network():
    books = models()
    fail(books, 100, error=NONSENSE)
    assert not books.due
    assert books.accounts()["lanes"].failures == {str(NONSENSE): 100}


def test_the_second_row_of_failures_takes_the_model_out_and_says_so_once():
    said, books = [], models()
    books.on_out = said.append
    for _ in range(2):
        fail(books, ENGINE_FAILURES_IN_A_ROW)
        books.repair()
    assert books.is_out("lanes")
    assert said == list(books.alarms)
    assert said == ["model lanes is out: illegal address (3 frames in a row), again after it was made anew"]
    fail(books, ENGINE_FAILURES_IN_A_ROW)  # of what was still in flight
    assert not books.due


def test_failures_before_all_networks_were_made_anew_count_no_more():
    books = models()
    fail(books, ENGINE_FAILURES_IN_A_ROW)
    books.renewed()
    assert not books.due


def test_without_any_model_the_run_ends():
    books = models(a=True, b=True)
    for name in "ab":
        books.take_out(name, "no such file")
    with pytest.raises(EngineError, match="no model is left: model a is out: no such file; model b is out"):
        books.repair()


def test_reasons_are_kept_in_bounded_memory():
    books = models()
    for n in range(10 * REASONS):
        books.failed("lanes", OutputError(f"frame {n}"))
    account = books.accounts()["lanes"]
    assert len(account.failures) == REASONS + 1
    assert account.failed_frames == 10 * REASONS


class Step:
    """Says something in every frame, and then fails as it is told."""

    name = "lane"

    def __init__(self):
        self.at_launch = self.at_finish = None
        self.calls = []

    def launch(self, entries):
        (entry,) = entries
        self.calls.append("launch")
        entry.called.add("lanes")
        if self.at_launch:
            raise self.at_launch

    def finish(self, entry):
        self.calls.append("finish")
        entry.detections["lane"] = entry.detections["lane 2"] = Detections.empty()
        if self.at_finish:
            raise self.at_finish


def entry():
    each = Entry(0, Frame(0, "front", 0, np.zeros((2, 2, 3), np.uint8)), OperatingPoint())
    each.detections["objects"] = Detections.empty()
    return each


def through(step, books):
    """A frame that goes down a roll call and an optional step of two stages."""
    each = entry()
    steps = (Roll(books), OptionalStep(step, "lanes", ("lane", "lane 2"), books))
    for one in steps:
        one.launch([each])
    for one in steps:
        one.finish(each)
    return each


@pytest.mark.parametrize(("at_launch", "at_finish"), [(BROKEN, None), (None, BROKEN), (None, NONSENSE)])
def test_a_failing_step_is_collected_and_leaves_nothing_in_the_frame_but_its_place(at_launch, at_finish):
    books, step = models(), Step()
    step.at_launch, step.at_finish = at_launch, at_finish
    each = through(step, books)
    assert step.calls == ["launch", "finish"], "what was started is waited for"
    assert list(each.detections) == ["objects"]
    assert each.skipped == {"lane", "lane 2"}
    assert each.error is None
    assert books.accounts()["lanes"].failed_frames == 1
    step.at_launch = step.at_finish = None
    assert list(through(step, books).detections) == ["objects", "lane", "lane 2"]


def test_a_model_that_is_out_is_not_called():
    books, step = models(), Step()
    books.take_out("lanes", "no such file")
    books.silent = frozenset({"lane", "lane 2"})
    each = through(step, books)
    assert step.calls == []
    assert each.out == each.skipped == {"lane", "lane 2"}


def test_a_frame_in_which_a_model_had_nothing_to_do_neither_counts_nor_clears_it():
    books, step = models(), Step()
    step.at_finish = BROKEN
    for _ in range(ENGINE_FAILURES_IN_A_ROW):
        through(step, books)
        OptionalStep(SimpleNamespace(name="lane", finish=lambda each: None), "lanes", ("lane",), books).finish(entry())
    assert books.due


def test_recovery_repairs_what_is_broken_and_nothing_else():
    made = []
    books = models(made.append)
    recovery = Recovery(lambda: made.append("all"), books)
    failed = entry()
    failed.fail("objects", EngineError("road: broken"))
    fail(books, ENGINE_FAILURES_IN_A_ROW)
    assert recovery.due
    recovery.act()
    assert made == ["lanes"]
    assert [recovery.see([failed]) for _ in range(ENGINE_FAILURES_IN_A_ROW)] == [None] * ENGINE_FAILURES_IN_A_ROW
    recovery.act()
    assert made == ["lanes", "all"]
    assert not recovery.due
    *_, ends = (recovery.see([failed]) for _ in range(ENGINE_FAILURES_IN_A_ROW))
    assert str(ends) == "road: broken (3 frames in a row)"


def test_boxes_are_shown_also_when_the_network_that_labels_them_is_out():
    boxes = Detections.of([[1, 2, 3, 4]], [0.9], [0], None)
    labelled = boxes.with_labels(np.array([1], np.int32))
    point = OperatingPoint()
    for stages, label in (({"tracked": boxes, "lights": labelled}, [1]), ({"tracked": boxes}, None)):
        seen = FrameResult(0, "front", 0, 1.0, point, stages).boxes(("lights", "lane"), {"lights": "tracked"})
        assert seen.xyxy.tolist() == [[1, 2, 3, 4]]
        assert (None if seen.label is None else seen.label.tolist()) == label
