import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edge_runtime.config.schema import JsonlSink
from edge_runtime.errors import SinkError
from edge_runtime.sinks import make_sink

from .results import context, frame, result, triangle

GOLDEN = (
    '{"frame_id":7,"camera":"front","t_capture_ns":280000000,"t_stream_ns":120,"latency_ms":37.124,"point":"default",'
    '"stages":{"tracked":{"xyxy":[[100.0,80.0,160.0,120.13],[5.0,200.0,15.0,208.0]],"confidence":[0.8765,0.4],'
    '"class_id":[2,0],"class_name":["car","person"],"track_id":[12,null]}}}\n'
)


def sink(path="detections.jsonl"):
    return make_sink(JsonlSink(kind="jsonl", path=path))


def test_a_line_is_the_documented_document(tmp_path):
    lines = sink()
    lines.open(context(tmp_path))
    lines.write(frame(7), result(7, t_stream_ns=120))
    assert (tmp_path / "detections.jsonl").read_text() == GOLDEN  # before close: nothing waits in a buffer
    lines.close()
    lines.close()


def test_an_empty_frame_and_a_failed_one_are_lines_too(tmp_path):
    lines = sink("deep/er/d.jsonl")
    lines.open(context(tmp_path))
    lines.write(frame(0), result(0, boxes=False))
    lines.write(frame(1), result(1, boxes=False, error="output 'boxes' has 3 NaN"))
    lines.close()
    first, second = map(json.loads, (tmp_path / "deep/er/d.jsonl").read_text().splitlines())
    assert "error" not in first
    assert first["stages"] == second["stages"] == {}
    assert second["error"] == "output 'boxes' has 3 NaN"


def test_masks_are_png_files_named_in_the_line(tmp_path):
    lines = sink()
    lines.open(context(tmp_path))
    lines.write(frame(3), result(3, masks=triangle()))
    lines.close()
    masks = json.loads((tmp_path / "detections.jsonl").read_text())["masks"]
    assert masks == {
        "lanes": {
            "xyxy": [0.0, 120.0, 320.0, 240.0],
            "png": {
                "drivable area": "masks/lanes/00000003_drivable_area.png",
                "car": "masks/lanes/00000003_car.png",
            },
        }
    }
    plane = cv2.imread(str(tmp_path / masks["lanes"]["png"]["drivable area"]), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(plane, 255 * triangle().planes[0])


def test_a_file_that_cannot_be_made_fails_at_the_opening(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SinkError, match=r"taken/d\.jsonl: cannot be created: "):
        sink("taken/d.jsonl").open(context(tmp_path))


def test_a_full_disk_is_named(tmp_path):
    lines = sink("/dev/full")
    lines.open(context(tmp_path))
    with pytest.raises(SinkError, match="/dev/full: No space left on device"):
        lines.write(frame(), result())
    lines.close()


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path):
    code = (
        "import resource, sys, pathlib\n"
        "from tests.sinks.results import context, frame, result\n"
        "from tests.sinks.test_jsonl import sink\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "lines = sink()\n"
        "lines.open(context(pathlib.Path(sys.argv[1])))\n"
        "try:\n"
        "    for index in range(100): lines.write(frame(index), result(index))\n"
        "except Exception as error: print(type(error).__name__, index, error)\n"
        "lines.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    written = (tmp_path / "detections.jsonl").read_text()
    kind, index, message = done.stdout.split(maxsplit=2)
    assert kind == "SinkError"
    assert "detections.jsonl: File too large" in message
    assert written.endswith("}\n")
    assert [json.loads(line)["frame_id"] for line in written.splitlines()] == list(range(int(index)))


def test_a_mask_that_cannot_be_written_is_named(tmp_path):
    lines = sink()
    lines.open(context(tmp_path))
    (tmp_path / "masks").write_text("in the way")
    with pytest.raises(SinkError, match=r"masks/lanes/00000000_drivable_area\.png: "):
        lines.write(frame(), result(masks=triangle()))
    lines.close()
    assert (tmp_path / "detections.jsonl").read_text() == ""
