"""Results as UDP datagrams: one JSON document a frame. There is neither encryption nor an answer.

A result that is larger than a datagram goes without its regions and its least confident boxes, and says how many those
are: `"left_out": {"tracked": 12}`.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edge_runtime.config.address import udp_address
from edge_runtime.config.schema import UdpSink
from edge_runtime.core import Frame, FrameResult

from .base import ResultsLost, SinkContext
from .document import encode
from .live import LiveOutput, wire_document


class UdpOutput(LiveOutput):
    """Sends to one address. That nobody listens there is known of this machine, and of a network that answers so."""

    def __init__(self, block: UdpSink) -> None:
        host, port = self._address = udp_address(block.to)
        self._max_bytes = block.max_bytes
        self._socket: socket.socket | None = None
        self._shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__(block, self._shown)

    def _prepare(self, context: SinkContext) -> None:
        """Nothing to look at: what is wrong with the network may be over by the first result."""

    def _begin(self) -> None:
        """Nobody else is kept from sending to an address."""

    def _send(self, frame: Frame, result: FrameResult) -> None:
        if self._socket is None:
            self._socket = self._connected()
        refused = self._refused()
        try:
            self._socket.send(self._datagram(result))
        except OSError as error:  # another network, another address of this machine: begin anew with the next result
            self._socket.close()
            self._socket = None
            raise ResultsLost(f"{self._shown}: {error.strerror}", 1 + refused) from error
        if refused := refused + self._refused():  # of this datagram, or of one before that was answered only now
            raise ResultsLost(f"nobody listens at {self._shown}", refused)

    def _end(self) -> None:
        if self._socket is not None:
            refused = self._refused()
            self._socket.close()
            self._socket = None
            if refused:
                raise ResultsLost(f"nobody listens at {self._shown}")

    def _connected(self) -> socket.socket:
        try:
            opened = connected_socket(self._address)
        except OSError as error:
            raise ResultsLost(f"{self._shown}: {error.strerror}") from error
        opened.setblocking(False)
        return opened

    def _refused(self) -> int:
        """1 when the other end has said, since it was last asked, that nobody listens; that clears it."""
        assert self._socket is not None
        return int(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0)

    def _datagram(self, result: FrameResult) -> bytes:
        datagram = encode(wire_document(result, self._context)).encode()
        return datagram if len(datagram) <= self._max_bytes else self._smaller(result)

    def _smaller(self, result: FrameResult) -> bytes:
        """With as many of the most confident boxes as fit. Raises `ResultsLost` when not even none does."""
        found = result.detections
        confidence = np.concatenate([np.empty(0), *(boxes.confidence for boxes in found.values())])
        stage_of = [stage for stage, boxes in found.items() for _ in range(len(boxes))]
        best = np.argsort(-confidence, kind="stable")
        first = dict(zip(found, np.cumsum([0, *(len(boxes) for boxes in found.values())]).tolist(), strict=False))

        def with_boxes(count: int) -> bytes:
            kept = np.zeros(len(best), bool)
            kept[best[:count]] = True
            fewer = {
                stage: boxes.take(kept[first[stage] : first[stage] + len(boxes)]) for stage, boxes in found.items()
            }
            document = wire_document(replace(result, detections=fewer, regions={}), self._context)
            document["left_out"] = dict(Counter(stage_of[row] for row in best[count:]))
            return encode(document).encode()

        smallest = with_boxes(0)
        if len(smallest) > self._max_bytes:
            raise ResultsLost(
                f"{self._shown}: a result takes {len(smallest)} bytes without any box; raise `max_bytes:`"
            )
        return _largest(with_boxes, len(best), self._max_bytes) or smallest


def _largest(make: Callable[[int], bytes], most: int, bound: int) -> bytes:
    """What `make` makes of the highest number up to `most` that stays within the bound; nothing when 1 does not."""
    fits, best, beyond = 0, b"", most + 1
    while beyond - fits > 1:
        middle = (fits + beyond) // 2
        made = make(middle)
        if len(made) <= bound:
            fits, best = middle, made
        else:
            beyond = middle
    return best


def connected_socket(address: tuple[str, int]) -> socket.socket:
    """For datagrams to one address, a broadcast one too. Raises `OSError`, such as when no network leads there."""
    opened = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.connect(address)
    except BaseException:
        opened.close()
        raise
    return opened
