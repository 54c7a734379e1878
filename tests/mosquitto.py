"""A real MQTT broker (Debian's package mosquitto) for tests, and a client that listens."""

from __future__ import annotations

import queue
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

PROGRAM = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
needed = pytest.mark.skipif(PROGRAM is None, reason="no mosquitto here: apt-get install mosquitto")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """Started and stopped at will, always at the same port of this machine. `settings` are lines of mosquitto.conf."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(f"listener {self.port} 127.0.0.1\n{settings}\n")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [PROGRAM, "-v", "-c", str(self._conf)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if "running" in line:
                break
        else:
            raise RuntimeError(f"mosquitto ended with {self._process.wait()}")
        threading.Thread(target=self._process.stderr.read, daemon=True).start()  # a full pipe would hold it up

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It stays connected and takes nothing any more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class Listener:
    """Hears a topic; `get` waits for the next message, as (topic, payload, retained)."""

    def __init__(self, broker: Broker, topic: str = "#") -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._heard: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda client, data, message: self._heard.put(
            (message.topic, message.payload, message.retain)
        )
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._client.subscribe(topic, qos=2)
        assert subscribed.wait(10)

    def get(self) -> tuple[str, bytes, bool]:
        return self._heard.get(timeout=30)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
