#!/usr/bin/env python
"""What each output costs in CPU time a frame, and how long a result is on its way to another process.

    python scripts/output_cost.py            all outputs in turns, about five minutes
    python scripts/output_cost.py udp zmq    only these

Results with 20 boxes at 100 a second, through the queue and the thread that every sink of a run has. CPU time is that
of the sending process beyond one that sends nothing; a broker's and the consumers' are not in it. The way is timed from
the moment the pipeline hands the result over to the moment a consumer of Python has it in hand, before it is parsed:
`shared_memory` is read by one that asks all the time, `shared_memory polled` by one that asks twice a millisecond.
Figures are printed as one JSON document; each is the median of five rounds.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np

from edge_runtime.config.schema import JsonlSink, MqttSink, SharedMemorySink, Sink, UdpSink, ZmqSink
from edge_runtime.core import COCO, ClassTable, Detections, Frame, FrameResult, OperatingPoint, SystemClock
from edge_runtime.evaluate.bench import machine
from edge_runtime.pipeline.outlet import Outlet
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import SinkContext

ROUNDS, FRAMES, PERIOD_NS, BOXES = 5, 300, 10_000_000, 20
WARM = 20
CONSUMER = Path(__file__).with_name("_output_consumer.py")
CLOCK = SystemClock()
PICTURE = np.zeros((8, 8, 3), np.uint8)
KINDS = ("jsonl", "udp", "zmq", "mqtt", "shared_memory", "shared_memory polled")


def result(n: int) -> tuple[Frame, FrameResult]:
    """Boxes as a road has them; the time of capture is that of the hand-over, by which the way is timed."""
    chance = np.random.default_rng(n)
    corner = chance.uniform(0, 1800, (BOXES, 2))
    boxes = np.concatenate([corner, corner + chance.uniform(10, 120, (BOXES, 2))], 1)
    found = Detections.of(boxes, chance.uniform(0.3, 1, BOXES), chance.integers(0, 10, BOXES), np.arange(BOXES))
    now_ns = CLOCK.now_ns()
    frame = Frame(n, "front", now_ns, PICTURE, 20.0)
    return frame, FrameResult(n, "front", now_ns, 30.0, OperatingPoint(), {"tracked": found})


def send(block: Sink | None, folder: Path) -> tuple[float, int]:
    """CPU seconds of this process for all frames, and how many were written."""
    outlet = None
    if block is not None:
        sink = make_sink(block)
        sink.open(SinkContext(folder, ClassTable(COCO), ("tracked",), 30.0, {}, ("front",), "cost", CLOCK))
        outlet = Outlet(sink, waits=False, clock=CLOCK)
    never, due_ns = threading.Event(), CLOCK.now_ns()
    began_s = 0.0
    for n in range(WARM + FRAMES):
        if n == WARM:
            began_s = time.process_time()
        due_ns += PERIOD_NS
        CLOCK.wait_until_ns(due_ns, never)
        frame, found = result(n)
        if outlet is not None:
            outlet.offer(frame, found)
    took_s = time.process_time() - began_s
    if outlet is None:
        return took_s, 0
    outlet.close(10.0)
    return took_s, outlet.written


# One output with its consumer.


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker(port: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder, "mosquitto.conf")
        conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        try:
            process = subprocess.Popen(["mosquitto", "-v", "-c", conf], stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            sys.exit("output_cost.py: there is no mosquitto here: apt-get install mosquitto, or name other outputs")
        assert process.stderr is not None
        while "running" not in process.stderr.readline():
            pass
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def measure(kind: str, idle_s: float) -> dict[str, float]:
    with ExitStack() as owner:
        folder = Path(owner.enter_context(tempfile.TemporaryDirectory()))
        port, name = free_port(), f"edge-cost-{uuid4().hex}"
        block: Sink
        match kind:
            case "jsonl":
                block, address = JsonlSink(kind="jsonl"), ""
            case "udp":
                block, address = UdpSink(kind="udp", to=port), str(port)
            case "zmq":
                address = f"tcp://127.0.0.1:{port}"
                block = ZmqSink(kind="zmq", bind=address)
            case "mqtt":
                owner.enter_context(broker(port))
                block, address = MqttSink(kind="mqtt", broker=f"127.0.0.1:{port}"), str(port)
            case _:
                block, address = SharedMemorySink(kind="shared_memory", name=name), name
        if not address:
            took_s, written = send(block, folder)
            return {"cpu_us": 1e6 * (took_s - idle_s) / FRAMES, "written": written}
        command = [sys.executable, CONSUMER, kind, address, str(WARM), str(WARM + FRAMES - 1)]
        consumer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        owner.callback(consumer.kill)
        assert consumer.stdout is not None
        consumer.stdout.readline()
        took_s, written = send(block, folder)
        ways = json.loads(consumer.stdout.readline())
        return {
            "cpu_us": 1e6 * (took_s - idle_s) / FRAMES,
            "written": written,
            "way_us_p50": statistics.median(ways),
            "way_us_p99": sorted(ways)[int(0.99 * len(ways))],
        }


def main(kinds: list[str]) -> None:
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        idle_s, _ = send(None, Path())
        for kind in kinds:
            rounds[kind].append(measure(kind, idle_s))
    figures = {
        kind: {key: round(statistics.median(each[key] for each in of_kind), 1) for key in of_kind[0]}
        for kind, of_kind in rounds.items()
    }
    setting = {"boxes": BOXES, "frames": FRAMES, "rounds": ROUNDS, "a_second": 1e9 / PERIOD_NS}
    print(json.dumps({"machine": machine(), **setting, "outputs": figures}, indent=2))


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(KINDS)
    if unknown := set(wanted) - set(KINDS):
        sys.exit(f"output_cost.py: there is no {', '.join(unknown)}; there are {', '.join(KINDS)}")
    main(wanted)
