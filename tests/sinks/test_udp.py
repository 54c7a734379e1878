"""Results as datagrams on real sockets: who listens gets them, and what is too large says what it lacks."""

import errno
import json
import socket

import numpy as np
import pytest

from edge_runtime.config.schema import UdpSink
from edge_runtime.core import Detections, Region
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import ResultsLost
from edge_runtime.sinks.document import result_document

from .results import context, frame, result


@pytest.fixture
def port():
    with bound() as hears:
        return hears.getsockname()[1]


def bound(port=0):
    hears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hears.bind(("127.0.0.1", port))
    hears.settimeout(30)
    return hears


def output(to, folder, **keys):
    sink = make_sink(UdpSink(kind="udp", to=to, **keys))
    sink.open(context(folder, pipeline="highway", cameras=("front",)))
    return sink


def lost(sink, n=0, **keys):
    """Why a result is lost, None when it went out."""
    try:
        sink.write(frame(n), result(n, **keys))
    except ResultsLost as why:
        return str(why)
    return None


def received(hears):
    return json.loads(hears.recv(70_000))


def test_a_datagram_is_the_document(tmp_path):
    with bound() as hears:
        sink = output(hears.getsockname()[1], tmp_path)
        assert sink.name == f"udp 127.0.0.1:{hears.getsockname()[1]}"
        assert lost(sink, 3) is None
        document = received(hears)
    assert document.pop("t_capture_unix_ns") > 0
    assert document == result_document(result(3), context(tmp_path).classes)
    sink.close()


def test_only_the_stages_that_are_asked_for_go_out(tmp_path):
    box = Detections.of([[0, 0, 1, 1]], [0.5], [0])
    with bound() as hears:
        sink = output(hears.getsockname()[1], tmp_path, stages=("far",))
        both = result(1)
        both.detections["far"] = box
        both.regions["far"] = (Region((0, 0, 10, 10), "horizon"),)
        both.regions["near"] = (Region((0, 0, 10, 10), "horizon"),)
        sink.write(frame(1), both)
        document = received(hears)
    assert list(document["stages"]) == list(document["regions"]) == ["far"]
    sink.close()


def test_when_nobody_listens_each_result_counts_and_who_comes_gets_the_next(tmp_path, port):
    sink = output(port, tmp_path)
    for n in range(3):
        assert lost(sink, n) == f"nobody listens at 127.0.0.1:{port}"
    with bound(port) as hears:
        assert lost(sink, 3) is None
        assert received(hears)["frame_id"] == 3
    assert lost(sink, 4) == f"nobody listens at 127.0.0.1:{port}"
    with bound(port) as hears:
        assert lost(sink, 5) is None
        assert received(hears)["frame_id"] == 5
    sink.close()
    sink.close()


def test_a_network_that_is_away_costs_results_until_it_is_back(tmp_path, monkeypatch):
    """Sockets refuse for as long as there is no way, as the kernel does when a cable is pulled."""

    class NoWay(socket.socket):
        away = True

        def connect(self, address):
            if self.away:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            super().connect(address)

        def send(self, data):
            if self.away:
                raise OSError(errno.EHOSTUNREACH, "No route to host")
            return super().send(data)

    monkeypatch.setattr("edge_runtime.sinks.udp.socket.socket", NoWay)
    with bound() as hears:
        shown = f"127.0.0.1:{hears.getsockname()[1]}"
        sink = output(shown, tmp_path)
        assert lost(sink) == f"{shown}: Network is unreachable"
        NoWay.away = False
        assert lost(sink) is None
        NoWay.away = True
        assert lost(sink) == f"{shown}: No route to host"
        assert lost(sink) == f"{shown}: Network is unreachable"
        NoWay.away = False
        assert lost(sink, 7) is None
        assert [received(hears)["frame_id"] for _ in range(2)] == [0, 7]
    sink.close()


@pytest.mark.parametrize("bound_bytes", [512, 1472, 65507])
def test_what_is_too_large_goes_without_its_least_confident_boxes_and_says_so(tmp_path, bound_bytes):
    confidence = np.random.default_rng(3).permutation(np.linspace(0.01, 0.99, 3000))
    found = {
        "tracked": Detections.of(np.arange(8000).reshape(2000, 4), confidence[:2000], np.zeros(2000)),
        "lights": Detections.of(np.zeros((1000, 4)), confidence[2000:], np.zeros(1000)),
    }
    large = result(4)
    large.detections.update(found)
    large.regions["tracked"] = (Region((0, 0, 10, 10), "horizon"),)
    with bound() as hears:
        sink = output(hears.getsockname()[1], tmp_path, max_bytes=bound_bytes, stages=("tracked", "lights"))
        sink.write(frame(4), large)
        datagram = hears.recv(70_000)
    sink.close()
    assert bound_bytes * 0.7 < len(datagram) <= bound_bytes
    document = json.loads(datagram)
    kept = {stage: document["stages"][stage]["confidence"] for stage in found}
    assert {stage: len(kept[stage]) + document["left_out"][stage] for stage in found} == {
        "tracked": 2000,
        "lights": 1000,
    }
    assert "regions" not in document
    count = sum(map(len, kept.values()))
    weakest = min(value for each in kept.values() for value in each)
    assert weakest == pytest.approx(sorted(confidence)[-count], abs=1e-4)


def test_what_fits_says_nothing_of_left_out_boxes(tmp_path):
    with bound() as hears:
        sink = output(hears.getsockname()[1], tmp_path)
        assert lost(sink) is None
        assert "left_out" not in received(hears)
    sink.close()


def test_a_result_too_large_without_any_box_is_counted(tmp_path, port):
    sink = output(port, tmp_path, max_bytes=512)
    assert "a result takes 8" in lost(sink, error="x" * 600)
    assert lost(sink, error="x" * 600).endswith("bytes without any box; raise `max_bytes:`")
    sink.close()


def test_an_address_of_the_new_kind(tmp_path):
    try:
        hears = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        hears.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with hears:
        hears.settimeout(30)
        sink = output(f"[::1]:{hears.getsockname()[1]}", tmp_path)
        assert lost(sink, 2) is None
        assert received(hears)["frame_id"] == 2
    sink.close()
