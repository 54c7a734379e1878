"""The service process itself, with a test in the place of systemd: what it tells, and how it swaps pipelines."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.service.machine import CHECKOUT, until
from tests.tiny import tiny_detector, tiny_video

from .test_service_systemd import GREY, MOODY_PIPELINE, STUNNING, moody_network


class Manager:
    """Listens as systemd does, and holds the service that runs `pipeline`."""

    def __init__(self, folder: Path, pipeline: Path, *minute_s: str, state: Path | None = None) -> None:
        self.pipeline, self.state, self.live = pipeline, state or folder / "state", folder / "live"
        self.state.mkdir()
        self.live.mkdir(exist_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(30)
        self.heard: list[str] = []
        command = [sys.executable, "-m", "tests.service.serve", str(pipeline), str(self.live), str(folder / "notify")]
        self._errors = (folder / "stderr").open("w")
        self.process = subprocess.Popen(
            [*command, *minute_s], cwd=self.state, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, stderr=self._errors
        )

    def hear(self, text: str) -> str:
        """The next datagram with this in it."""
        while text not in (said := self._socket.recv(4096).decode()):
            self.heard.append(said)
        self.heard.append(said)
        return said

    def reload(self) -> str | None:
        """Ask for it and wait; what it was refused for."""
        asked = self.reloads()["asked"]
        self.process.send_signal(signal.SIGHUP)
        self.hear("RELOADING=1\nMONOTONIC_USEC=")
        self.hear("READY=1")
        assert self.reloads()["asked"] == asked + 1
        return self.reloads()["refused"]

    def reloads(self) -> dict:
        return json.loads((self.live / "reloads.json").read_text())

    def catch_up(self) -> None:
        """Hear all that was said meanwhile: what finds no room in a full socket is not said again."""
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.heard.append(self._socket.recv(4096).decode())
        self._socket.settimeout(30)

    def stop(self) -> int:
        self.catch_up()
        self.process.send_signal(signal.SIGTERM)
        self.hear("STOPPING=1")
        return self.process.wait(20)

    def journal(self) -> str:
        return Path(self._errors.name).read_text()

    def runs(self) -> list[Path]:
        return sorted((self.state / "runs").iterdir())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._errors.close()
        self._socket.close()


@pytest.fixture
def started(tiny, tmp_path):
    """The tiny pipeline as a ready service that never ends by itself and never drops a picture."""
    tiny.write_text(tiny.read_text().replace("pace: fast", "pace: fast, loop: yes"))
    manager = Manager(tmp_path, tiny)
    manager.hear("READY=1")
    yield manager
    manager.close()


def change(manager, old, new):
    text = manager.pipeline.read_text()
    assert old in text
    manager.pipeline.write_text(text.replace(old, new))


def lines(folder):
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def test_the_watchdog_is_fed_the_status_said_and_sigterm_leaves_whole_files(started):
    started.hear("WATCHDOG=1")
    while "fps" not in started.hear("STATUS="):
        pass  # "starting", until there is a rate
    assert started.stop() == 0
    (folder,) = started.runs()
    frames = json.loads((folder / "summary.json").read_text())["frames"]
    assert len(lines(folder)) == frames["published"] > 0
    assert frames["captured"] == frames["published"] + frames["shed"]


def test_a_swap_loses_no_frame(started):
    started.hear("fps")
    change(started, "confidence: 0.3", "confidence: 0.4")
    assert started.reload() is None
    started.hear("fps")
    assert started.stop() == 0
    before, after = started.runs()
    assert "confidence: 0.4" in (after / "pipeline.yaml").read_text()
    times = [line["t_stream_ns"] for line in (*lines(before), *lines(after))]
    steps = {round((later - earlier) / 1e6) for earlier, later in pairwise(times)}
    assert steps == {40}


TWO = """\
sources:
  - {kind: video, path: drive.avi, pace: fast, loop: yes}
  - {kind: video, camera: left, path: left.avi, pace: fast, loop: yes}
"""


@pytest.fixture
def two(tiny, tmp_path):
    """The same with two cameras."""
    tiny_video(tmp_path / "left.avi", size=(80, 60))
    tiny.write_text(re.sub(r"source: .*\n", TWO, tiny.read_text()))
    manager = Manager(tmp_path, tiny)
    manager.hear("READY=1")
    yield manager
    manager.close()


def steps_ms(folders, camera):
    """From one picture of a camera to the next, over several runs."""
    found = [line for folder in folders for line in lines(folder) if line["camera"] == camera]
    times = [line["t_stream_ns"] for line in found]
    return {round((later - earlier) / 1e6) for earlier, later in pairwise(times)}


def test_a_swap_loses_no_frame_of_any_camera(two):
    assert "front " in two.hear("fps, left ")
    change(two, "confidence: 0.3", "confidence: 0.4")
    assert two.reload() is None
    two.hear("fps, left ")
    assert two.stop() == 0
    before, after = two.runs()
    assert "confidence: 0.4" in (after / "pipeline.yaml").read_text()
    assert {len({line["camera"] for line in lines(folder)}) for folder in (before, after)} == {2}
    assert steps_ms((before, after), "front") == steps_ms((before, after), "left") == {40}


def test_a_camera_can_be_added_and_taken_away_while_the_others_go_on(two, tmp_path):
    tiny_video(tmp_path / "right.avi", size=(64, 48))
    change(two, "  - {kind: video, camera: left,", "  - {kind: video, camera: right,")
    change(two, "path: left.avi", "path: right.avi")
    assert two.reload() is None
    assert "front " in two.hear("fps, right ")
    assert two.stop() == 0
    before, after = two.runs()
    assert {line["camera"] for line in lines(after)} == {"front", "right"}
    assert steps_ms((before, after), "front") == {40}


def test_what_is_broken_is_refused_and_all_cameras_go_on(two, tmp_path):
    tiny_detector(tmp_path / "blind.onnx", nan_above=0.1)
    change(two, "tiny.onnx", "blind.onnx")
    change(two, "  - {kind: video, camera: left,", "  - {kind: video, camera: right,")
    assert "that are NaN or infinite" in two.reload()
    said = two.hear("a changed pipeline was refused")
    assert "fps, left " in said
    two.hear("WATCHDOG=1")
    assert two.stop() == 0
    last = two.runs()[-1]
    assert {line["camera"] for line in lines(last)} == {"front", "left"}


def test_a_swap_to_another_source_opens_that(started, tmp_path):
    tiny_video(tmp_path / "other.avi", size=(80, 60))
    change(started, "drive.avi", "other.avi")
    assert started.reload() is None
    assert started.stop() == 0
    assert str(tmp_path / "other.avi") in (started.runs()[-1] / "pipeline.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: video", "kind: vidoe", "did you mean `video`"),
        ("drive.avi", "broken.avi", "broken.avi"),
        ("tiny.onnx", "blind.onnx", "that are NaN or infinite"),
    ],
)
def test_what_is_broken_is_refused_and_the_old_pipeline_goes_on(started, tmp_path, old, new, says):
    (tmp_path / "broken.avi").write_bytes(b"no video")
    tiny_detector(tmp_path / "blind.onnx", nan_above=0.1)
    change(started, old, new)
    assert says in started.reload()
    assert "fps; a changed pipeline was refused: " in started.hear("a changed pipeline was refused")
    started.hear("WATCHDOG=1")
    assert started.stop() == 0
    assert json.loads((started.runs()[-1] / "summary.json").read_text())["frames"]["published"] > 0
    assert "the changed pipeline is refused, the old one runs on" in started.journal()


def test_what_only_one_run_can_hold_is_given_up_first(tiny, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    tiny.write_text(tiny.read_text().replace("pace: fast", f"pace: live, loop: yes, ego_speed_udp: '{address}'"))
    manager = Manager(tmp_path, tiny)
    try:
        manager.hear("READY=1")
        change(manager, "confidence: 0.3", "confidence: 0.4")
        assert manager.reload() is None
        assert manager.stop() == 0
    finally:
        manager.close()
    assert f"only one run can hold the address {address}" in manager.journal()


def test_runs_that_grow_give_way_to_new_ones_and_the_disk_stays_within_bounds(tiny, tmp_path):
    tiny.write_text(tiny.read_text().replace("pace: fast", "pace: live, loop: yes") + "service: {keep_gb: 1.0e-5}\n")
    manager = Manager(tmp_path, tiny, "0.1")
    try:
        manager.hear("READY=1")
        assert until(lambda: "holds half of what is kept; a new run goes on" in manager.journal())
        assert until(lambda: "deleted to keep the disk within bounds: tiny-" in manager.journal())
        assert manager.stop() == 0
    finally:
        manager.close()


def test_a_source_that_ends_ends_the_service_and_one_that_breaks_fails_it(tiny, tmp_path):
    manager = Manager(tmp_path, tiny)
    try:
        manager.hear("STATUS=the source has ended")
        assert manager.process.wait(20) == 0
    finally:
        manager.close()
    assert not (manager.live / "failed_starts").exists()


def test_a_start_after_a_failed_one_waits_and_says_so(tiny, tmp_path):
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "failed_starts").write_text("7")
    manager = Manager(tmp_path, tiny)
    try:
        said = manager.hear("EXTEND_TIMEOUT_USEC=")
        assert said.startswith("STATUS=the last start failed; the next is in 30 s\n")
        manager.process.send_signal(signal.SIGTERM)
        assert manager.process.wait(20) == 0
    finally:
        manager.close()


@pytest.mark.parametrize(("old", "new", "code"), [("kind: video", "kind: vidoe", 2), ("", "no video", 1)])
def test_only_a_bad_file_ends_for_good(tiny, tmp_path, old, new, code):
    if code == 2:
        tiny.write_text(tiny.read_text().replace(old, new))
    else:
        (tmp_path / "drive.avi").write_bytes(b"no video")
    manager = Manager(tmp_path, tiny)
    try:
        assert manager.process.wait(20) == code
    finally:
        manager.close()


def test_an_optional_model_that_is_not_there_is_an_alarm_and_no_reason_to_stop(started, tmp_path):
    document = yaml.safe_load(started.pipeline.read_text())
    document["models"]["extra"] = {**document["models"]["road"], "onnx": "gone.onnx", "optional": True}
    document["stages"].append({"name": "more", "kind": "detect", "model": "extra"})
    started.pipeline.write_text(yaml.safe_dump(document))
    assert started.reload() is None
    alarm = f"model extra is out: no such file: {tmp_path / 'gone.onnx'}; more says nothing"
    assert f"ALARM: {alarm}" in started.hear("ALARM")
    started.hear("WATCHDOG=1")
    assert started.stop() == 0
    assert started.journal().count(alarm) >= 1
    assert json.loads((started.runs()[-1] / "summary.json").read_text())["frames"]["failed"] == 0


def test_a_network_that_hangs_ends_the_service_in_order_so_that_it_is_started_again(tmp_path):
    moody_network(tmp_path / "moody.onnx")
    (tmp_path / "pictures").mkdir()
    for n, grey in enumerate([GREY] * 9 + [STUNNING]):
        cv2.imwrite(str(tmp_path / "pictures" / f"{n}.png"), np.full((64, 64, 3), grey, np.uint8))
    (tmp_path / "moody.yaml").write_text(MOODY_PIPELINE + "sinks: [{kind: jsonl}]\nexecutor: {stuck_s: 1}\n")
    manager = Manager(tmp_path, tmp_path / "moody.yaml")
    try:
        manager.hear("READY=1")
        manager.hear("STOPPING=1\nSTATUS=objects has not come back from frame 9 for")
        assert manager.process.wait(20) == 1
        (folder,) = manager.runs()
        frames = json.loads((folder / "summary.json").read_text())["frames"]
        assert len(lines(folder)) == frames["published"] >= 9
        assert "the run ended: objects has not come back from frame 9" in manager.journal()
    finally:
        manager.close()
