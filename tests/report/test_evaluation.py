from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from rich.console import Console

from edge_runtime.report.chart import Series, band_chart, curve_chart, pair_chart
from edge_runtime.report.evaluation import band, comparison_table, evaluation_tables, told

RECALL = [
    {"from_m": 0.0, "to_m": 50.0, "recall": 0.9, "count": 40},
    {"from_m": 50.0, "to_m": None, "recall": None, "count": 0},
]


def row(**changes):
    values = {"ap50": 0.5, "ap": 0.25, "recall": 0.75, "precision": None, "count": 40, "false_positives_per_frame": 1.5}
    return {**values, "recall_by_distance": RECALL, "recall_by_height_px": [], **changes}


def document(**changes):
    return {
        **row(),
        "streaming_ap": 0.2,
        "by_class": {"car": row(), "truck": row(ap=None, judged_as="vehicle")},
        "by_group": {},
        "streaming": {
            "mode": "virtual",
            "captured": 90,
            "published": 60,
            "frames_behind": 1.52,
            "latency_ms": 41.0,
        },
        "light_state_accuracy": 0.5,
        "light_states": {"accuracy": 0.5, "count": 4, "by_state": {"red": {"accuracy": 0.5, "count": 4}}},
        "regions_per_frame": None,
        "ms_per_frame": 12.5,
        "iou": 0.5,
        "judged": ["car", "truck"],
        "stage": "objects",
        "frames": 90,
        "labels": {"origin": "labels.json", "objects": 44, "ignored": 4},
        "warnings": ["something was odd"],
        "config": {"name": "highway"},
        **changes,
    }


def rendered(thing, width=100):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(thing)
    return console.file.getvalue()


def test_the_tables_say_what_was_measured_how_sure_it_is_and_what_was_odd():
    text = rendered(evaluation_tables(document(), {"ap50": (0.4, 0.6)}))
    assert "highway · objects · 90 frames, 40 objects" in text
    assert "0.400 to 0.600" in text
    assert "60 of 90 frames worked on, results 1.5 frames behind" in text
    assert "truck (as vehicle)" in text
    assert "0.500 of 4 lights found right" in text
    assert "! something was odd" in text


def test_a_band_without_objects_and_a_figure_nobody_measured_are_left_out():
    text = rendered(evaluation_tables(document(), {}))
    assert "50+" not in text
    assert "regions a frame" not in text


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_tables_fit_the_terminal(width):
    text = rendered(evaluation_tables(document(), {"ap50": (0.4, 0.6)}), width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_a_comparison_shows_each_difference_with_its_interval():
    other = document(recall=0.5, config={"name": "small"})
    change = {"difference": -0.25, "interval": (-0.3, -0.2), "certain": True, "better": False}
    both = {
        "baseline": "highway",
        "pipelines": {"highway": document(), "small": other},
        "differences": {"small": {"recall": change}},
    }
    text = rendered(comparison_table(both))
    assert "-0.250 (-0.300 to -0.200)" in text
    assert text.count("! something was odd") == 1


def test_the_last_band_has_no_end():
    assert [band(one, "m") for one in RECALL] == ["0–50", "50+"]
    assert told("ms_per_frame", 3.14159) == "3.14 ms"
    assert told("ap", None) == "–"


def svg_of(chart):
    return ElementTree.fromstring(f"<div>{chart}</div>").find("svg")


def test_a_line_is_broken_where_a_value_is_unknown():
    chart = svg_of(band_chart([Series("car", [0.9, 0.8, None, 0.5, 0.4], 0)], list("abcdef"), "recall", "metres"))
    assert len(chart.findall(".//polyline")) == 2
    assert len(chart.findall(".//circle")) == 4


def test_two_lines_differ_by_more_than_their_colour():
    chart = svg_of(band_chart([Series("a", [1.0, 0.5], 0), Series("b", [0.5, 0.2], 1)], ["x", "y", "z"], "recall", "m"))
    assert len({line.get("stroke-dasharray") for line in chart.findall(".//polyline")}) == 2
    assert chart.findall(".//circle")
    assert chart.findall(".//g/rect")


def test_names_are_text_and_never_markup():
    name = "<b>&"
    for chart in (
        band_chart([Series(name, [0.5], 0)], [name, name], name, name),
        curve_chart([Series(name, [0.5, 0.4], 0)], name, name),
        pair_chart([(name, 0.5, None)], ("offline", "streaming")),
    ):
        assert svg_of(chart) is not None
        assert "<b>" not in chart


def test_of_two_bars_the_longest_fills_the_width_and_the_unknown_is_a_dash():
    chart = svg_of(pair_chart([("a", 0.2, 0.1), ("b", None, 0.05)], ("offline", "streaming")))
    widths = [float(bar.get("width")) for bar in chart.findall(".//rect")]
    assert widths[0] == max(widths) > 200
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.01)
    assert "–" in [text.text for text in chart.findall(".//text")]
