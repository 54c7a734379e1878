"""A pipeline of a service, of whose two cameras one is a network camera that is not there."""

from __future__ import annotations

import re
import threading

import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.pipeline.builds import Builds
from edge_runtime.service.flow import Flow, cannot_overlap, unchanged
from tests.integration.conftest import tiny  # noqa: F401  # a fixture
from tests.service.machine import until

SOURCES = """\
sources:
  - {kind: video, path: drive.avi, loop: yes}
  - {kind: camera, camera: left, device: 'rtsp://127.0.0.1:9/left'}
"""


class Journal:
    def __init__(self):
        self.said = []

    def say(self, level, text, camera=None, frame=None):
        self.said.append((level, text, camera))


@pytest.fixture
def file(tiny):  # noqa: F811
    tiny.write_text(re.sub(r"source: .*\n", SOURCES, tiny.read_text()))
    return tiny


@pytest.fixture
def flow(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal, first = Journal(), threading.Event()
    one = Flow(load_pipeline(file), journal, SystemClock(), Builds(), first.set)
    one.journal, one.ready = journal, first
    yield one
    one.close()


def test_the_first_result_of_any_camera_makes_it_ready(flow):
    assert flow.ready.wait(20)
    assert flow.run.vitals().cameras["left"].counts.captured == 0


def test_a_camera_that_is_dead_is_said_and_the_watchdog_is_fed_as_long_as_another_gives_frames(flow):
    assert flow.ready.wait(20)
    assert until(lambda: re.fullmatch(r"front \d+\.\d fps, left away \d+ s", flow.look()[1]))
    beats = [flow.look()[0] for _ in range(5) if until(lambda: flow.run.snapshot().counts.published > 0)]
    assert all(beats)


def test_a_line_of_the_journal_names_the_camera_that_it_is_about_and_no_other(flow, monkeypatch):
    assert flow.ready.wait(20)
    assert until(lambda: "left away" in flow.look()[1])
    flow.run._steering.notices["power is measured by nobody"] = None
    flow.look()
    said = {text.splitlines()[0]: camera for level, text, camera in flow.journal.said if level == "warning"}
    away = "camera left is away (outage 1): rtsp://127.0.0.1:9/left: no stream there"
    assert said == {away: "left", "power is measured by nobody": None}


def test_of_one_camera_every_line_is(tiny, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    tiny.write_text(tiny.read_text().replace("pace: fast", "loop: yes"))
    flow = Flow(load_pipeline(tiny), Journal(), SystemClock(), Builds(), lambda: None)
    try:
        flow.run._steering.notices["power is measured by nobody"] = None
        flow.look()
        assert ("warning", "power is measured by nobody", "front") in flow._journal.said
    finally:
        flow.close()


def test_only_cameras_that_changed_are_given_up_for_a_reload(file):
    old = load_pipeline(file).config
    moved = load_pipeline(file, ["sources.left.device=rtsp://127.0.0.1:9/other"]).config
    assert unchanged(old, old) == {"front", "left"}
    assert unchanged(old, moved) == {"front"}
    assert cannot_overlap(old, old) is None
    assert cannot_overlap(old, moved) is None
    patient = load_pipeline(file, ["sources.left.frozen_s=9"]).config
    assert cannot_overlap(old, patient) == "the camera left", "the same device cannot be opened twice"
    heard = load_pipeline(file, ["sources.left.ego_speed_udp=5005"]).config
    assert cannot_overlap(heard, heard) == "the address 5005"
