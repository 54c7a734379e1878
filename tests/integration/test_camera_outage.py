"""Whole runs from a camera on the network that goes away and comes back: GStreamer's RTSP server, killed or stopped."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import edge_runtime
from edge_runtime.cli.main import run_app
from edge_runtime.recording.reader import LogLine, RecordedFrame, Recording
from tests.service.machine import until

from .test_rtsp_camera import Server, age_ms, assert_balanced

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "camera_recovery.py"  # measures the time to recover
FRESH_MS = 500


def reserved_port():
    """A port that nobody listens at, for a server that starts later."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return str(unused.getsockname()[1])


class Camera:
    """An RTSP server that can be unplugged (`off`), plugged in again (`on`) and hung up (`hang`, `go_on`)."""

    def __init__(self, *options):
        self.port, self.options, self.server = reserved_port(), options, None

    @property
    def source(self):
        return f"source={{kind: camera, device: 'rtsp://127.0.0.1:{self.port}/front'}}"

    def on(self):
        self.server = Server("--port", self.port, *self.options)
        return self

    def off(self):
        if self.server is not None:
            self.server.close()
            self.server = None

    def hang(self):
        self.server.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.server.process.send_signal(signal.SIGCONT)


@pytest.fixture
def camera():
    made = []

    def make(*options):
        made.append(Camera(*options))
        return made[-1]

    yield make
    for each in made:
        each.off()


class Watched:
    """A run and what came out of it."""

    def __init__(self, pipeline, out, **options):
        self.seen = []
        self.run = pipeline.start(out=out, on_result=lambda frame, result: self.seen.append((frame, result)), **options)

    def flows(self):
        """Wait for results from now on."""
        before = len(self.seen)
        return until(lambda: len(self.seen) > before + 5)

    def silent(self, words):
        """Wait until the alarm says so."""
        return until(lambda: words in (self.run.no_picture() or ""))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.finish()

    def document(self):
        self.run.finish()
        return json.loads((self.run.folder / "summary.json").read_text())


def test_a_camera_whose_plug_is_pulled_and_put_back_in_is_a_gap_an_alarm_and_a_recovery(tiny, tmp_path, camera):
    front = camera().on()
    pipeline = edge_runtime.load(tiny, [front.source, "record={path: drive.mcap}"])
    with Watched(pipeline, tmp_path / "out") as watched:
        assert watched.flows()
        front.off()
        assert watched.silent("no picture from front for 2 s: rtsp://127.0.0.1")
        front.on()
        assert until(lambda: watched.run.no_picture() is None)
        assert watched.flows()
        document = watched.document()
    assert document["error"] is None
    account = document["cameras"]["front"]
    assert account["outages"] == 1
    assert account["longest_s"] == account["away_s"] > 2
    assert_balanced(document["frames"])
    assert any("camera front is away (outage 1): rtsp://127.0.0.1" in text for text in document["warnings"])
    assert any("camera front is back after" in text for text in document["warnings"])
    recording = Recording(watched.run.folder / "drive.mcap")
    assert {frame.outages for frame in recording.of(RecordedFrame)} == {0, 1}, "a replay forgets its tracks there too"
    events = [line.name for line in recording.of(LogLine) if line.name.startswith("camera_")]
    assert events == ["camera_loss", "camera_back"]
    assert max(age_ms(*each) for each in watched.seen) < FRESH_MS, "nothing of before the outage is handed out late"
    before, after = (
        {int(name) for frame, result in watched.seen if frame.outages == n for name in _tracks(result)} for n in (0, 1)
    )
    assert before
    assert after
    assert not before & after, "an object of before the outage is not the one after it"


def _tracks(result):
    return result.detections["tracked"].track_id.tolist()


def test_a_camera_that_hangs_without_a_word_is_noticed_and_taken_up_again(tiny, tmp_path, camera):
    """No packet says that it is gone: as with a cut cable, and a server that still accepts connections."""
    front = camera().on()
    with Watched(edge_runtime.load(tiny, [front.source]), tmp_path / "out") as watched:
        assert watched.flows()
        front.hang()
        assert watched.silent("sent nothing for 3 s")
        front.go_on()
        assert until(lambda: watched.seen[-1][0].outages == 1)
        assert watched.flows()
        document = watched.document()
    assert document["cameras"]["front"]["outages"] == 1
    assert max(age_ms(*each) for each in watched.seen) < FRESH_MS


def test_a_frozen_camera_is_connected_anew(tiny, tmp_path, camera):
    """Its server goes on sending one and the same picture, a second after a reader has come."""
    front = camera("--freeze-after", "1").on()
    override = front.source.replace("}", ", frozen_s: 0.5}")
    with Watched(edge_runtime.load(tiny, [override]), tmp_path / "out") as watched:
        assert until(lambda: bool(watched.seen) and watched.seen[-1][0].outages == 1)
        document = watched.document()
    assert any("the camera sends the same picture for 0.5 s" in text for text in document["warnings"])
    assert document["error"] is None


def test_a_camera_that_is_absent_at_the_start_is_waited_for_where_the_file_says_so(tiny, tmp_path, camera):
    front = camera()
    override = front.source.replace("}", ", reconnect: {at_start: wait}}")
    with Watched(edge_runtime.load(tiny, [override]), tmp_path / "out") as watched:
        assert watched.silent("/front: no stream there")
        assert watched.run.snapshot().counts.captured == 0
        front.on()
        assert watched.flows()
        document = watched.document()
    assert document["cameras"]["front"]["outages"] == 1


def test_a_signal_ends_a_run_that_waits_for_its_camera(tiny, tmp_path, camera):
    override = camera().source.replace("}", ", reconnect: {at_start: wait, max_s: 600, first_s: 60}}")
    command = [sys.executable, "-m", "edge_runtime", str(tiny), "--set", override, "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert 'camera="no picture from front for' in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in stderr
    document = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert document["cameras"]["front"]["outages"] == 1


def test_a_camera_that_stays_away_ends_the_run_where_the_file_says_so(tiny, tmp_path, capsys, camera):
    front = camera()
    override = front.source.replace("}", ", reconnect: {at_start: wait, give_up_s: 0.5}}")
    assert run_app([str(tiny), "--set", override, "--out", str(tmp_path / "out"), "--json"]) == 1
    assert "given up: it was away for 0.5 s" in json.loads(capsys.readouterr().out)["error"]


def test_a_camera_behind_a_cut_cable_is_back_when_the_cable_is(tiny, camera):
    """No packet says that it is gone, and none of an attempt to reach it arrives."""
    camera().on().off()  # skips where there is no server
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("cutting a network off needs root and iproute2, for a network of its own")
    command = [
        "unshare",
        "-n",
        sys.executable,
        str(SCRIPT),
        str(tiny),
        "--kind",
        "cut",
        "--repeats",
        "1",
        "--away",
        "4",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)["cut"]
    assert document["recovery_s"] != [None]
    assert document["cameras"]["front"]["outages"] == 1
    assert document["cameras"]["front"]["longest_s"] >= 4
