"""Results to ZeroMQ subscribers: `TOPIC {"frame_id": …}`, one message of one part a frame.

One part, so that a subscriber may set ZMQ_CONFLATE, which keeps the newest message only and knows no parts. The socket
is an XPUB, a PUB that hears who subscribes: a result that nobody wants is counted as dropped. libzmq drops without a
word for a subscriber that is slow, when `high_water_mark` messages wait for it beyond what the kernel's buffers hold;
the others get theirs.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edge_runtime.config.schema import ZmqSink
from edge_runtime.core import Frame, FrameResult
from edge_runtime.errors import SinkError

from .base import ResultsLost, SinkContext
from .document import encode
from .live import LiveOutput, by_camera, missing_library, wire_document

if TYPE_CHECKING:
    import zmq

# How long the end waits for subscribers to take what is theirs.
LINGER_MS = 1000
# A subscriber that vanished without a word is given up after this long.
HEARTBEAT_MS, DEAD_MS = 2000, 6000
# Subscribers send topics; more than that is no topic.
HEARD_BYTES = 1024


class ZmqOutput(LiveOutput):
    """Publishes on one socket, which it binds or connects."""

    def __init__(self, block: ZmqSink) -> None:
        self._block = block
        self._address = block.bind or block.connect or ""
        super().__init__(block, self._address)

    def _prepare(self, context: SinkContext) -> None:
        self._zmq = import_zmq()
        self._topic = by_camera(self._block.topic, context)
        self._wanted: set[bytes] = set()

    def _begin(self) -> None:
        zmq = self._zmq
        self._own = zmq.Context()
        self._socket = new_socket(self._own, self._block)
        try:
            if self._block.bind is not None:
                self._socket.bind(self._address)
            else:
                self._socket.connect(self._address)
        except zmq.ZMQError as error:
            self._own.destroy(linger=0)
            raise SinkError(why_not_bound(self._address, error)) from error

    def _send(self, frame: Frame, result: FrameResult) -> None:
        self._hear()
        topic = self._topic(result.camera).encode()
        message = topic + b" " + encode(wire_document(result, self._context)).encode()
        if not message.startswith(tuple(self._wanted)):
            raise ResultsLost(f"nobody subscribes to {topic.decode()} at {self._address}")
        try:
            self._socket.send(message, self._zmq.NOBLOCK)
        except self._zmq.ZMQError as error:
            raise ResultsLost(f"{self._address}: {error}") from error

    def _end(self) -> None:
        self._own.destroy(linger=LINGER_MS)

    def _hear(self) -> None:
        """Who has come and gone since the last result: libzmq says each topic when its first subscriber comes and when
        its last one goes."""
        with suppress(self._zmq.Again):
            while True:
                said = self._socket.recv(self._zmq.NOBLOCK)
                if said[:1] == b"\1":
                    self._wanted.add(said[1:])
                elif said[:1] == b"\0":
                    self._wanted.discard(said[1:])


def import_zmq() -> Any:
    try:
        import zmq
    except ImportError as error:
        raise missing_library("zmq", "zmq", error) from error
    return zmq


def new_socket(context: zmq.Context[Any], block: ZmqSink) -> zmq.Socket[Any]:
    """Neither bound nor connected; nothing waits in it beyond the mark."""
    import zmq

    socket: zmq.Socket[Any] = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, block.high_water_mark)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, HEARD_BYTES)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_MS)
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.IPV6, int("[" in (block.bind or block.connect or "")))
    return socket


def why_not_bound(address: str, error: Exception) -> str:
    found = f"zmq: {address}: {error}"
    if address.startswith("tcp"):
        return f"{found}\n    see who has it: ss -ltnp sport = :{address.rpartition(':')[2]}"
    return found
