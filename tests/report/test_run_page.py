from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edge_runtime.report.run_files import read_run
from edge_runtime.report.run_page import run_page
from edge_runtime.report.story import RunStory, Still

from .run_folder import write_run


@pytest.fixture
def story(tmp_path):
    return read_run(write_run(tmp_path))


class Tags(HTMLParser):
    """Every open tag is closed in its order."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_html_and_asks_for_nothing_from_outside(story):
    page = run_page(story)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not re.search(r"(?:src|href)=.(?!data:)|url\(|@import", page)


def test_the_headline_says_what_was_not_held_and_the_frames_add_up(story):
    page = run_page(story)
    assert "Not held: power in 2 of 12 seconds." in page
    assert "122 captured = 120 published + 2 overwritten + 0 shed + 0 failed" in page


def test_only_the_panel_of_the_broken_budget_is_marked(story):
    figures = run_page(story).split('<figure class="panel">')[1:]
    marked = {re.search(r"<h3>([\w ]+?) <", figure)[1] for figure in figures if 'class="broken"' in figure}
    assert marked == {"Power", "Operating point"}


def test_the_reason_of_a_decision_is_on_its_stretch_and_in_the_list(story):
    page = run_page(story)
    assert page.count("small: because of second 7") == 2  # on the stretch, and what the slider reads
    assert "<td>because of second 7</td>" in page


def test_text_of_the_run_is_shown_as_text(story):
    page = run_page(replace(story, name="<b>", points=[replace(story.points[0], reason="</script><i>")]))
    assert "the &lt;camera&gt; was odd" in page
    assert "<h1>&lt;b&gt;</h1>" in page
    assert "</script><i>" not in page


def test_the_script_finds_one_series_for_each_line_of_the_charts(story):
    page = run_page(story)
    data = json.loads(re.search(r'<script type="application/json" id="series">(.*?)</script>', page)[1])
    assert len(data["lines"]) == page.count("data-series=")
    assert data["at"] == 7.0
    assert data["broken"] == [[5.0, 7.0, "power"]]


def test_pictures_are_in_the_page_itself(story):
    page = run_page(replace(story, stills=[Still("Slowest frame", "0:08, frame 82: 90 ms", b"jpeg")]))
    assert "data:image/jpeg;base64,anBlZw==" in page
    assert "Slowest frame" in page


def test_a_run_of_which_nothing_is_left_still_gives_a_page():
    page = run_page(RunStory("empty", "/runs/empty", whole=False, gaps=["Nothing is known."]))
    assert "Nothing is known: it ended before its first result was on the disk." in page
    assert "Nothing is known." in page
