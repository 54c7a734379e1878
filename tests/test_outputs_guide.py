"""docs/outputs.md: its YAML runs, its consumers print what it sends, and its layout is the one that is written."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

import edge_runtime
from edge_runtime.core import ClassTable, Detections, FrameResult, OperatingPoint
from edge_runtime.sinks.base import SinkContext
from edge_runtime.sinks.document import encode
from edge_runtime.sinks.live import wire_document
from edge_runtime.sinks.ring_layout import BOX, HEADER, RECORD, Fields
from tests import mosquitto
from tests.mosquitto import Broker, free_port
from tests.tiny import PIPELINE, tiny_detector, tiny_video

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "outputs.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", GUIDE, re.M | re.S))


def block(section, language):
    return re.search(rf"```{language}\n(.*?)```", SECTIONS[section], re.S)[1]


@pytest.fixture
def consumer_prints(tmp_path):
    """Runs a pipeline for ever with the YAML of a section, and its consumer until it has printed a result."""
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "drive.avi")

    def prints(section, port="5556", other="5556"):
        name = f"highway-{uuid4().hex}"
        text = PIPELINE.replace("name: tiny", f"name: {name}").replace("pace: fast", "pace: live, loop: yes")
        path = tmp_path / "highway.yaml"
        path.write_text(text[: text.index("sinks:")] + block(section, "yaml").replace(port, other))
        code = block(section, "python").replace(port, other).replace("edge-highway-front", f"edge-{name}-front")
        with edge_runtime.load(path).start(out=tmp_path / "run"):
            child = subprocess.Popen([sys.executable, "-u", "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            try:
                for line in child.stdout:
                    if re.fullmatch(r"front \d+ \['car'\]\n", line):
                        return True
                    assert line == "the pipeline is gone\n"
                return False
            finally:
                child.kill()
                child.wait()
                child.stdout.close()

    return prints


@mosquitto.needed
def test_the_mqtt_of_the_guide_works(consumer_prints, tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    assert consumer_prints("MQTT", "1883", str(broker.port))
    broker.stop()


@pytest.mark.parametrize(("section", "port"), [("ZeroMQ", "5556"), ("UDP", "5006"), ("Shared memory", "none")])
def test_what_the_guide_shows_works(consumer_prints, section, port):
    assert consumer_prints(section, port, str(free_port()))


def test_the_document_of_the_guide_has_the_keys_and_the_form_of_a_real_one():
    shown = json.loads(block("The document", "json"))
    found = Detections.of([[100, 80, 160, 120.126]], [0.87654], [2], [12])
    result = FrameResult(7, "front", 814280000000, 37.1239, OperatingPoint(), {"tracked": found})
    made = wire_document(result, SinkContext(Path(), ClassTable(["a", "b", "car"]), ("tracked",), 25.0))
    assert {**made, "t_capture_unix_ns": shown["t_capture_unix_ns"]} == shown
    assert encode(shown) == block("The document", "json").replace("\n ", "").strip()


def test_how_many_boxes_a_datagram_holds():
    fits = dict(zip((65507, 1472), map(int, re.findall(r"some (\d+) boxes", SECTIONS["UDP"])), strict=True))
    for room, boxes in fits.items():
        for count, is_too_many in ((round(0.8 * boxes), False), (round(1.2 * boxes) + 1, True)):
            found = Detections.of(
                [[1234.56, 789.12, 1278.91, 845.67]] * count, [0.8765] * count, [2] * count, range(count)
            )
            result = FrameResult(700, "front", 814280000000, 37.1, OperatingPoint(), {"tracked": found})
            context = SinkContext(Path(), ClassTable(["person", "bicycle", "car"]), ("tracked",), 25.0)
            assert (len(encode(wire_document(result, context))) > room) == is_too_many


SIZES = {"u32": 4, "u64": 8, "i32": 4, "i64": 8, "f32": 4, "f32[4]": 16, "char[8]": 8, "char[64]": 64}
FORMATS = {"u32": "<u4", "u64": "<u8", "i32": "<i4", "f32": "<f4", "f32[4]": "<f4", "char[8]": "S8", "char[64]": "S64"}
LETTERS = {"u32": "I", "u64": "Q", "i64": "q", "f32": "f", "char[64]": "64s"}


def test_the_layout_of_the_guide_is_the_one_that_is_written():
    text = SECTIONS["Shared memory"].partition("### Layout")[2]
    header, record, box = (
        re.findall(r"^\| (\d+) \| (\S+) \| `(\w+)` \|", table, re.M)
        for table in re.split(r"\| offset \| type \| field \|", text)[1:]
    )
    for rows in (header, record, box):
        ends = [int(offset) + SIZES[kind] for offset, kind, _ in rows]
        assert [int(offset) for offset, *_ in rows] == [0, *ends[:-1]]
    for rows, dtype in ((header, HEADER), (box, BOX)):
        assert [name for *_, name in rows] == list(dtype.names)
        for offset, kind, name in rows:
            assert dtype.fields[name][0].base == FORMATS[kind]
            assert dtype.fields[name][1] == int(offset)
    assert [name for *_, name in record] == list(Fields._fields)
    letters = "".join(LETTERS[kind] for _, kind, _ in record)
    assert RECORD.size == struct.calcsize("<" + letters)
    assert re.sub(r"(\d+)s", r"\1s", RECORD.format) == "<" + letters
    assert (HEADER.itemsize, RECORD.size, BOX.itemsize) == (192, 216, 36)
