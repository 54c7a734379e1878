"""What is said of a replay beside its golden."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from edge_runtime.evaluate.compare_checks import Decisions
from edge_runtime.evaluate.settings_compared import Change
from edge_runtime.report.compare import comparison_table, github_annotations, junit, update_sentence, verdict
from edge_runtime.report.compare_page import compare_page, worth_seeing
from tests.evaluate.test_compare import CAR, FAR, LIGHT, compared, line

GOLDEN = [line(n, CAR, FAR, LIGHT) for n in range(12)]
NOW = [*GOLDEN[:3], line(3, CAR, (*LIGHT[:3], "green")), *GOLDEN[4:]]
FIRST = {
    "n": 3,
    "t_ns": 7,
    "inputs": {"n": 3, "ego_speed_mps": None},
    "golden": {"point": "full", "reason": "most useful"},
    "now": {"point": "half", "reason": "9 W < 12 W & falling"},
}


def shown(renderable):
    console = Console(file=io.StringIO(), width=80)
    console.print(renderable)
    return console.file.getvalue()


def test_the_verdict_says_in_a_sentence_what_changed():
    assert verdict(compared(GOLDEN, GOLDEN)) == "Identical to the golden, to the last byte, in 12 frames."
    assert (
        verdict(compared(GOLDEN, NOW))
        == "Not held: 1 of 36 boxes lost, 1 in another state, 1 track break, in 12 frames."
    )


def test_the_table_on_a_terminal_names_only_classes_in_which_something_changed():
    text = shown(comparison_table(compared(GOLDEN, NOW)))
    assert "car" in text
    assert "traffic light" in text
    assert "first difference, frame 3: lost: car" in text
    assert "! 1 of 36 boxes lost, none allowed" in text
    assert "class" not in shown(comparison_table(compared(GOLDEN, GOLDEN)))


def test_junit_has_a_test_for_each_condition_and_survives_odd_names():
    comparison = compared(GOLDEN, NOW, decisions=Decisions(False, '9 W < 12 W & "falling"'))
    suite = ElementTree.fromstring(junit(comparison, "a<b>.mcap", 1.5)).find("testsuite")
    failures = {case.get("name"): case.find("failure").get("message") for case in suite if len(case.findall("failure"))}
    assert set(failures) == {"lost", "flips", "breaks", "decisions"}
    assert failures["decisions"] == '9 W < 12 W & "falling"'
    assert suite.get("skipped") == str(len(suite.findall("testcase/skipped"))) == "1"


def test_annotations_are_one_line_each_with_what_github_would_misread_escaped():
    comparison = compared(GOLDEN, GOLDEN, decisions=Decisions(False, "50 % differ:\nmuch"))
    (annotation,) = github_annotations(comparison, "drive, of today", "a:b.jsonl")
    assert annotation == "::error file=a%3Ab.jsonl,title=replay of drive%2C of today::50 %25 differ:%0Amuch"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (None, "from now on"),
        (compared(GOLDEN, GOLDEN), "stays as it is"),
        (compared(GOLDEN, NOW), "1 of 36 boxes lost, 1 in another state"),
    ],
)
def test_an_update_says_what_it_did(before, said):
    assert said in update_sentence(Path("golden.jsonl"), before)


def test_the_page_shows_the_worst_frame_as_it_was_and_as_it_is():
    comparison = compared(GOLDEN, NOW, decisions=Decisions(False, "differ", FIRST))
    assert worth_seeing(comparison) == [("front", 3)]
    changes, picture = [Change("models.road.decode.confidence", 0.3, 0.5)], np.zeros((720, 1280, 3), np.uint8)
    page = compare_page(comparison, "<drive>", "golden", {("front", 3): picture}, changes)
    assert page.count('<use href="#f3"/>') == 2 + 1 + 1  # both panels, what was lost, the light in another state
    assert "&lt;drive&gt;" in page
    assert "was traffic light (red)" in page
    assert "9 W &lt; 12 W &amp; falling" in page
    assert "<td>0.3</td><td>0.5</td>" in page


def test_the_page_of_identical_results_and_one_without_pictures_are_whole():
    same = compare_page(compared(GOLDEN, GOLDEN), "drive", "golden", {}, [])
    assert "Identical to the golden" in same
    assert "The worst frames" not in same
    bare = compare_page(compared(GOLDEN, NOW), "drive", "golden", {}, None)
    assert "1 of the worst frames have no recorded picture" in bare


def test_the_page_of_a_live_replay_has_the_times_of_both():
    page = compare_page(compared(GOLDEN, GOLDEN, live=True), "drive", "golden", {}, [])
    assert "latency p50" in page
    assert "20.0 ms" in page
