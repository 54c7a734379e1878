"""Results to an MQTT broker: one JSON message a frame, and a retained one that says whether somebody publishes.

The client is Eclipse Paho's (EPL-2.0 or BSD-3-Clause, pure Python): it connects on a thread of its own and again after
1, 2, 4 … 10 s. It would queue without bound what is published while the connection is slow or away, so at most `ROOM`
results are with it, and none is given to it while it is not connected.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.config.address import broker_address
from edge_runtime.config.schema import MqttSink
from edge_runtime.core import Frame, FrameResult
from edge_runtime.errors import SinkError
from edge_runtime.version import VERSION

from .base import ResultsLost, SinkContext
from .document import encode
from .live import LiveOutput, by_camera, filled, missing_library, wire_document

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PORT, TLS_PORT = 1883, 8883
# Results that may be with the client: not yet in the kernel's hands (qos 0), or not yet acknowledged.
ROOM = 16
WAIT_S = 0.1
# How long the start waits for the broker, so that the first results find it; and the end for what is on its way.
START_S, END_S = 1.0, 2.0
RECONNECT_S = (1, 10)


class MqttOutput(LiveOutput):
    """Publishes to one broker. An absent one costs results, which are counted, and nothing else."""

    def __init__(self, block: MqttSink) -> None:
        self._block = block
        self._host, self._port = broker_address(block.broker, PORT if block.tls is None else TLS_PORT)
        self._broker = f"{self._host}:{self._port}"
        super().__init__(block, f"{self._broker} {block.topic}")

    def _prepare(self, context: SinkContext) -> None:
        self._topic = by_camera(self._block.topic, context)
        self._status_topic = filled(self._block.status_topic, context)
        self._client = new_client(self._block, context)
        self._client.reconnect_delay_set(*RECONNECT_S)
        self._client.will_set(self._status_topic, self._status("lost"), qos=1, retain=True)
        self._client.on_socket_open = _at_once
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._not_connected
        self._client.on_disconnect = self._disconnected
        self._client.on_pre_connect = self._before_connecting
        self._client.on_publish = self._published
        self._changed = threading.Condition()
        self._why = f"{self._broker} has not answered yet"
        self._sent = self._done = self._lost = 0
        self._own: set[int] = set()
        self._answered = self._ending = self._gone = False

    def _begin(self) -> None:
        self._client.connect_async(self._host, self._port, self._block.keepalive_s)
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._answered, START_S)

    def _send(self, frame: Frame, result: FrameResult) -> None:
        with self._changed:
            lost, self._lost = self._lost, 0
            if not self._client.is_connected():
                raise ResultsLost(self._why, lost + 1)
            if not self._changed.wait_for(lambda: self._sent - self._done < ROOM, WAIT_S):
                raise ResultsLost(f"{self._broker} takes no more: {ROOM} results are on their way", lost + 1)
            self._sent += 1
        document = wire_document(result, self._context)
        info = self._client.publish(self._topic(result.camera), encode(document), self._block.qos)
        if info.rc and not self._block.qos:  # with qos the client keeps it for the next connection
            with self._changed:
                self._sent -= 1
            raise ResultsLost(self._why, lost + 1)
        if lost:
            raise ResultsLost("the connection broke with results on their way", lost)

    def _end(self) -> None:
        """What is on its way has `END_S`; then say that this is the end, and let the client's thread go."""
        self._ending = True
        with self._changed:
            self._changed.wait_for(lambda: self._sent == self._done or not self._client.is_connected(), END_S)
            lost = self._lost + self._sent - self._done
        connected = self._client.is_connected()
        if connected:
            farewell = self._client.publish(self._status_topic, self._status("ended"), qos=1, retain=True)
            if not farewell.rc:
                farewell.wait_for_publish(END_S)
        self._client.disconnect()  # its thread is not waited for: it may be in the middle of calling a dead address
        if connected:  # a next run under this name that is there first would have the broker call this one lost
            with self._changed:
                self._changed.wait_for(lambda: self._gone, END_S)
        if lost:
            raise ResultsLost(f"{self._broker} did not take them before the end", lost)

    def _status(self, state: str) -> str:
        document = {"state": state, "pipeline": self._context.pipeline, "cameras": self._context.cameras}
        return json.dumps({**document, "version": VERSION})

    # Called by the client, on its thread.

    def _connected(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._gone = False
        if self._ending:
            client.disconnect()
        elif reason.is_failure:
            self._say(f"{self._broker} refuses: {reason}")
        else:
            self._own.add(client.publish(self._status_topic, self._status("online"), qos=1, retain=True).mid)
            self._say("")

    def _not_connected(self, client: Client, data: Any) -> None:
        error = sys.exc_info()[1]  # the client calls this while it handles what went wrong
        self._say(f"nobody answers at {self._broker}: {_words(error)}")

    def _disconnected(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._gone = True
            self._changed.notify_all()
        if not self._why:
            known = "" if str(reason) == "Unspecified error" else f": {reason}"
            self._say(f"the connection to {self._broker} ended{known}")

    def _before_connecting(self, client: Client, data: Any) -> None:
        """What was not out yet when the connection broke: with qos 0 the client has given it up by now."""
        if not self._block.qos:
            with self._changed:
                self._lost += self._sent - self._done
                self._sent = self._done

    def _published(self, client: Client, data: Any, mid: int, reason: Any, properties: Any) -> None:
        if mid in self._own:
            self._own.discard(mid)
            return
        with self._changed:
            self._done += 1
            self._changed.notify_all()

    def _say(self, why: str) -> None:
        with self._changed:
            self._why, self._answered = why, True
            self._changed.notify_all()


def _at_once(client: Client, data: Any, opened: Any) -> None:
    """A result does not wait for the acknowledgement of the one before (Nagle's algorithm; up to 40 ms)."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def new_client(block: MqttSink, context: SinkContext) -> Client:
    """A client that knows who it is and how to encrypt, not connected. Raises `SinkError`."""
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise missing_library("mqtt", "mqtt", error) from error
    client = Client(CallbackAPIVersion.VERSION2, filled(block.client_id, context))
    if block.username is not None:
        client.username_pw_set(block.username, None if block.password_file is None else _password(block.password_file))
    if block.tls is not None:
        try:
            tls = ssl.create_default_context(cafile=block.tls.ca)
            if block.tls.certificate is not None:
                tls.load_cert_chain(block.tls.certificate, block.tls.key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise SinkError(
                f"mqtt: the files of `tls:` do not do: {_words(error)}\n"
                "    they are PEM; certificate and key belong together, and the key has no password"
            ) from error
        client.tls_set_context(tls)
    return client


def _password(path: Path) -> str:
    make = f"make it: (umask 077; cat > {path}), type the password, Enter, Ctrl-D"
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SinkError(f"mqtt: {path}: {_words(error)}\n    {make}") from error
    if not password:
        raise SinkError(f"mqtt: {path} holds no password\n    {make}")
    return password


def _words(error: BaseException | None) -> str:
    return getattr(error, "strerror", None) or str(error)
