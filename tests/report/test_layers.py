import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from edge_runtime.engines.tensorrt.inspect import Inspection
from edge_runtime.engines.tensorrt.inspector import layers
from edge_runtime.engines.tensorrt.layer_times import LayerTimes
from edge_runtime.engines.tensorrt.refusals import Refusal
from edge_runtime.report.layers import chain, layers_document, layers_table, ranked
from edge_runtime.report.layers_page import layers_page

ENTRIES = [
    {"Name": "Reformatting CopyNode for x", "LayerType": "Reformat"},
    {"Name": "stem + stem_relu", "LayerType": "CaskConvolution", "TacticName": "sm80_xmma"},
    {"Name": "left || right", "LayerType": "CaskConvolution"},
    {"Name": "wait_0", "LayerType": "wait"},
    {"Name": "head", "LayerType": "DLAConvolution"},
]
FOUND = Inspection(
    "road.onnx", "TensorRT 8.6.0 on sm_87", "tensorrt", layers(json.dumps({"Layers": ENTRIES})), onnx_nodes=7
)
TIMES = LayerTimes({"stem + stem_relu": 0.3, "left || right": 0.6, "head": 0.05, "elsewhere": 0.05}, 0.8, 100)
TIMED = replace(FOUND, times=TIMES)
REFUSED = replace(
    FOUND,
    layers=(),
    refusals=(Refusal(4, "odd<1>", "Det", "there is no operator Det here", "Cut it off with `edge-run model edit`"),),
)


def rendered(found, width=140):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(layers_table(found, width))
    return console.file.getvalue()


def test_timed_layers_come_slowest_first_with_their_share_of_the_whole():
    rows = ranked(TIMED)
    assert [row.layer.name for row in rows[:3]] == ["left || right", "stem + stem_relu", "head"]
    assert [row.share for row in rows] == pytest.approx([0.6, 0.3, 0.05, None])
    assert [row.up_to_share for row in rows] == pytest.approx([0.6, 0.9, 0.95, 0.95])


def test_untimed_layers_come_in_the_order_they_run_in_without_those_that_only_wait():
    assert [(row.number, row.time_ms) for row in ranked(FOUND)] == [(0, None), (1, None), (2, None), (4, None)]


def test_the_table_shows_times_only_where_there_are_some():
    timed, plain = rendered(TIMED), rendered(FOUND)
    assert "600.0   60.0%" in timed
    assert "takes 0.800 ms" in timed
    assert "0.050 ms of it under names that no layer has" in timed
    assert "µs" not in plain
    assert "7 ONNX nodes became 3 layers that compute, 1 that copy or reformat and 1 that order streams" in plain


@pytest.mark.parametrize("width", [80, 110, 200])
def test_the_table_names_its_nodes_at_any_width(width):
    text = rendered(TIMED, width)
    assert "stem + stem_relu" in text
    assert max(len(line) for line in text.splitlines()) <= width


def test_what_fell_back_from_dla_is_listed():
    found = replace(FOUND, dla_core=0, dla_fallback=("resize", "softmax"))
    for text in (rendered(found), layers_page(found)):
        assert "n DLA core 0: 1 layers of the engine; 2 that DLA does not take fell back to the GPU" in text
        assert "softmax" in text
    assert layers_document(found)["dla_fallback"] == ["resize", "softmax"]
    assert "DLA" not in rendered(FOUND)


def test_the_document_keeps_the_order_of_the_engine_and_has_every_time():
    document = json.loads(json.dumps(layers_document(TIMED), allow_nan=False))
    assert [layer["time_ms"] for layer in document["layers"]] == [None, 0.3, 0.6, None, 0.05]
    assert document["times"]["network_ms"] == 0.8
    assert document["times"]["unlisted_ms"] == {"elsewhere": 0.05}
    assert document["fusions"] == {"reformat": 1, "vertical": 1, "horizontal": 1, "sync": 1, "none": 1}
    assert layers_document(FOUND)["times"] is None


def test_a_long_chain_counts_its_operators():
    assert chain(("Conv", "Sigmoid", "Mul")) == "Conv + Sigmoid + Mul"
    assert chain(("Transpose", "Reshape") * 3 + ("Concat",)) == "Transpose ×3 + Reshape ×3 + Concat"


class Page(HTMLParser):
    """Opened and closed tags must match; what it would load from elsewhere is collected."""

    VOID = frozenset({"meta", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.found = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.found.append((tag, values))
        self.loads += [values[name] for name in ("src", "href", "srcset") if name in values]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def rows(self):
        return [values for tag, values in self.found if values.get("class", "").startswith("layer ")]


@pytest.mark.parametrize("found", [FOUND, TIMED, REFUSED], ids=["plain", "timed", "refused"])
def test_the_page_is_sound_and_loads_nothing(found):
    text = layers_page(found)
    assert Page(text).loads == []
    assert not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme:dark" in text


def test_the_page_has_a_row_for_every_layer_and_a_switch_for_every_kind():
    page = Page(layers_page(TIMED))
    assert [row["data-number"] for row in page.rows()] == ["2", "1", "4", "0"]
    switches = {values["id"] for tag, values in page.found if values.get("type") == "checkbox"}
    assert switches == {"show-reformat", "show-vertical", "show-horizontal", "show-none"}
    for switch in switches:
        assert f"body:has(#{switch}:not(:checked)) .layer.{switch[5:]}{{display:none}}" in layers_page(TIMED)


def test_without_times_the_page_has_no_order_to_choose():
    assert "by time" in layers_page(TIMED)
    assert "by time" not in layers_page(FOUND)


def test_refused_nodes_are_shown_with_reason_and_way_out_and_their_names_are_harmless():
    text = layers_page(REFUSED)
    assert "odd&lt;1&gt;" in text
    assert "there is no operator Det here" in text
    assert "Cut it off with <code>edge-run model edit</code>" in text
    assert "node 4 odd<1> [Det]: there is no operator Det here" in rendered(REFUSED)
