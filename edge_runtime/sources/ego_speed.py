"""The vehicle's speed, as somebody sends it to a UDP port: one JSON object a datagram.

    {"speed_mps": 27.8}    or    {"speed_kmh": 100}

Other keys may stand beside it. Whoever reads the vehicle's bus sends it as often as it is known, at least twice within
the time after which it is stale; by hand, in bash:

    echo '{"speed_kmh": 100}' > /dev/udp/127.0.0.1/5005

There is neither encryption nor a sender's name: an address other than the loopback belongs into the vehicle's own
network only.
"""

from __future__ import annotations

import json
import socket
import threading

from edge_runtime.core import Clock
from edge_runtime.errors import SourceError

from .base import Closing

LIMITS = {"speed_mps": 500 / 3.6, "speed_kmh": 500.0}
_DATAGRAM_BYTES = 2048
_WAKE_S = 0.2
_SHOWN_BYTES = 40


class SpeedPort(Closing):
    """Hears on a thread of its own from the constructor to `close`, which may be called twice; any thread may ask.

    A speed holds for `stale_ms` after it arrived, then it is unknown. What is not understood is counted and changes
    nothing; `heard` counts all. Raises `SourceError` when the port cannot be had.
    """

    def __init__(self, address: tuple[str, int], stale_ms: float, clock: Clock) -> None:
        self._stale_ns, self._clock = round(stale_ms * 1e6), clock
        self._newest: tuple[int, float] | None = None
        self.heard, self._bad, self._first_bad, self._failure = 0, 0, "", ""
        self._fresh, self._silences, self._unknown_frames = False, 0, 0
        self._stop = threading.Event()
        self._socket = _bound(address)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._run, name="ego speed", daemon=True)
        self._thread.start()

    def of_frame(self, t_capture_ns: int) -> float | None:
        """The speed in m/s for a frame captured at this time; None when nobody has told it lately."""
        newest = self._newest
        if newest is not None and t_capture_ns - newest[0] <= self._stale_ns:
            self._fresh = True
            return newest[1]
        self._silences += self._fresh
        self._unknown_frames += newest is not None
        self._fresh = False
        return None

    @property
    def warnings(self) -> tuple[str, ...]:
        found = []
        place = "ego speed on {}:{}".format(*self.address)
        if self._newest is None:
            found.append(f"{place}: nothing has arrived, so every floor is that of a highway")
        elif self._silences:
            times = "once" if self._silences == 1 else f"{self._silences} times"
            found.append(f"{place}: fell silent {times}; {self._unknown_frames} frames counted as highway")
        if self._bad:
            count = "one datagram was" if self._bad == 1 else f"{self._bad} datagrams were"
            found.append(f'{place}: {count} not understood, first {self._first_bad}; send {{"speed_mps": 27.8}}')
        if self._failure:
            found.append(f"{place}: ended: {self._failure}")
        return tuple(found)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                datagram = self._socket.recv(_DATAGRAM_BYTES)
            except TimeoutError:
                continue
            except OSError as error:
                self._failure = error.strerror or str(error)
                return
            try:
                self._newest = (self._clock.now_ns(), speed_mps(datagram))
            except ValueError as error:
                if not self._bad:
                    shown = ascii(datagram[:_SHOWN_BYTES].decode("ascii", "replace"))
                    self._first_bad = f"{shown}: {error}"
                self._bad += 1
            self.heard += 1


def speed_mps(datagram: bytes) -> float:
    """The speed that a datagram tells, in m/s. Raises ValueError saying what is wrong with it."""
    try:
        message = json.loads(datagram)
    except (ValueError, RecursionError):
        raise ValueError("no JSON") from None
    told = {key: message[key] for key in LIMITS if key in message} if type(message) is dict else {}
    if len(told) != 1:
        raise ValueError("neither speed_mps nor speed_kmh" if not told else "both speed_mps and speed_kmh")
    ((key, value),) = told.items()
    if type(value) not in (int, float):
        raise ValueError(f"{key} is no number")
    if not 0 <= value <= LIMITS[key]:
        raise ValueError(f"{key} is outside 0 to {LIMITS[key]:.0f}")
    return value / 3.6 if key == "speed_kmh" else float(value)


def _bound(address: tuple[str, int]) -> socket.socket:
    host, port = address
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.bind(address)
        listener.settimeout(_WAKE_S)
    except OSError as error:
        listener.close()
        raise SourceError(
            f"ego speed: {host}:{port} cannot be heard: {error.strerror}\n"
            "    ego_speed_udp: names an address of this machine and a port that no other program listens to"
        ) from error
    return listener
