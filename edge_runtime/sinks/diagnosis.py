"""Is the other end of a live output there? Asked by `edge-run doctor`; nothing is published."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from edge_runtime.config.address import broker_address, udp_address
from edge_runtime.config.schema import LiveSink, MqttSink, SharedMemorySink, UdpSink, ZmqSink
from edge_runtime.core.check import Check
from edge_runtime.errors import SinkError

from .base import SinkContext
from .live import filled
from .mqtt import PORT, TLS_PORT, new_client
from .ring import RingShape
from .ring_layout import FOLDER
from .shared_memory import SharedMemoryReader
from .udp import connected_socket
from .zeromq import import_zmq, new_socket

ANSWER_S = 2.0


def live_checks(block: LiveSink, context: SinkContext) -> Iterator[Check]:
    """An error is what keeps a run from starting; an other end that is away costs results only."""
    try:
        match block:
            case MqttSink():
                yield _mqtt(block, context)
            case ZmqSink():
                yield _zmq(block)
            case UdpSink():
                yield _udp(block)
            case SharedMemorySink():
                yield from _shared_memory(block, context)
    except SinkError as error:
        found, _, fix = str(error).removeprefix(f"{block.kind}: ").partition("\n")
        found, _, command = found.partition(" Run: ")
        yield Check(block.kind, "error", found, command or " ".join(fix.split()))


def _mqtt(block: MqttSink, context: SinkContext) -> Check:
    """Logs in as a client of another name, so that a run that is connected stays so."""
    host, port = broker_address(block.broker, PORT if block.tls is None else TLS_PORT)
    shown, answered, said = f"{host}:{port}", threading.Event(), list[str]()
    client = new_client(block.model_copy(update={"client_id": f"{block.client_id}-doctor"}), context)

    def connected(client: object, data: object, flags: object, reason: object, properties: object) -> None:
        said.append(str(reason))
        answered.set()

    client.on_connect = connected
    client.connect_timeout = ANSWER_S
    try:
        client.connect(host, port)
        client.loop_start()
        answered.wait(ANSWER_S)
    except OSError as error:
        found = f"nobody answers at {shown}: {error.strerror or error}; results are dropped until somebody does"
        return Check("mqtt", "warning", found, f"ping {host}")
    finally:
        client.disconnect()
    if said != ["Success"]:
        found = f"{shown} refuses: {said[0]}" if said else f"{shown} is no MQTT broker: it does not answer as one"
        fix = "look at `username:`, `password_file:` and `tls:` of the sink"
        return Check("mqtt", "warning", f"{found}; results are dropped until it does", fix)
    if block.password_file is not None and block.tls is None and not _is_here(host):
        found = f"{shown} answers; the password goes there unencrypted"
        return Check("mqtt", "warning", found, "add `tls: {ca: FILE}` to the sink")
    who = "" if block.username is None else f" and lets {block.username} in"
    return Check("mqtt", "ok", f"{shown} answers{who}")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _zmq(block: ZmqSink) -> Check:
    zmq = import_zmq()
    if block.bind is None:
        return _waiting(block.connect or "")
    own = zmq.Context()
    try:
        new_socket(own, block).bind(block.bind)
    except zmq.ZMQError as error:
        fix = f"ss -ltnp sport = :{block.bind.rpartition(':')[2]}" if block.bind.startswith("tcp") else ""
        return Check("zmq", "error", f"{block.bind}: {error}", fix)
    finally:
        own.destroy(linger=0)
    return Check("zmq", "ok", f"{block.bind} can be bound")


def _waiting(address: str) -> Check:
    """Whether somebody waits for publishers at a TCP address; one in the file system is not asked."""
    parts = urlsplit(address)
    if parts.scheme != "tcp" or parts.hostname is None or parts.port is None:
        return Check("zmq", "ok", f"connects to {address}; not asked")
    try:
        socket.create_connection((parts.hostname, parts.port), ANSWER_S).close()
    except OSError as error:
        found = f"nobody answers at {address}: {error.strerror or error}; results are dropped until somebody does"
        return Check("zmq", "warning", found, f"ping {parts.hostname}")
    return Check("zmq", "ok", f"{address} answers")


def _udp(block: UdpSink) -> Check:
    host, port = address = udp_address(block.to)
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        connected_socket(address).close()
    except OSError as error:
        return Check(
            "udp", "warning", f"{shown}: {error.strerror}; results are dropped until there is a way", "ip route"
        )
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        with probe:
            probe.bind(address)  # what is free here, nobody on this machine hears
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return Check("udp", "ok", f"somebody listens at {shown}")
        return Check("udp", "ok", f"sends to {shown}; whether somebody listens there cannot be asked")
    return Check("udp", "warning", f"nobody listens at {shown} now; results are dropped until somebody does")


def _shared_memory(block: SharedMemorySink, context: SinkContext) -> Iterator[Check]:
    size = RingShape(
        context.pipeline, context.classes.names, block.stages or context.shown, block.slots, block.boxes
    ).size
    folder = Path(FOLDER)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Check("shared_memory", "error", f"{folder} may not be written to by this user", f"ls -ld {folder}")
        return
    space = os.statvfs(folder)
    if space.f_bavail * space.f_frsize < size * max(1, len(context.cameras)):
        found = f"{folder} has no room for {size >> 10} KiB"
        yield Check("shared_memory", "error", found, f"df -h {folder}; ls -l {folder}")
        return
    for name in dict.fromkeys(filled(block.name, context, camera) for camera in context.cameras):
        try:
            with SharedMemoryReader(name) as ring:
                alive, pid = ring.alive, ring.writer_pid
        except SinkError:  # something else lies there; a run puts its ring in its place, where it may
            alive, pid = False, None
        if alive:
            found = f"{folder / name} is written by process {pid} now"
            yield Check("shared_memory", "error", found, f"ps -p {pid}; end it, or give this sink another `name:`")
        elif (folder / name).exists() and not os.access(folder / name, os.W_OK):
            yield Check(
                "shared_memory", "error", f"{folder / name} belongs to another user", f"sudo rm {folder / name}"
            )
        else:
            yield Check("shared_memory", "ok", f"{folder / name}, {size / 1024:.0f} KiB")
