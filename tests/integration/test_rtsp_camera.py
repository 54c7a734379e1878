"""Whole runs from a camera on the network: GStreamer's RTSP server in a process of its own (`rtsp_server.py`)."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import edge_runtime
from edge_runtime.cli.main import run_app
from edge_runtime.engines import ort
from edge_runtime.sources import camera

SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = Path("/usr/bin/python3")  # the one that sees the system's packages
NOT_HERE = 77
BITS = 16
# A picture is 43 ms old when nothing piles up. Unread ones of the opening make it 1100 ms, a decoder on 16 threads 650.
FRESH_MS = 500


class Server:
    """An RTSP server that runs until `close`."""

    def __init__(self, *credentials):
        if not SYSTEM_PYTHON.exists():
            pytest.skip(f"there is no {SYSTEM_PYTHON} to run an RTSP server")
        command = [str(SYSTEM_PYTHON), str(SERVER), *credentials]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()
        if not self.port:
            said = self.process.communicate(timeout=10)[1].strip()
            if self.process.returncode == NOT_HERE:
                pytest.skip(f"no RTSP server: {said} (apt-get install python3-gi gir1.2-gst-rtsp-server-1.0)")
            pytest.fail(f"the RTSP server does not start: {said}")
        self.address = f"127.0.0.1:{self.port}/front"

    def close(self):
        self.process.kill()
        self.process.communicate(timeout=10)


@pytest.fixture
def serve():
    """Start a server; called with a user and a password it lets nobody else in."""
    servers = []

    def start(*credentials):
        servers.append(Server(*credentials))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def from_camera(address):
    return f"source={{kind: camera, device: 'rtsp://{address}'}}"


def age_ms(frame, result):
    """How old the picture was at publication, by the time that its maker wrote into it."""
    bars = frame.image[20:160].mean(axis=(0, 2)).reshape(BITS, -1)[:, 8:-8].mean(axis=1)
    made_ms = int("".join("1" if bar > 128 else "0" for bar in bars), 2)
    return (frame.t_capture_ns / 1e6 - made_ms) % 2**BITS + result.latency_ms


def assert_balanced(frames):
    assert frames["captured"] == frames["published"] + frames["overwritten"] + frames["shed"] + frames["failed"]


def test_a_run_from_a_network_camera_publishes_fresh_pictures_in_order(tiny, tmp_path, serve):
    pipeline = edge_runtime.load(tiny, [from_camera(serve().address)])
    seen = []
    summary = pipeline.run(lambda *frame_and_result: seen.append(frame_and_result), out=tmp_path / "out", frames=50)
    assert summary.error is None
    assert summary.frames.captured == 50
    assert_balanced(summary.document()["frames"])
    lines = [json.loads(line) for line in (tmp_path / "out" / "detections.jsonl").read_text().splitlines()]
    assert len(lines) == len(seen) == summary.frames.published > 25
    assert np.all(np.diff([line["t_capture_ns"] for line in lines]) > 0)
    assert lines[-1]["stages"]["tracked"]["class_name"] == ["car"]
    assert seen[0][0].image.shape == (360, 640, 3)
    assert max(age_ms(frame, result) for frame, result in seen) < FRESH_MS
    made = [frame.t_capture_ns / 1e6 - age_ms(frame, result) + result.latency_ms for frame, result in seen]
    assert np.all(np.diff(made) > 0)


@pytest.mark.parametrize("slow", ["network", "sink"])
def test_pictures_do_not_grow_old_behind_a_slow_consumer(tiny, tmp_path, serve, monkeypatch, slow):
    """Both take 100 ms a picture while the camera delivers one in 40 ms."""
    ages, never = [], threading.Event()
    run_network = ort.OnnxRuntimeEngine._run

    def slow_network(engine, batch):
        never.wait(0.1)
        return run_network(engine, batch)

    def see(frame, result):
        ages.append(age_ms(frame, result))
        if slow == "sink":
            never.wait(0.1)

    if slow == "network":
        monkeypatch.setattr(ort.OnnxRuntimeEngine, "_run", slow_network)
    pipeline = edge_runtime.load(tiny, [from_camera(serve().address), "sinks=[]"])
    summary = pipeline.run(see, out=tmp_path / "out", frames=75)
    assert_balanced(summary.document()["frames"])
    (sink,) = summary.sinks.values()
    assert (summary.frames.overwritten if slow == "network" else sink.dropped) > 15
    assert len(ages) > 15
    assert max(ages) < FRESH_MS


@pytest.mark.parametrize(
    ("number", "says"), [(signal.SIGKILL, "stopped delivering after"), (signal.SIGSTOP, "sent nothing for 3 s after")]
)
def test_a_camera_that_is_not_waited_for_ends_the_run_in_order_and_is_named(tiny, tmp_path, serve, number, says):
    server = serve("me", "s3cret")
    out = tmp_path / "out"
    camera = ["--set", from_camera(f"me:s3cret@{server.address}"), "--set", "source.reconnect.give_up_s=0"]
    command = [sys.executable, "-m", "edge_runtime", str(tiny), *camera]
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "fps=" in process.stderr.readline()
    server.process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Traceback" not in stdout + stderr
    assert "s3cret" not in stdout + stderr
    document = json.loads((out / "summary.json").read_text())
    assert document["error"].startswith(f"rtsp://me:***@{server.address}: {says}")
    assert "check the cable, the power and the network" in document["error"]
    assert document["frames"]["published"] > 0
    assert_balanced(document["frames"])
    assert len((out / "detections.jsonl").read_text().splitlines()) == document["frames"]["published"]


def test_a_signal_ends_a_run_whose_camera_is_silent(tiny, tmp_path, serve):
    server = serve()
    out = tmp_path / "out"
    command = [sys.executable, "-m", "edge_runtime", str(tiny), "--set", from_camera(server.address)]
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "fps=" in process.stderr.readline()
    server.process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in stderr
    assert_balanced(json.loads((out / "summary.json").read_text())["frames"])


def refusal(tiny, tmp_path, capsys, address):
    """What a run says that must not even start."""
    assert run_app([str(tiny), "--set", from_camera(address), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    return capsys.readouterr().err


def test_a_wrong_password_is_refused_before_the_first_frame(tiny, tmp_path, capsys, serve):
    address = serve("me", "s3cret").address
    error = refusal(tiny, tmp_path, capsys, f"me:gue55@{address}")
    assert error.startswith(f"edge-run: rtsp://me:***@{address}: no stream there")
    assert "check that the camera is on and in this network, and the port, path, user and password" in error


def test_an_address_where_nobody_listens_says_what_to_check(tiny, tmp_path, capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = refusal(tiny, tmp_path, capsys, f"127.0.0.1:{unused.getsockname()[1]}/front")
    assert "/front: no stream there\n    check that the camera is on and in this network" in error


def test_an_address_that_never_answers_is_refused_after_the_timeout(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(camera, "OPEN_TIMEOUT_MS", 500)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        error = refusal(tiny, tmp_path, capsys, f"127.0.0.1:{mute.getsockname()[1]}/front")
    assert "/front: no answer within 0.5 s\n    check that the camera is on and in this network" in error


def test_the_summary_of_a_run_does_not_tell_the_cameras_password(tiny, tmp_path, serve):
    address = f"me:s3cret@{serve('me', 's3cret').address}"
    out = tmp_path / "out"
    assert run_app([str(tiny), "--set", from_camera(address), "--frames", "3", "--out", str(out)]) == 0
    assert "s3cret" not in (out / "summary.json").read_text()
    assert "me:***@" in (out / "summary.json").read_text()
    assert "s3cret" in (out / "pipeline.yaml").read_text(), "it runs again as it is"
    assert (out / "pipeline.yaml").stat().st_mode & 0o077 == 0
