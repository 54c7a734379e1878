from __future__ import annotations

from xml.etree import ElementTree

from edge_runtime.report.story import Stretch
from edge_runtime.report.time_chart import Line, Panel, panel_html, plot_svg, thinned, ticks, time_text, time_ticks


def test_ticks_are_round_and_few():
    assert ticks(0.0, 168.0) == [0, 50, 100, 150]
    assert ticks(44.0, 46.0) == [44, 44.5, 45, 45.5, 46]
    assert time_ticks(3600.0) == [0, 600, 1200, 1800, 2400, 3000, 3600]
    assert [time_text(second) for second in (5, 725, 4325)] == ["0:05", "12:05", "1:12:05"]


def test_thinning_keeps_the_spike_and_the_gap():
    points = [(float(second), 1.0) for second in range(10_000)]
    points[7_000] = (7_000.0, 99.0)
    kept = thinned(points)
    assert len(kept) <= 1300
    assert (7_000.0, 99.0) in kept
    assert all(value is None for _, value in thinned([(float(second), None) for second in range(10_000)]))


def test_a_limit_far_above_everything_does_not_flatten_the_line():
    panel = Panel("Power", "W", [Line("drawn", [(1.0, 10.0)]), Line("budget", [(1.0, 100.0)], limit=True)])
    assert panel.range[1] < 12


def test_a_value_that_is_unknown_breaks_the_line():
    panel = Panel("Power", "W", [Line("drawn", [(1.0, 5.0), (2.0, None), (3.0, 5.0), (4.0, 6.0)])])
    assert panel_html(panel, 4.0, [], 0).count("M") - panel_html(panel, 4.0, [], 0).count("M0 5h26") == 2


def test_the_plot_is_an_svg_that_stands_alone():
    panel = Panel(
        "Power", "W", [Line("drawn <all>", [(1.0, 5.0), (2.0, 6.0)]), Line("budget", [(1.0, 7.0)], limit=True)]
    )
    stretch = Stretch(0.0, 2.0, "small", "small: why")
    root = ElementTree.fromstring(plot_svg("a & b", [panel], [stretch], ["small"], 2.0))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a & b", "Power, W", "drawn <all>", "small", "0:02"} <= set(texts)
    assert not any("href" in key for element in root.iter() for key in element.attrib)
