from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
import yaml
from rich.console import Console

from edge_runtime.report.chart import Dots, dot_chart
from edge_runtime.report.profile import bar, ladder_comment, profile_tables
from edge_runtime.report.profile_page import profile_page


def point(name, usefulness, fps, *, in_ladder=True, live_watts=None, derived=False):
    return {
        "name": name,
        "usefulness": usefulness,
        "fps": fps,
        "latency_ms": {"p50": 10.0, "p99": 12.5},
        "busy_ms": {"gpu": 8.0, "host": 2.0},
        "live_watts": live_watts,
        "in_ladder": in_ladder,
        "derived": derived,
        "spread": {} if derived else {"fps": [fps * 0.9, fps * 1.1]},
    }


def document(**changes):
    return {
        "name": "demo",
        "board": "Jetson <Orin>",
        "idle_w": None,
        "camera_fps": 30.0,
        "usefulness": {"of": "streaming-ap", "truth": "labels.json", "labelled": True, "frames": 300},
        "points": [point("r0", 0.4, 90.0), point("r1", 0.5, 40.0, in_ladder=False), point("r2", 0.6, 45.0)],
        "useless": ["tiny"],
        "seconds": 2.0,
        "repeats": 3,
        "machine": {"cpu": "a processor", "cores": 2},
        "versions": {"platform": "Linux"},
        "warnings": ["the board was throttled while r2 was measured: thermal"],
        **changes,
    }


def shown(thing, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(thing)
    return console.file.getvalue()


def test_the_tables_hold_rungs_first_and_what_was_left_out_after_them_in_eighty_columns():
    text = shown(profile_tables(document()))
    assert text.index("r2") < text.index("r0") < text.index("a more useful point costs no more") < text.index("r1")
    assert "±10 %" in text
    assert "found nothing: tiny" in text
    assert "…" not in text
    assert "W" not in text.split("usefulness:")[0]


def test_watts_have_a_column_where_they_were_measured():
    text = shown(profile_tables(document(idle_w=9.0, points=[point("r0", 0.4, 90.0, live_watts=5.25)])))
    assert "5.2" in text
    assert "above 9.0 W at rest" in text


@pytest.mark.parametrize(("share", "length"), [(0.0, 0), (0.5, 5), (1.0, 10), (2.0, 10)])
def test_a_bar_is_as_long_as_its_share(share, length):
    assert len(bar(share)) == length


def test_the_head_of_a_ladder_is_a_comment_that_yaml_does_not_read():
    comment = ladder_comment(document(), "edge-run profile demo.yaml --set 'a=b'", "2026-01-02")
    lines = "\n".join(f"# {line}" for line in comment.splitlines())
    assert yaml.safe_load(lines + "\nboard: x") == {"board": "x"}
    for said in (
        "2026-01-02",
        "edge-run profile demo.yaml",
        "2 of 3 points",
        "throttled",
        "power and heat cannot be held",
    ):
        assert said in comment


def test_a_page_is_well_formed_and_shows_names_of_boards_as_text():
    page = profile_page(document(), "board: <x>\n")
    assert "Jetson &lt;Orin&gt;" in page
    assert "board: &lt;x&gt;" in page
    assert "Usefulness over power" not in page
    watts = [point("r0", 0.4, 90.0, live_watts=5.0), point("r2", 0.6, 45.0, live_watts=9.0)]
    assert "Usefulness over power" in profile_page(document(idle_w=9.0, points=watts), "")


def test_dots_lie_where_they_should_and_names_do_not_overlap():
    points = [(10.0, 0.2, "a", "note"), (20.0, 0.4, "b", "note"), (20.1, 0.4, "a-name-that-does-not-fit", "note")]
    chart = dot_chart([Dots("on the ladder", points, 0, line=[(10.0, 0.2), (20.0, 0.4)], main=True)], "useful", "fps")
    root = ElementTree.fromstring(f"<div>{chart}</div>")
    circles = [(float(node.get("cx")), float(node.get("cy"))) for node in root.iter("circle")][:3]
    assert circles[0][0] < circles[1][0] < circles[2][0]
    assert circles[0][1] > circles[1][1]
    named = [node.text for node in root.iter("text") if node.get("class") == "name"]
    assert "a" in named


def test_a_single_dot_has_axes_too():
    chart = dot_chart([Dots("one", [(5.0, 0.5, "a", "")], 0, main=True)], "useful", "fps")
    ElementTree.fromstring(f"<div>{chart}</div>")
