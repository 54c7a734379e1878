"""Sinks that cannot work are answered with their place and what to write, and no password is shown."""

import pytest

from edge_runtime.config.export import to_document
from edge_runtime.config.load import load_pipeline
from edge_runtime.errors import ConfigError

PIPELINE = """\
name: highway
source: {kind: simulation}
models:
  road:
    onnx: road.onnx
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1.0}
    decode: {family: yolox, classes: coco}
  lanes:
    onnx: road.onnx
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1.0}
    decode: {family: segmentation, heads: [{output: lane, classes: {1: lane}}]}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: lane, kind: segment, model: lanes}
  - {name: tracked, kind: track, of: objects}
sinks:
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "road.onnx").touch()

    def load(*sinks):
        (tmp_path / "p.yaml").write_text(PIPELINE + "".join(f"  - {sink}\n" for sink in sinks))
        return load_pipeline("p.yaml").config

    return load


def test_what_is_left_out_has_defaults_that_work(load):
    sinks = (
        "{kind: mqtt, broker: broker.local}",
        '{kind: zmq, bind: "tcp://127.0.0.1:5556"}',
        "{kind: udp, to: 127.0.0.1:5006}",
        "{kind: shared_memory}",
    )
    mqtt, zmq, udp, memory = load(*sinks).sinks
    assert (mqtt.topic, mqtt.status_topic, mqtt.qos) == (
        "edge/{pipeline}/{camera}/detections",
        "edge/{pipeline}/status",
        0,
    )
    assert (zmq.topic, zmq.high_water_mark) == ("{camera}", 8)
    assert udp.max_bytes == 65507
    assert (memory.name, memory.slots, memory.boxes) == ("edge-{pipeline}-{camera}", 8, 256)


def test_files_of_a_sink_are_found_beside_the_pipeline_and_no_secret_is_in_the_document(load, tmp_path):
    (tmp_path / "secret").write_text("Tulpe7")
    (tmp_path / "ca.crt").touch()
    config = load("{kind: mqtt, broker: b, username: edge, password_file: secret, tls: {ca: ca.crt}}")
    (sink,) = config.sinks
    assert (sink.password_file, sink.tls.ca) == (tmp_path / "secret", tmp_path / "ca.crt")
    assert "Tulpe7" not in str(to_document(config))


MISTAKES = [
    (
        "{kind: mqtt, broker: host:99999}",
        """\
p.yaml:17:26: sinks.mqtt.broker: 'host:99999' does not end in a port, 1 to 65535
    | - {kind: mqtt, broker: host:99999}
    |                        ^^^^^^^^^^
    write `broker: host:1883`; who logs in goes to `username:` and `password_file:`, encryption to `tls: {}`""",
    ),
    (
        "{kind: mqtt, broker: b, topic: edge/#}",
        """\
p.yaml:17:36: sinks.mqtt.topic: 'edge/#' holds '#', which is for subscribing
    | - {kind: mqtt, broker: b, topic: edge/#}
    |                                  ^^^^^^
    name one topic""",
    ),
    (
        '{kind: mqtt, broker: b, topic: "edge/{camra}"}',
        """\
p.yaml:17:36: sinks.mqtt.topic: nothing is known as {camra}
    | - {kind: mqtt, broker: b, topic: "edge/{camra}"}
    |                                  ^^^^^^^^^^^^^^
    did you mean `{camera}`? It takes {pipeline}, {camera} or {host}""",
    ),
    (
        '{kind: mqtt, broker: b, status_topic: "s/{camera}"}',
        """\
p.yaml:17:43: sinks.mqtt.status_topic: is the same for all cameras
    | - {kind: mqtt, broker: b, status_topic: "s/{camera}"}
    |                                         ^^^^^^^^^^^^
    It takes {pipeline} or {host}""",
    ),
    (
        "{kind: mqtt, broker: b, topic: t, status_topic: t}",
        """\
p.yaml:17:53: sinks.mqtt.status_topic: is the topic of the results
    | - {kind: mqtt, broker: b, topic: t, status_topic: t}
    |                                                   ^
    give it another one""",
    ),
    (
        "{kind: mqtt, broker: b, password_file: road.onnx}",
        """\
p.yaml:17:29: sinks.mqtt.password_file: a password without a name
    | - {kind: mqtt, broker: b, password_file: road.onnx}
    |                           ^^^^^^^^^^^^^
    add `username:` beside it""",
    ),
    (
        "{kind: mqtt, broker: b, tls: {certificate: road.onnx}}",
        """\
p.yaml:17:34: sinks.mqtt.tls: `key:` is missing
    | - {kind: mqtt, broker: b, tls: {certificate: road.onnx}}
    |                                ^^^^^^^^^^^^^^^^^^^^^^^^
    certificate and key go together""",
    ),
    (
        "{kind: zmq}",
        """\
p.yaml:17:5: sinks.zmq.bind: neither `bind:` nor `connect:`
    | - {kind: zmq}
    |   ^^^^^^^^^^^
    write `bind: tcp://127.0.0.1:5556`, to which subscribers connect""",
    ),
    (
        '{kind: zmq, bind: "tcp://eth0:5556"}',
        """\
p.yaml:17:23: sinks.zmq.bind: 'eth0' is no address of a network interface
    | - {kind: zmq, bind: "tcp://eth0:5556"}
    |                     ^^^^^^^^^^^^^^^^^
    write `bind: tcp://127.0.0.1:5556`; * is every network""",
    ),
    (
        '{kind: zmq, connect: "udp://x:1"}',
        """\
p.yaml:17:26: sinks.zmq.connect: 'udp://x:1' is neither tcp://address:port nor ipc://path
    | - {kind: zmq, connect: "udp://x:1"}
    |                        ^^^^^^^^^^^
    write `connect: tcp://127.0.0.1:5557`""",
    ),
    (
        '{kind: zmq, bind: "tcp://*:5556", topic: "a b"}',
        """\
p.yaml:17:46: sinks.zmq.topic: holds a space, at which a topic ends
    | - {kind: zmq, bind: "tcp://*:5556", topic: "a b"}
    |                                            ^^^^^
    write it without""",
    ),
    (
        "{kind: udp, to: planner:5006}",
        """\
p.yaml:17:21: sinks.udp.to: 'planner' is no address of a network interface
    | - {kind: udp, to: planner:5006}
    |                   ^^^^^^^^^^^^
    write `to: 127.0.0.1:5006`; the address of a host by its name: `getent hosts NAME`""",
    ),
    (
        "{kind: shared_memory, name: ../x}",
        """\
p.yaml:17:33: sinks.0.name: '../x' is not the name of a file
    | - {kind: shared_memory, name: ../x}
    |                               ^^^^
    write `name: edge-{pipeline}-{camera}`; it lies in /dev/shm by itself""",
    ),
    (
        "{kind: shared_memory, slots: 1}",
        """\
p.yaml:17:34: sinks.shared_memory.slots: 1 is too small
    | - {kind: shared_memory, slots: 1}
    |                                ^
    must be at least 2: records in the ring; the oldest is overwritten""",
    ),
    (
        "{kind: udp, to: 5006, stages: [tracked, lane]}",
        """\
p.yaml:17:45: sinks.udp.stages.1: stage 'lane' gives masks, which only files hold
    | - {kind: udp, to: 5006, stages: [tracked, lane]}
    |                                           ^^^^
    name a stage that gives boxes""",
    ),
    (
        "{kind: udp, to: 5006, stages: [trackd]}",
        """\
p.yaml:17:36: sinks.udp.stages.0: no stage is named 'trackd'
    | - {kind: udp, to: 5006, stages: [trackd]}
    |                                  ^^^^^^
    did you mean `tracked`?""",
    ),
]


@pytest.mark.parametrize(("sink", "message"), MISTAKES)
def test_a_mistake_is_answered_with_its_place_and_what_to_write(load, sink, message):
    with pytest.raises(ConfigError) as error:
        load(sink)
    assert str(error.value) == message


def test_a_password_in_an_address_is_refused_and_not_repeated(load):
    with pytest.raises(ConfigError) as error:
        load('{kind: mqtt, broker: "mqtt://edge:Tulpe7@host:1883"}')
    assert "p.yaml:17:26: sinks.mqtt.broker: is an address with a scheme or a user in it" in str(error.value)
    assert "Tulpe7" not in str(error.value)


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        ("{kind: mqtt, broker: b}", "{kind: mqtt, broker: b, qos: 1}", "topic"),
        ('{kind: zmq, bind: "tcp://*:5556"}', '{kind: zmq, bind: "tcp://*:5556", topic: x}', "bind"),
        ("{kind: udp, to: 127.0.0.1:5006}", "{kind: udp, to: 5006}", "to"),
        ("{kind: shared_memory}", "{kind: shared_memory, slots: 9}", "name"),
    ],
)
def test_two_sinks_that_write_to_the_same_are_refused(load, one, other, key):
    with pytest.raises(ConfigError, match=r"the sink in line 17 writes to .* as well") as error:
        load(one, other)
    assert f"give one of them another `{key}:`" in str(error.value)


def test_a_pipeline_of_masks_alone_has_nothing_to_send(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "road.onnx").touch()
    text = PIPELINE.replace("  - {name: objects, kind: detect, model: road}\n", "")
    text = text.replace("  - {name: tracked, kind: track, of: objects}\n", "")
    with pytest.raises(ConfigError, match="no stage gives boxes, and masks do not go out this way"):
        load_pipeline("p.yaml", text=text + "  - {kind: udp, to: 5006}\n")


@pytest.mark.parametrize("broker", ["127.0.0.1", "::1", "[::1]:1883", "broker.local:8883", "b_1", "localhost:1"])
def test_a_broker_is_a_host_with_or_without_a_port(load, broker):
    assert load(f'{{kind: mqtt, broker: "{broker}"}}').sinks[0].broker == broker


@pytest.mark.parametrize("address", ["tcp://*:1", "tcp://[::1]:5556", "ipc:///run/edge/results", "ipc://@edge"])
def test_what_zeromq_binds(load, address):
    assert load(f'{{kind: zmq, bind: "{address}"}}').sinks[0].bind == address
