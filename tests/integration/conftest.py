"""A pipeline that needs nothing but this checkout, and an emulated Jetson."""

from __future__ import annotations

import pytest

from tests.jetson_emulator.machine import EmulatedJetson, why_not
from tests.recording.validation import closed, validate
from tests.tiny import PIPELINE, tiny_detector, tiny_video


@pytest.fixture
def tiny(tmp_path):
    """A folder with `tiny.yaml`, its model and its video; returns the pipeline's path."""
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "drive.avi")
    path = tmp_path / "tiny.yaml"
    path.write_text(PIPELINE)
    return path


@pytest.fixture(autouse=True)
def recordings_are_what_foxglove_reads(request):
    """Whatever a test of whole runs has recorded and closed is read by Foxglove's own reader and checked."""
    yield
    folder = request.node.funcargs.get("tmp_path")
    for path in () if folder is None else sorted(folder.rglob("*.mcap")):
        if closed(path):
            validate(path)


@pytest.fixture
def orin(tmp_path):
    """An emulated AGX Orin in MODE_50W, at rest, with the real jtop service running on it."""
    if reason := why_not():
        pytest.skip(reason)
    with EmulatedJetson(tmp_path / "orin") as machine:
        machine.start_service()
        yield machine
