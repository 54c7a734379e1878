"""A service whose camera on the network comes and goes, with a test in the place of systemd."""

from __future__ import annotations

import json
import re

import pytest

from .test_camera_outage import Camera
from .test_service_daemon import Manager


@pytest.fixture
def front():
    camera = Camera()
    yield camera
    camera.off()


@pytest.fixture
def left():
    camera = Camera()
    yield camera
    camera.off()


@pytest.fixture
def start(tiny, tmp_path, front):
    managers = []

    def service(*more):
        cameras = {"front": front} | dict(more)
        blocks = [
            f"{{kind: camera, camera: {name}, device: 'rtsp://127.0.0.1:{camera.port}/front'}}"
            for name, camera in cameras.items()
        ]
        source = f"sources: [{', '.join(blocks)}]" if more else f"source: {blocks[0]}"
        tiny.write_text(re.sub(r"source: .*", source, tiny.read_text()))
        managers.append(Manager(tmp_path, tiny))
        return managers[-1]

    yield service
    for manager in managers:
        manager.close()


def test_a_service_waits_for_a_camera_that_is_absent_when_it_starts_and_says_so(start, front):
    manager = start()
    said = manager.hear("STATUS=no picture from front for")
    assert "EXTEND_TIMEOUT_USEC=" in said, "systemd would end a start that takes too long"
    assert "/front: no stream there" in said
    assert not any("READY=1" in text for text in manager.heard)
    front.on()
    manager.hear("READY=1")
    manager.hear("fps")
    assert manager.stop() == 0


def test_a_service_whose_camera_is_lost_is_well_and_takes_it_up_again(start, front):
    front.on()
    manager = start()
    manager.hear("READY=1")
    manager.hear("fps")
    front.off()
    manager.hear("STATUS=no picture from front for 3 s")
    manager.hear("WATCHDOG=1")
    front.on()
    manager.hear("fps")
    assert manager.stop() == 0
    (folder,) = manager.runs()
    assert json.loads((folder / "summary.json").read_text())["cameras"]["front"]["outages"] == 1
    journal = manager.journal()
    assert "camera front is away (outage 1): rtsp://127.0.0.1" in journal
    assert "camera front is back after" in journal


def test_a_service_of_two_cameras_is_ready_with_the_first_that_is_there_and_well_without_the_other(start, front, left):
    front.on()
    manager = start(("left", left))
    manager.hear("READY=1")
    manager.hear("fps, left away")
    manager.hear("WATCHDOG=1")
    left.on()
    while not re.search(r"front \d+\.\d fps, left \d+\.\d fps", manager.hear("STATUS=front ")):
        pass
    left.off()
    manager.hear("fps, left away")
    manager.hear("WATCHDOG=1")
    assert manager.stop() == 0
    (folder,) = manager.runs()
    cameras = json.loads((folder / "summary.json").read_text())["cameras"]
    assert {name: camera["outages"] for name, camera in cameras.items()} == {"front": 0, "left": 2}
