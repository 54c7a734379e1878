"""Where results go: to files, to a screen, or at once to other programs (a live output)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edge_runtime.config.schema.values import Block, Fps, Int, Positive, Text


class JsonlSink(Block):
    """One JSON line a frame."""

    kind: Literal["jsonl"] = Field(description="one JSON line a frame")
    path: Path = Field(Path("detections.jsonl"), description="relative to the run folder")


class VideoSink(Block):
    """The video with everything found drawn into it."""

    kind: Literal["video"] = Field(description="the video with everything found drawn into it")
    path: Path = Field(Path("annotated.mp4"), description="relative to the run folder")
    fps: Fps | None = Field(None, description="frames a second; default: the source's rate", examples=[25])


class DisplaySink(Block):
    """A window on this machine's screen."""

    kind: Literal["display"] = Field(description="a window on this machine's screen")


class LiveSinkBlock(Block):
    """What all live outputs share."""

    stages: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None,
        description="only what these stages found; default: the last word, stages that no other stage takes",
        examples=[["tracked"]],
    )


class MqttTlsBlock(Block):
    """How the connection to a broker is encrypted, as PEM files; `tls: {}` trusts the system's authorities."""

    ca: Path | None = Field(
        None, description="who is trusted to vouch for the broker; default: the system's", examples=["ca.crt"]
    )
    certificate: Path | None = Field(
        None, description="the certificate by which the broker knows this client", examples=["board.crt"]
    )
    key: Path | None = Field(None, description="its private key, without a password", examples=["board.key"])


class MqttSink(LiveSinkBlock):
    """One JSON message a frame to an MQTT broker."""

    kind: Literal["mqtt"] = Field(description="one JSON message a frame to an MQTT broker")
    broker: Text = Field(
        description="host:port; without a port 1883, with `tls:` 8883", examples=["127.0.0.1:1883", "broker.local"]
    )
    topic: Text = Field(
        "edge/{pipeline}/{camera}/detections",
        description="where results are published; {pipeline}, {camera} and {host} are filled in",
    )
    status_topic: Text = Field(
        "edge/{pipeline}/status",
        description='where {"state": "online"} is kept while a run is connected, then "ended", "lost" if it vanished',
    )
    qos: Literal[0, 1, 2] = Field(0, description="0: sent once; 1: acknowledged; 2: acknowledged, exactly once")
    client_id: Text = Field(
        "edge-{pipeline}-{host}", description="one client of a name: the broker ends the connection of an older one"
    )
    keepalive_s: Int = Field(
        10, ge=2, le=3600, description="seconds of silence after which broker and client check that the other is there"
    )
    username: Text | None = Field(None, description="name to log in with", examples=["edge"])
    password_file: Path | None = Field(
        None, description="file with the password, readable by its owner only", examples=["mqtt_password"]
    )
    tls: MqttTlsBlock | None = Field(None, description="encrypt the connection", examples=[{"ca": "ca.crt"}])


class ZmqSink(LiveSinkBlock):
    """One JSON message a frame to whoever subscribes, over a ZeroMQ PUB socket."""

    kind: Literal["zmq"] = Field(description="one JSON message a frame to ZeroMQ subscribers")
    bind: Text | None = Field(
        None,
        description="where subscribers connect to: tcp://address:port (* for every network) or ipc://path",
        examples=["tcp://127.0.0.1:5556"],
    )
    connect: Text | None = Field(
        None,
        description="instead of `bind:`, a subscriber or proxy that waits for publishers",
        examples=["tcp://127.0.0.1:5557"],
    )
    topic: Text = Field(
        "{camera}", description="what a message begins with, before a space; {pipeline}, {camera} and {host} work"
    )
    high_water_mark: Int = Field(
        8, ge=1, le=1000, description="messages that wait for one subscriber; what comes on top is dropped for it"
    )


class UdpSink(LiveSinkBlock):
    """One JSON datagram a frame."""

    kind: Literal["udp"] = Field(description="one JSON datagram a frame")
    to: Annotated[Int, Field(ge=1, le=65535)] | Text = Field(
        description="address:port, or a port of this machine", examples=["127.0.0.1:5006", 5006]
    )
    max_bytes: Int = Field(
        65507,
        ge=512,
        le=65507,
        description="the largest datagram, for which the least confident boxes are left out; 1472 fits into one packet",
    )


class SharedMemorySink(LiveSinkBlock):
    """A ring of records in shared memory, for a planner on the same board."""

    kind: Literal["shared_memory"] = Field(description="a ring of records in shared memory, for the same board")
    name: Text = Field(
        "edge-{pipeline}-{camera}",
        description="of the file in /dev/shm; with {camera} one ring a camera, without it one ring for all",
    )
    slots: Int = Field(8, ge=2, le=1024, description="records in the ring; the oldest is overwritten")
    boxes: Int = Field(
        256, ge=1, le=65536, description="most boxes in a record; of more the most confident, and it is marked"
    )


LiveSink = MqttSink | ZmqSink | UdpSink | SharedMemorySink
LIVE_KINDS = ("mqtt", "zmq", "udp", "shared_memory")
FileSink = JsonlSink | VideoSink
Sink = Annotated[
    JsonlSink | VideoSink | DisplaySink | MqttSink | ZmqSink | UdpSink | SharedMemorySink, Field(discriminator="kind")
]


class RecordBlock(Block):
    """A recording of the run for Foxglove and for `edge-run replay`."""

    path: Path = Field(
        Path("recording.mcap"), description="relative to the run folder; an absolute path is taken as it is"
    )
    images: Literal["jpeg", "raw", "none"] = Field(
        "jpeg", description="jpeg of quality 90, raw for results that replay exactly, none for everything but pictures"
    )
    keep_seconds: Positive | None = Field(
        None,
        description="keep only the last so many seconds, in segments, and save them when something goes wrong; "
        "default: keep everything",
        examples=[600],
    )
    max_gb: Positive | None = Field(
        None, description="most disk space in GB, what events have saved included", examples=[32]
    )
