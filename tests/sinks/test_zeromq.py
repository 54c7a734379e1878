"""Results to real ZeroMQ subscribers: those who want them get them, and nobody waits for those who are slow."""

import json
import sys

import numpy as np
import pytest
import zmq

from edge_runtime.config.schema import ZmqSink
from edge_runtime.core import Detections
from edge_runtime.errors import SinkError
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import ResultsLost
from edge_runtime.sinks.document import result_document
from tests.mosquitto import free_port

from .results import context, frame, result
from .waiting import until


@pytest.fixture
def address():
    return f"tcp://127.0.0.1:{free_port()}"


@pytest.fixture
def subscriber():
    """Makes subscribers; what they set is set before they connect."""
    own = zmq.Context()

    def make(address, topic=b"", bind=False, **options):
        socket = own.socket(zmq.SUB)
        for name, value in options.items():
            socket.setsockopt(getattr(zmq, name), value)
        socket.setsockopt(zmq.SUBSCRIBE, topic)
        socket.setsockopt(zmq.RCVTIMEO, 30_000)
        (socket.bind if bind else socket.connect)(address)
        return socket

    yield make
    own.destroy(linger=0)


def output(folder, *, pipeline="highway", **keys):
    sink = make_sink(ZmqSink(kind="zmq", **keys))
    sink.open(context(folder, pipeline=pipeline, cameras=("front", "left")))
    return sink


def lost(sink, n=0, camera="front", boxes=True):
    """Why a result is lost, None when it went out."""
    try:
        sink.write(frame(n), result(n, camera=camera, boxes=boxes))
    except ResultsLost as why:
        return str(why)
    return None


def heard(hears, sink, n):
    """Whether a result went out. A subscriber tells what it wants when it is asked for messages (libzmq issue 2267)."""
    hears.poll(0)
    return lost(sink, n) is None


def test_a_message_is_the_topic_and_the_document(tmp_path, address, subscriber):
    sink, hears = output(tmp_path, bind=address), subscriber(address)
    assert sink.name == f"zmq {address}"
    until(lambda: lost(sink, 3) is None)
    topic, _, text = hears.recv().partition(b" ")
    document = json.loads(text)
    assert topic == b"front"
    assert document.pop("t_capture_unix_ns") > 0
    assert document == result_document(result(3), context(tmp_path).classes)
    sink.close()
    sink.close()


def test_a_subscriber_chooses_its_cameras(tmp_path, address, subscriber):
    sink = output(tmp_path, bind=address, topic="{pipeline}/{camera}")
    left = subscriber(address, b"highway/left")
    until(lambda: lost(sink, 1, "left") is None)
    assert lost(sink, 2, "front") == f"nobody subscribes to highway/front at {address}"
    assert lost(sink, 3, "left") is None
    frames = [json.loads(left.recv().partition(b" ")[2])["frame_id"] for _ in range(2)]
    assert frames == [1, 3]
    sink.close()


def test_when_nobody_subscribes_any_more_it_is_said(tmp_path, address, subscriber):
    sink = output(tmp_path, bind=address)
    assert lost(sink) == f"nobody subscribes to front at {address}"
    hears = subscriber(address)
    until(lambda: lost(sink) is None)
    hears.close()
    until(lambda: lost(sink) is not None)
    again = subscriber(address)
    until(lambda: lost(sink, 9) is None)
    assert b'"frame_id":9' in again.recv()
    sink.close()


def test_a_subscriber_that_conflates_has_the_newest_only(tmp_path, address, subscriber):
    sink = output(tmp_path, bind=address)
    every, newest = subscriber(address), subscriber(address, CONFLATE=1)
    until(lambda: lost(sink) is None)
    newest.recv()
    for n in range(1, 6):
        assert lost(sink, n) is None
    while b'"frame_id":5' not in every.recv():
        pass
    # Both connections have had the same bytes, so the last one is there or on its way.
    until(lambda: b'"frame_id":5' in newest.recv())
    sink.close()


def test_a_slow_subscriber_costs_its_own_messages_and_nobody_elses(tmp_path, address, subscriber):
    sink = output(tmp_path, bind=address, high_water_mark=4)
    slow, fast = subscriber(address, RCVHWM=1, RCVBUF=4096), subscriber(address, RCVHWM=0)
    big = Detections.of(np.zeros((3000, 4)), np.zeros(3000), np.zeros(3000))
    for hears in (slow, fast):
        until(lambda: lost(sink) is None)
        hears.recv()
    sent = 80
    for n in range(1, sent + 1):
        assert lost(sink, n, boxes=big) is None
        while f'"frame_id":{n},' not in fast.recv()[:40].decode():
            pass
    got = 0
    while slow.poll(500):
        slow.recv()
        got += 1
    assert 0 < got < sent
    assert lost(sink, 999) is None
    assert b'"frame_id":999' in slow.recv()
    sink.close()


def test_it_connects_to_a_subscriber_that_waits_for_publishers(tmp_path, address, subscriber):
    sink = output(tmp_path, connect=address)
    assert lost(sink) == f"nobody subscribes to front at {address}"
    hears = subscriber(address, bind=True)
    until(lambda: heard(hears, sink, 4))
    assert b'"frame_id":4' in hears.recv()
    hears.close()
    until(lambda: lost(sink) is not None)
    hears = subscriber(address, bind=True)
    until(lambda: heard(hears, sink, 6))
    assert b'"frame_id":6' in hears.recv()
    sink.close()


def test_a_socket_in_the_file_system(tmp_path, subscriber):
    address = f"ipc://{tmp_path}/results"
    sink, hears = output(tmp_path, bind=address), subscriber(address)
    until(lambda: lost(sink, 2) is None)
    assert b'"frame_id":2' in hears.recv()
    sink.close()


def test_an_address_that_is_taken_is_refused_at_the_start(tmp_path, address, subscriber):
    other = subscriber(address, bind=True)
    port = address.rpartition(":")[2]
    with pytest.raises(SinkError, match=rf"zmq: {address}: Address already in use.*\n.*: ss -ltnp sport = :{port}"):
        output(tmp_path, bind=address)
    other.close()


def test_the_next_run_of_a_process_has_the_address_when_the_one_before_has_closed(tmp_path, address, subscriber):
    old, new = output(tmp_path, bind=address), output(tmp_path, bind=address)
    hears = subscriber(address)
    until(lambda: lost(old) is None)
    assert lost(new) == "the run before this one has not ended yet"
    old.close()
    until(lambda: heard(hears, new, 8))
    until(lambda: b'"frame_id":8' in hears.recv())
    new.close()


def test_the_end_waits_for_what_is_on_its_way(tmp_path, address, subscriber):
    sink, hears = output(tmp_path, bind=address, high_water_mark=1000), subscriber(address)
    until(lambda: lost(sink) is None)
    for n in range(1, 200):
        assert lost(sink, n) is None
    sink.close()
    until(lambda: b'"frame_id":199,' in hears.recv())


def test_without_the_library_it_says_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zmq", None)
    with pytest.raises(SinkError, match=r"sink zmq needs zmq, .* -m pip install 'edge-runtime\[zmq\]'"):
        output(tmp_path, bind="tcp://127.0.0.1:1")
