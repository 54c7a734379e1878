"""Whole runs that send their results to other programs, which come, go and come again."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from uuid import uuid4

import pytest
import zmq

import edge_runtime
from edge_runtime.cli.main import run_app
from edge_runtime.sinks.shared_memory import SharedMemoryReader
from tests import mosquitto
from tests.mosquitto import Broker, Listener, free_port
from tests.sinks.waiting import until
from tests.tiny import tiny_video

from .test_service_daemon import Manager, change


@pytest.fixture
def ring():
    return f"edge-test-{uuid4().hex}"


@pytest.fixture
def live(tiny):
    """The tiny pipeline at its own pace for ever, with the sinks given as lines; returns its path."""

    def live(*sinks):
        text = tiny.read_text().replace("pace: fast", "pace: live, loop: yes")
        tiny.write_text(text + "".join(f"  - {sink}\n" for sink in sinks))
        return tiny

    return live


def account(run, kind):
    return next(sink for name, sink in run.vitals().sinks.items() if name.startswith(kind))


def grows(run, kind, column):
    """Wait until more results than now stand in a column of a sink's books."""
    before = getattr(account(run, kind), column)
    until(lambda: getattr(account(run, kind), column) > before + 2)


class Datagrams:
    """A port that somebody listens to only now and then."""

    def __init__(self):
        self.port = free_port()
        self._socket = None

    def start(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))

    def stop(self):
        self._socket.close()


class Subscriber:
    """A ZeroMQ subscriber that is there only now and then; it reads all the time that it is."""

    def __init__(self, address):
        self._address = address

    def start(self):
        self._going = threading.Event()
        self._going.set()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        with zmq.Context() as own, own.socket(zmq.SUB) as hears:
            hears.setsockopt(zmq.LINGER, 0)
            hears.setsockopt(zmq.SUBSCRIBE, b"front")
            hears.connect(self._address)
            while self._going.is_set():
                if hears.poll(50):
                    hears.recv()

    def stop(self):
        self._going.clear()
        self._thread.join()


@mosquitto.needed
def test_endpoints_that_go_away_cost_their_results_only_and_come_back(live, tmp_path, ring):
    broker, port, address = Broker(tmp_path), Datagrams(), f"tcp://127.0.0.1:{free_port()}"
    ends = {"mqtt": broker, "udp": port, "zmq": Subscriber(address)}
    path = live(
        f'{{kind: mqtt, broker: "{broker.address}"}}',
        f"{{kind: udp, to: {port.port}}}",
        f'{{kind: zmq, bind: "{address}"}}',
        f"{{kind: shared_memory, name: {ring}}}",
    )
    with edge_runtime.load(path).start(out=tmp_path / "run") as run, SharedMemoryReader(ring) as reader:
        for kind in ends:  # nobody is there at the start
            grows(run, kind, "dropped")
        for _ in range(2):
            for kind, end in ends.items():
                end.start()
                grows(run, kind, "written")
            for kind, end in ends.items():
                end.stop()
                grows(run, kind, "dropped")
            assert reader.latest() is not None
        summary = run.finish()
    assert summary.error is None
    for name, sink in summary.sinks.items():
        assert sink.error is None
        assert sink.written + sink.dropped == summary.frames.published
        assert (sink.dropped > 0) == (name.partition(" ")[0] in ends)
    for kind in ends:
        told = [warning for warning in summary.warnings if warning.startswith(f"sink {kind} ")]
        assert [re.search(r"(loses|is back).*\(outage (\d)\)", text).groups() for text in told] == [
            ("loses", "1"), ("is back", "1"), ("loses", "2"), ("is back", "2"), ("loses", "3"),
        ]  # fmt: skip
    saved = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert saved["sinks"][f"udp 127.0.0.1:{port.port}"]["dropped"] > 0


@mosquitto.needed
def test_each_of_several_cameras_has_its_topic_and_its_ring(tiny, tmp_path, ring):
    tiny_video(tmp_path / "left.avi", frames=30)
    broker = Broker(tmp_path)
    broker.start()
    listener = Listener(broker, "edge/tiny/+/detections")
    both = "sources:\n" + "".join(
        f"  - {{kind: video, camera: {camera}, path: {file}.avi, pace: fast}}\n"
        for camera, file in (("front", "drive"), ("left", "left"))
    )
    sinks = f'''\
  - {{kind: mqtt, broker: "{broker.address}", qos: 1}}
  - {{kind: shared_memory, name: "{ring}-{{camera}}"}}
'''
    tiny.write_text(re.sub(r"source: .*\n", both, tiny.read_text()) + sinks)
    run = edge_runtime.load(tiny).start(out=tmp_path / "run")
    with run, SharedMemoryReader(f"{ring}-front") as front, SharedMemoryReader(f"{ring}-left") as left:
        run.wait()
        run.finish()
        newest = [(record.camera, record.frame_id) for record in (front.latest(), left.latest())]
    assert newest == [("front", 39), ("left", 29)]
    heard = {"front": [], "left": []}
    for _ in range(70):
        topic, payload, _ = listener.get()
        camera = topic.split("/")[2]
        document = json.loads(payload)
        assert document["camera"] == camera
        heard[camera].append(document["frame_id"])
    assert heard == {"front": [*range(40)], "left": [*range(30)]}
    listener.close()
    broker.stop()


def test_what_was_lost_is_said_to_a_person_and_no_secret_is_kept(tiny, tmp_path, capsys):
    (tmp_path / "secret").write_text("Tulpe7\n")
    port = free_port()
    sink = f'{{kind: mqtt, broker: "127.0.0.1:{port}", username: edge, password_file: {tmp_path}/secret}}'
    assert run_app([str(tiny), "--out", str(tmp_path / "run"), "--set", f"sinks=[{sink}]"]) == 0
    said = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert "sink mqtt 127.0.0.1" in said
    assert "0 written, 40 dropped" in said
    assert "loses results (outage 1)" in said
    kept = "".join(path.read_text() for path in (tmp_path / "run").iterdir())
    assert str(port) in kept
    assert "Tulpe7" not in kept + said


def test_a_broken_start_says_what_to_type(tiny, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        sink = f'{{kind: zmq, bind: "tcp://127.0.0.1:{other.getsockname()[1]}"}}'
        assert run_app([str(tiny), "--out", str(tmp_path / "run"), "--set", f"sinks=[{sink}]"]) == 2
    said = capsys.readouterr().err
    assert "Address already in use" in said
    assert "ss -ltnp sport = :" in said
    assert "Traceback" not in said


def test_a_missing_library_is_named_with_the_command_that_adds_it(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    sink = "sinks=[{kind: mqtt, broker: 127.0.0.1}]"
    assert run_app([str(tiny), "--out", str(tmp_path / "run"), "--set", sink]) == 2
    assert f"{sys.executable} -m pip install 'edge-runtime[mqtt]'" in capsys.readouterr().err


def test_a_replay_publishes_nothing(live, tmp_path, ring, capsys):
    path = live(f"{{kind: shared_memory, name: {ring}}}", "{kind: udp, to: 9}")
    assert (
        run_app([str(path), "--frames", "5", "--record", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "run")])
        == 0
    )
    with SharedMemoryReader(ring) as reader:
        for extra in ((), ("--pipeline", str(path))):
            assert run_app(["replay", str(tmp_path / "drive.mcap"), "--json", *extra]) == 0
            capsys.readouterr()
            assert not reader.path.exists()


def test_a_service_that_swaps_its_pipeline_hands_its_outputs_on(live, tmp_path, ring):
    """The new run has the ring and the address as soon as the old one has closed, and none is refused."""
    address = f"tcp://127.0.0.1:{free_port()}"
    path = live(f"{{kind: shared_memory, name: {ring}}}", f'{{kind: zmq, bind: "{address}"}}')
    manager = Manager(tmp_path, path)
    try:
        manager.hear("READY=1")
        with zmq.Context() as own, own.socket(zmq.SUB) as hears, SharedMemoryReader(ring) as reader:
            hears.setsockopt(zmq.LINGER, 0)
            hears.setsockopt(zmq.RCVTIMEO, 30_000)
            hears.setsockopt(zmq.SUBSCRIBE, b"")
            hears.connect(address)
            assert b'"point"' in hears.recv()
            assert until(lambda: reader.latest()).stages == ("tracked",)
            change(manager, "name: tracked,", "name: followed,")
            assert manager.reload() is None
            assert until(lambda: reader.latest() and reader.stages == ("followed",))
            until(lambda: b'"followed"' in hears.recv())
        assert manager.stop() == 0
        sinks = json.loads((manager.runs()[1] / "summary.json").read_text())["sinks"]
        assert all(sink["error"] is None and sink["written"] > 0 for sink in sinks.values())
    finally:
        manager.close()
