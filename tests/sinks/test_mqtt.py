"""Results to a real broker, which comes, goes, refuses, hangs and takes the sink's place in nobody's way."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.config.schema import MqttSink, MqttTlsBlock
from edge_runtime.core import Detections, SystemClock
from edge_runtime.core.clock import unix_ns
from edge_runtime.errors import SinkError
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import ResultsLost
from edge_runtime.sinks.mqtt import ROOM
from tests import mosquitto
from tests.mosquitto import Broker, Listener, free_port

from .results import context, frame, result
from .waiting import until

ROOT = Path(__file__).parents[2]


def output(broker, folder, *, opened=True, **keys):
    address = broker if isinstance(broker, str) else broker.address
    sink = make_sink(MqttSink(kind="mqtt", broker=address, **keys))
    if opened:
        sink.open(context(folder, pipeline="highway", cameras=("front",)))
    return sink


def lost(sink, n=0):
    """Why a result is lost, None when it went out."""
    try:
        sink.write(frame(n), result(n))
    except ResultsLost as why:
        return str(why)
    return None


def filled_up(sink):
    """Write large results until one is lost; returns why."""
    many = Detections.of(np.zeros((20_000, 4)), np.zeros(20_000), np.zeros(20_000))  # a socket's buffer holds a few
    for n in range(1000):
        try:
            sink.write(frame(n), result(n, boxes=many))
        except ResultsLost as error:
            return str(error)
    return "they are taken for ever"


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@mosquitto.needed
def test_each_result_is_a_message_on_its_cameras_topic_and_the_status_stays(broker, tmp_path):
    listener = Listener(broker)
    sink = output(broker, tmp_path)
    assert sink.name == f"mqtt {broker.address} edge/highway/front/detections"
    topic, payload, _ = listener.get()
    assert (topic, json.loads(payload)["state"]) == ("edge/highway/status", "online")
    sink.write(frame(7), result(7, t_stream_ns=120))
    topic, payload, retained = listener.get()
    assert (topic, retained) == ("edge/highway/front/detections", False)
    document = json.loads(payload)
    ago_ns = SystemClock().now_ns() - 280_000_000
    assert document.pop("t_capture_unix_ns") == pytest.approx(unix_ns() - ago_ns, abs=60e9)
    assert document == {
        "frame_id": 7, "camera": "front", "t_capture_ns": 280000000, "t_stream_ns": 120, "latency_ms": 37.124,
        "point": "default",
        "stages": {
            "tracked": {
                "xyxy": [[100.0, 80.0, 160.0, 120.13], [5.0, 200.0, 15.0, 208.0]], "confidence": [0.8765, 0.4],
                "class_id": [2, 0], "class_name": ["car", "person"], "track_id": [12, None],
            }
        },
    }  # fmt: skip
    sink.close()
    sink.close()
    topic, payload, _ = listener.get()
    assert (topic, json.loads(payload)) == (
        "edge/highway/status",
        {"state": "ended", "pipeline": "highway", "cameras": ["front"], "version": json.loads(payload)["version"]},
    )
    late = Listener(broker)
    assert late.get() == (topic, payload, True)
    listener.close()
    late.close()


@mosquitto.needed
def test_topics_hold_the_camera_the_pipeline_and_the_host(broker, tmp_path):
    listener = Listener(broker, "v/#")
    sink = output(broker, tmp_path, topic="v/{host}/{pipeline}/{camera}", status_topic="status/{host}")
    assert lost(sink) is None
    assert listener.get()[0] == f"v/{socket.gethostname()}/highway/front"
    sink.close()
    listener.close()


@mosquitto.needed
def test_a_broker_that_is_not_there_at_the_start_is_found_when_it_comes(tmp_path):
    broker = Broker(tmp_path)
    sink = output(broker, tmp_path)
    assert lost(sink) == f"nobody answers at {broker.address}: Connection refused"
    broker.start()
    until(lambda: lost(sink) is None)
    sink.close()
    broker.stop()


@mosquitto.needed
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_broker_that_is_stopped_and_started_again_costs_the_results_in_between(broker, tmp_path, qos):
    sink = output(broker, tmp_path, qos=qos)
    assert lost(sink) is None
    broker.stop()
    until(lambda: lost(sink) is not None)
    why = until(lambda: (said := lost(sink)) and said.startswith("nobody answers") and said)
    assert why == f"nobody answers at {broker.address}: Connection refused"
    broker.start()
    listener = Listener(broker, "edge/highway/front/detections")
    until(lambda: lost(sink, 5) is None)
    until(lambda: json.loads(listener.get()[1])["frame_id"] == 5)
    sink.close()
    listener.close()


@mosquitto.needed
@pytest.mark.parametrize("qos", [0, 1])
def test_a_broker_that_takes_nothing_more_bounds_what_waits_and_is_followed_by_drops(broker, tmp_path, qos):
    sink = output(broker, tmp_path, qos=qos, keepalive_s=600)
    broker.freeze()
    assert filled_up(sink) == f"{broker.address} takes no more: {ROOM} results are on their way"
    assert len(sink._client._out_packet) + len(sink._client._out_messages) <= 2 * ROOM
    broker.thaw()
    until(lambda: lost(sink) is None)
    sink.close()


@mosquitto.needed
def test_what_was_not_acknowledged_when_the_broker_died_reaches_the_next_one(broker, tmp_path):
    sink = output(broker, tmp_path, qos=1)
    broker.freeze()
    for n in range(3):
        assert lost(sink, n) is None
    broker.stop()
    broker.start()
    until(lambda: sink._done == sink._sent == 3)
    sink.close()


@mosquitto.needed
def test_what_was_not_sent_when_the_broker_died_is_counted_with_the_next_result(broker, tmp_path):
    sink = output(broker, tmp_path, keepalive_s=600)
    broker.freeze()
    assert "results are on their way" in filled_up(sink)
    broker.stop()
    until(lambda: sink._lost)
    with pytest.raises(ResultsLost) as error:
        sink.write(frame(), result())
    assert error.value.count == ROOM + 1
    sink.close()


@mosquitto.needed
def test_what_the_broker_did_not_take_by_the_end_is_counted(broker, tmp_path):
    sink = output(broker, tmp_path, qos=1, keepalive_s=600)
    broker.freeze()
    for n in range(3):
        assert lost(sink, n) is None
    with pytest.raises(ResultsLost, match="did not take them before the end") as error:
        sink.close()
    assert error.value.count == 3


def test_somebody_who_listens_and_never_answers_holds_nothing_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        sink = output(f"127.0.0.1:{deaf.getsockname()[1]}", tmp_path)
        assert "has not answered yet" in lost(sink)
        sink.close()


@mosquitto.needed
def test_a_wrong_password_is_said_and_never_shown(tmp_path):
    users, secret, wrong = tmp_path / "users", tmp_path / "secret", tmp_path / "wrong"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "edge", "Tulpe7"], check=True)
    os.chmod(users, 0o644)
    secret.write_text("Tulpe7\n")
    wrong.write_text("Rose8\n")
    broker = Broker(tmp_path, f"allow_anonymous false\npassword_file {users}\nuser root")
    broker.start()
    sink = output(broker, tmp_path, username="edge", password_file=wrong)
    until(lambda: "refuses: Not authorized" in lost(sink))
    assert "Rose8" not in lost(sink)
    sink.close()
    sink = output(broker, tmp_path, username="edge", password_file=secret)
    assert lost(sink) is None
    sink.close()
    broker.stop()


@pytest.fixture
def certificates(tmp_path):
    """An authority, and a broker's certificate from it; `other.crt` is another authority."""

    def openssl(*options):
        subprocess.run(["openssl", *options], cwd=tmp_path, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for name in ("ca", "other"):
        openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")
    openssl("req", *key[:-2], "-subj", "/CN=broker", "-keyout", "broker.key", "-out", "broker.csr")
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1")
    signed = ["-req", "-in", "broker.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
    openssl("x509", *signed, "-extfile", "names", "-out", "broker.crt")
    return tmp_path


@mosquitto.needed
def test_an_encrypted_connection_is_made_to_the_right_broker_only(certificates):
    files = "\n".join(
        f"{key} {certificates / file}" for key, file in (("certfile", "broker.crt"), ("keyfile", "broker.key"))
    )
    broker = Broker(certificates, f"allow_anonymous true\n{files}\nuser root")
    broker.start()
    sink = output(broker, certificates, tls=MqttTlsBlock(ca=certificates / "ca.crt"))
    assert lost(sink) is None
    sink.close()
    sink = output(broker, certificates, tls=MqttTlsBlock(ca=certificates / "other.crt"))
    assert "certificate verify failed" in lost(sink)
    sink.close()
    broker.stop()


def test_files_that_do_not_do_are_refused_at_the_start(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(SinkError, match=r"empty holds no password\n    make it: \(umask 077; cat > "):
        output("127.0.0.1", tmp_path, username="edge", password_file=tmp_path / "empty")
    with pytest.raises(SinkError, match="the files of `tls:` do not do"):
        output("127.0.0.1", tmp_path, tls=MqttTlsBlock(ca=tmp_path / "empty"))


def test_without_the_library_it_says_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(SinkError, match=r"sink mqtt needs paho.mqtt.client, .* -m pip install 'edge-runtime\[mqtt\]'"):
        output("127.0.0.1", tmp_path)


@mosquitto.needed
def test_a_run_that_is_killed_leaves_its_last_will(broker, tmp_path):
    listener = Listener(broker, "edge/highway/status")
    code = (
        "import sys, pathlib, threading\n"
        "from tests.sinks.test_mqtt import output, lost\n"
        "sink = output(sys.argv[1], pathlib.Path(sys.argv[2]))\n"
        "assert lost(sink) is None\n"
        "threading.Event().wait()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, broker.address, tmp_path], cwd=ROOT)
    assert json.loads(listener.get()[1])["state"] == "online"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert json.loads(listener.get()[1])["state"] == "lost"
    listener.close()


@mosquitto.needed
def test_the_next_run_of_a_process_takes_over_and_its_status_is_the_last(broker, tmp_path):
    listener = Listener(broker, "edge/highway/status")
    old, new = output(broker, tmp_path), output(broker, tmp_path)
    assert lost(old) is None
    assert lost(new) == "the run before this one has not ended yet"
    old.close()
    assert old._client.socket() is None, "else the broker may hear of the new one first and call the old one lost"
    assert lost(new) is None
    assert [json.loads(listener.get()[1])["state"] for _ in range(3)] == ["online", "ended", "online"]
    new.close()
    listener.close()


def test_an_end_in_the_middle_of_a_call_leaves_no_connection_behind(tmp_path):
    """The port is that of nobody until the sink has closed; a broker that comes then must not be called any more."""
    port = free_port()
    sink = output(f"127.0.0.1:{port}", tmp_path)
    sink.close()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("paho-mqtt-client-edge-")])
