#!/usr/bin/env python
"""The consumers of output_cost.py, each a process of its own that imports little: `KIND ADDRESS`.

Says `ready`, and after the last result the way of each in µs, as one JSON list.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

from edge_runtime.sinks.shared_memory import SharedMemoryReader

WARM, LAST = int(sys.argv[3]), int(sys.argv[4])


def consume(kind: str, address: str) -> list[float]:
    ways: list[float] = []

    def took(now_ns: int, frame_id: int, t_capture_ns: int) -> bool:
        """Whether there is more to come."""
        if frame_id >= WARM:
            ways.append((now_ns - t_capture_ns) / 1e3)
        return frame_id < LAST

    def heard(now_ns: int, text: bytes) -> bool:
        document = json.loads(text)
        return took(now_ns, document["frame_id"], document["t_capture_ns"])

    if kind.startswith("shared_memory"):
        with SharedMemoryReader(address) as ring:
            print("ready", flush=True)
            more = True
            while more:
                record = ring.wait(10.0) if kind.endswith("polled") else ring.latest()
                more = record is None or took(time.monotonic_ns(), record.frame_id, record.t_capture_ns)
    elif kind == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
            port.bind(("127.0.0.1", int(address)))
            print("ready", flush=True)
            while (document := port.recv(70_000)) and heard(time.monotonic_ns(), document):
                pass
    elif kind == "zmq":
        import zmq

        with zmq.Context() as own, own.socket(zmq.SUB) as hears:
            hears.setsockopt(zmq.SUBSCRIBE, b"front ")
            hears.connect(address)
            print("ready", flush=True)
            while (message := hears.recv()) and heard(time.monotonic_ns(), message.partition(b" ")[2]):
                pass
    else:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        done = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_subscribe = lambda *_: print("ready", flush=True)
        client.on_message = lambda c, d, message: heard(time.monotonic_ns(), message.payload) or done.set()
        client.connect("127.0.0.1", int(address))
        client.subscribe("edge/+/+/detections")
        client.loop_start()
        done.wait()
    return ways


print(json.dumps(consume(sys.argv[1], sys.argv[2])), flush=True)
