"""A run from an RTSP camera behind a bad network: delayed, losing packets, cut, or with a camera that starts anew.

    python -m tests.integration.bad_network {delay,loss,cut,restart} PIPELINE OUT       as root, on Linux

Two networks of their own, one of the camera and one of the run, with nothing between them but a process that passes
packets from one tunnel to the other, late or not at all: what `tc netem` does where a kernel has it. Prints what became
of the run as one JSON document; exits 77, with the reason, where no such network can be made.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import multiprocessing
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLONE_NEWNET, TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x40000000, 0x400454CA, 0x0001, 0x1000
CAMERA, CAR, PORT = "10.9.0.1", "10.9.0.2", "8554"
SERVER = Path(__file__).with_name("rtsp_server.py")
NOT_HERE = 77
PATIENCE_S = 60.0
# A picture without any trouble is some 50 ms old.
FRESH_MS = 500.0


def new_network(name: str, own: str, other: str) -> int:
    """Move into a network of its own whose only way out is a tunnel; returns the tunnel's other end."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network of its own (not root?)")
    tunnel = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        f"ip address add {own} peer {other} dev {name}",
        f"ip link set {name} up",
        "ip link set lo up",
    ):
        subprocess.run(command.split(), check=True)
    return tunnel


class Line:
    """What lies between: each packet comes `delay_s` late, and a share `loss` of them never."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self._state = multiprocessing.Array("d", [0.0, 0.0, 0.0])
        self._process = multiprocessing.get_context("fork").Process(target=self._pass_on, args=(ends,), daemon=True)
        self._process.start()

    def be(self, delay_s: float = 0.0, loss: float = 0.0) -> None:
        with self._state:
            self._state[:2] = [delay_s, loss]

    @property
    def lost(self) -> int:
        """Packets so far."""
        return int(self._state[2])

    def _pass_on(self, ends: tuple[int, int]) -> None:
        chance, waiting, number = random.Random(0), list[tuple[float, int, int, bytes]](), 0
        other = dict(zip(ends, reversed(ends), strict=True))
        while True:
            late_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            for end in select.select(ends, (), (), late_s)[0]:
                packet = os.read(end, 65536)
                with self._state:
                    delay_s, loss, _ = self._state[:]
                    lost = chance.random() < loss
                    self._state[2] += lost
                if not lost:
                    number += 1
                    heapq.heappush(waiting, (time.monotonic() + delay_s, number, other[end], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                *_, end, packet = heapq.heappop(waiting)
                os.write(end, packet)


class Camera:
    """The server in its own network, which a process that was started there keeps."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(["sleep", "infinity"])
        self._server: subprocess.Popen[str] | None = None

    def start(self) -> None:
        server = ["/usr/bin/python3", str(SERVER), "--address", CAMERA, "--port", PORT]
        command = ["nsenter", f"--net=/proc/{self._keeper.pid}/ns/net", *server]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        if not self._server.stdout.readline():
            sys.exit(self._server.wait())

    def stop(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.communicate()

    def close(self) -> None:
        self.stop()
        self._keeper.kill()
        self._keeper.wait()


class Watched:
    """A run, and how old each picture was when its result came out."""

    def __init__(self, pipeline: str, out: str) -> None:
        # Not before the line is a process of its own: it has no use for their threads.
        import edge_runtime
        from tests.integration.test_rtsp_camera import age_ms

        self._age_ms = age_ms
        source = f"source={{kind: camera, device: 'rtsp://{CAMERA}:{PORT}/front', reconnect: {{at_start: wait}}}}"
        self.ages_ms: list[float] = []
        self.run = edge_runtime.load(pipeline, [source]).start(out=Path(out), on_result=self._see)

    def _see(self, frame: Any, result: Any) -> None:
        self.ages_ms.append(float(self._age_ms(frame, result)))

    def more(self, count: int) -> list[float]:
        """The ages of the next results."""
        before = len(self.ages_ms)
        self.until(lambda: len(self.ages_ms) >= before + count)
        return self.ages_ms[before : before + count]

    def fresh(self) -> None:
        """Wait until ten results in a row are."""
        self.more(10)
        self.until(lambda: max(self.ages_ms[-10:]) < FRESH_MS)

    def until(self, holds: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not holds():
            if time.monotonic() > end_s:
                sys.exit(f"nothing of the kind in {PATIENCE_S:.0f} s; {len(self.ages_ms)} results")
            time.sleep(0.02)


def delay(line: Line, camera: Camera, watched: Watched) -> dict[str, Any]:
    line.be(delay_s=0.6)
    watched.until(lambda: watched.ages_ms[-1] > 600)
    late_ms = watched.more(30)
    line.be()
    watched.fresh()
    return {"late_ms": late_ms}


def loss(line: Line, camera: Camera, watched: Watched) -> dict[str, Any]:
    line.be(loss=0.05)
    lossy_ms = watched.more(160)
    line.be()
    watched.fresh()
    return {"lossy_ms": lossy_ms}


def cut(line: Line, camera: Camera, watched: Watched) -> dict[str, Any]:
    line.be(loss=1.0)
    watched.until(lambda: "sent nothing for 3 s" in (watched.run.no_picture() or ""))
    line.be()
    watched.until(lambda: watched.run.no_picture() is None)
    watched.fresh()
    return {}


def restart(line: Line, camera: Camera, watched: Watched) -> dict[str, Any]:
    """Over a line that is slow and loses packets until the camera is back."""
    line.be(delay_s=0.05, loss=0.1)
    watched.more(10)
    camera.stop()
    watched.until(lambda: watched.run.no_picture() is not None)
    camera.start()
    watched.until(lambda: watched.run.no_picture() is None)
    line.be()
    watched.fresh()
    return {}


def main() -> None:
    kind, pipeline, out = sys.argv[1:]
    try:
        of_camera = new_network("camera", CAMERA, CAR)
        camera = Camera()
        of_car = new_network("car", CAR, CAMERA)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no bad network can be made here: {error}", file=sys.stderr)
        sys.exit(NOT_HERE)
    line = Line((of_camera, of_car))
    try:
        camera.start()
        watched = Watched(pipeline, out)
        watched.fresh()
        told = {"delay": delay, "loss": loss, "cut": cut, "restart": restart}[kind](line, camera, watched)
        summary = watched.run.finish().document()
        print(json.dumps({**told, "lost": line.lost, "summary": summary}))
    finally:
        camera.close()


if __name__ == "__main__":
    main()
