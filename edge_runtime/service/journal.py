"""Lines for the journal, each with its priority and, where it is about a frame, `CAMERA=` and `FRAME=`.

They go to journald by its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that
`journalctl CAMERA=front -p warning` finds them; where stderr is no journal, they are plain lines.
"""

from __future__ import annotations

import os
import socket
from typing import Literal, TextIO

Level = Literal["error", "warning", "notice", "info"]

SOCKET = "/run/systemd/journal/socket"
_PRIORITY: dict[Level, int] = {"error": 3, "warning": 4, "notice": 5, "info": 6}


def is_journal(stream: TextIO, journal_stream: str | None) -> bool:
    """Whether a stream ends in the journal: systemd says in $JOURNAL_STREAM which device and inode do."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return journal_stream == f"{status.st_dev}:{status.st_ino}"


def datagram(fields: dict[str, str]) -> bytes:
    """One entry: `KEY=value` lines, and for a value of several lines its length in bytes before it."""
    entry = b""
    for key, value in fields.items():
        raw = value.encode()
        entry += (
            key.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"
            if b"\n" in raw
            else key.encode() + b"=" + raw + b"\n"
        )
    return entry


class Journal:
    """Where a service says what happens. Any thread may use it."""

    def __init__(self, pipeline: str, stream: TextIO, *, native: bool, address: str = SOCKET) -> None:
        self._pipeline, self._stream, self._address = pipeline, stream, address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if native else None

    def say(self, level: Level, text: str, camera: str | None = None, frame: int | None = None) -> None:
        fields = {
            "MESSAGE": text,
            "PRIORITY": str(_PRIORITY[level]),
            "SYSLOG_IDENTIFIER": "edge-run",
            "PIPELINE": self._pipeline,
        }
        if camera is not None:
            fields["CAMERA"] = camera
        if frame is not None:
            fields["FRAME"] = str(frame)
        if self._socket is None:
            self._print(text)
            return
        try:
            self._socket.sendto(datagram(fields), socket.MSG_DONTWAIT, self._address)
        except OSError:  # too long for a datagram, or nobody there: stderr ends in the journal as well
            self._print("\n".join(f"<{_PRIORITY[level]}>{line}" for line in text.splitlines()))

    def _print(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()
