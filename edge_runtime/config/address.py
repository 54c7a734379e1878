"""Where a program listens: `5005` or `127.0.0.1:5005` in a pipeline file, host and port for a socket."""

from __future__ import annotations

from ipaddress import ip_address

LOOPBACK = "127.0.0.1"


def udp_address(text: int | str) -> tuple[str, int]:
    """Host and port; a port alone is one of the loopback. Raises ValueError with a sentence for anything else."""
    host, colon, port = str(text).rpartition(":")
    if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
        raise ValueError(f"'{text}' does not end in a port, 1 to 65535")
    host = host.removeprefix("[").removesuffix("]") if colon else LOOPBACK
    try:
        return str(ip_address(LOOPBACK if host == "localhost" else host)), int(port)
    except ValueError:
        raise ValueError(f"'{host}' is no address of a network interface") from None
