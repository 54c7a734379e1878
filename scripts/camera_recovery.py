"""How soon the first result is out after a camera came back: an RTSP camera that is unplugged, hangs, or is cut off.

    sudo unshare -n .venv/bin/python scripts/camera_recovery.py [PIPELINE.yaml] [--repeats 5] [--away 10]

In a network of its own, because cutting it off takes the whole network down: no packet says that the camera is gone,
and none of an attempt to reach it arrives. Needs the packages python3-gi and gir1.2-gst-rtsp-server-1.0. The camera is
tests/integration/rtsp_server.py, whose key frames are 10 s apart, though the first picture of a connection is one.
Prints one JSON document: seconds from the camera's return to the first result, by kind.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import edge_runtime
from edge_runtime.core import Frame, FrameResult

ROOT = Path(__file__).resolve().parent.parent
SERVER = ROOT / "tests" / "integration" / "rtsp_server.py"
PATIENCE_S = 30.0


class Camera:
    """The server, on one port from its first start to its last."""

    def __init__(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.port = str(unused.getsockname()[1])
        self.plug_in()

    def plug_in(self) -> None:
        command = ["/usr/bin/python3", str(SERVER), "--port", self.port]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        if not self._server.stdout.readline():
            sys.exit(f"{SERVER} does not start: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0")

    def unplug(self) -> None:
        self._server.kill()
        self._server.communicate()

    def hang(self) -> None:
        self._server.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._server.send_signal(signal.SIGCONT)


def link(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


def recoveries_s(pipeline: Path, away: Callable[[Camera], None], back: Callable[[Camera], None], options) -> dict:
    """One run through as many outages as there are repeats."""
    camera, arrived, outages, last_ns = Camera(), threading.Condition(), 0, 0

    def result(frame: Frame, result: FrameResult) -> None:
        nonlocal outages, last_ns
        with arrived:
            if frame.outages > outages or not last_ns:
                outages, last_ns = frame.outages, round(frame.t_capture_ns + result.latency_ms * 1e6)
                arrived.notify_all()

    source = f"source={{kind: camera, device: 'rtsp://127.0.0.1:{camera.port}/front'}}"
    loaded, recoveries = edge_runtime.load(pipeline, [source, "sinks=[]"]), []
    with tempfile.TemporaryDirectory() as folder:
        with loaded.start(out=Path(folder) / "run", on_result=result) as run:
            with arrived:
                arrived.wait_for(lambda: bool(last_ns), PATIENCE_S)
            for _ in range(options.repeats):
                known = outages
                away(camera)
                time.sleep(options.away)
                back_ns = time.monotonic_ns()
                back(camera)
                with arrived:
                    found = arrived.wait_for(lambda known=known: outages > known, PATIENCE_S)
                recoveries.append(round((last_ns - back_ns) / 1e9, 3) if found else None)
            cameras = run.finish().document()["cameras"]
        camera.unplug()
    return {"recovery_s": recoveries, "cameras": cameras}


KINDS = {
    "unplugged": (Camera.unplug, Camera.plug_in),
    "hung": (Camera.hang, Camera.go_on),
    "cut": (lambda camera: link("down"), lambda camera: link("up")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", nargs="?", type=Path, default=ROOT / "pipelines" / "demo.yaml")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--away", type=float, default=10.0, help="seconds of each outage")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this kind; may be repeated")
    options = parser.parse_args()
    if " DOWN " not in subprocess.run(["ip", "-brief", "link", "show", "lo"], capture_output=True, text=True).stdout:
        sys.exit("this would take this machine's network down; type: sudo unshare -n .venv/bin/python " + sys.argv[0])
    link("up")
    kinds = options.kind or KINDS
    print(json.dumps({kind: recoveries_s(options.pipeline, *KINDS[kind], options) for kind in kinds}, indent=2))


main()
