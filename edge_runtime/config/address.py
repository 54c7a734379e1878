"""Where a program listens or sends to: `5005` or `127.0.0.1:5005` in a pipeline file, host and port for a socket."""

from __future__ import annotations

import re
from ipaddress import ip_address

LOOPBACK = "127.0.0.1"
# RFC 1123, and the underscore that many networks use all the same.
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
# What sockaddr_un holds on Linux.
_SOCKET_PATH_BYTES = 107


def udp_address(text: int | str) -> tuple[str, int]:
    """Host and port; a port alone is one of the loopback. Raises ValueError with a sentence for anything else."""
    host, colon, port = str(text).rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else LOOPBACK
    number = _port(text, port)
    try:
        return str(ip_address(LOOPBACK if host == "localhost" else host)), number
    except ValueError:
        raise ValueError(f"'{host}' is no address of a network interface") from None


def broker_address(text: str, default_port: int) -> tuple[str, int]:
    """Host, by name or address, and port. Raises ValueError with a sentence, without what may be a password."""
    if "@" in text or "://" in text:
        raise ValueError("is an address with a scheme or a user in it")
    host, port = text, default_port
    if text.count(":") == 1 or text.startswith("["):
        host, colon, digits = text.rpartition(":")
        if colon and "]" not in digits:
            port = _port(text, digits)
        else:
            host = text
    host = host.removeprefix("[").removesuffix("]")
    if not (_is_ip(host) or _HOST.fullmatch(host)):
        raise ValueError(f"'{host}' is no host")
    return host, port


def zmq_address(text: str, *, binds: bool) -> str:
    """The address as ZeroMQ takes it. Raises ValueError with a sentence."""
    scheme, _, rest = text.partition("://")
    if scheme == "ipc":
        if not rest.startswith(("/", "@")):
            raise ValueError(f"'{text}' has no absolute path")
        if len(rest.encode()) > _SOCKET_PATH_BYTES:
            raise ValueError(f"the path has {len(rest.encode())} bytes; a socket's has {_SOCKET_PATH_BYTES} at most")
        return text
    if scheme != "tcp":
        raise ValueError(f"'{text}' is neither tcp://address:port nor ipc://path")
    host, _, port = rest.rpartition(":")
    _port(text, port)
    inner = host.removeprefix("[").removesuffix("]")
    if binds and not (host == "*" or _is_ip(inner)):
        raise ValueError(f"'{host}' is no address of a network interface")
    if not binds and not (_is_ip(inner) or _HOST.fullmatch(host)):
        raise ValueError(f"'{host}' is no host")
    return text


def _port(text: int | str, port: str) -> int:
    if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
        raise ValueError(f"'{text}' does not end in a port, 1 to 65535")
    return int(port)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
