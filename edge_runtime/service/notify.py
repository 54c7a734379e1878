"""What a service tells systemd: datagrams of `KEY=value` lines (sd_notify(3)).

The protocol is stable and a dozen lines long, so no library is needed for it.
"""

from __future__ import annotations

import socket
from contextlib import suppress


class Notifier:
    """Sends to the socket that systemd names; without one, as on a terminal, nothing happens. Any thread may use it."""

    def __init__(self, address: str | None) -> None:
        self._address = None if not address else "\0" + address[1:] if address.startswith("@") else address
        self._socket = None if not address else socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, **fields: object) -> None:
        """Say something; `STATUS` is one line, whatever is in it. Who does not listen does not hold anything up."""
        if self._socket is None or self._address is None:
            return
        lines = [f"{key}={' '.join(str(value).split())}" for key, value in fields.items()]
        with suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
