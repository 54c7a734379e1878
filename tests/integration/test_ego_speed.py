"""The vehicle's speed over a real UDP port into a live run: the floor in the log of seconds follows it."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys

import pytest

from tests.jetson_emulator.machine import until
from tests.tiny import PIPELINE


@pytest.fixture
def port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def rows_of(folder):
    path = folder / "power_fps.csv"
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def test_the_floor_follows_the_speed_that_is_sent(tiny, port):
    text = PIPELINE.replace("pace: fast", f"loop: true, ego_speed_udp: {port}, ego_speed_stale_ms: 1500")
    tiny.write_text(text + "budgets: {fps_floor: {city: 10, highway: 20}}\n")
    folder = tiny.parent / "run"
    command = [sys.executable, "-m", "edge_runtime", str(tiny), "--out", str(folder), "--seconds", "60"]
    run = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    vehicle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def floor_becomes(floor, speed_kmh, sends=None):
        def look():
            if sends is not None:
                vehicle.sendto(sends, ("127.0.0.1", port))
            row = (rows_of(folder) or [{}])[-1]
            return (row.get("fps_floor"), row.get("speed_kmh")) == (floor, speed_kmh)

        assert until(look, 20.0), rows_of(folder)

    try:
        floor_becomes("20.0", "")
        floor_becomes("10.0", "36.0", b'{"speed_mps": 10, "from": "odometer"}')
        floor_becomes("20.0", "120.0", b'{"speed_kmh": 120}')
        floor_becomes("10.0", "0.0", b'{"speed_kmh": 0}')
        vehicle.sendto(b"fast!", ("127.0.0.1", port))
        floor_becomes("20.0", "")
        run.terminate()
        summary = json.loads(run.communicate(timeout=30)[0])
    finally:
        run.kill()
        run.wait()
        vehicle.close()
    said = " ".join(summary["warnings"])
    assert f"ego speed on 127.0.0.1:{port}: fell silent once" in said
    assert "one datagram was not understood, first 'fast!': no JSON" in said
    assert summary["budgets"]["fps_floor"]["held"] > 0


def test_a_port_that_another_program_has_starts_nothing(tiny, port):
    tiny.write_text(PIPELINE.replace("pace: fast", f"pace: live, ego_speed_udp: 127.0.0.1:{port}"))
    folder = tiny.parent / "run"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        command = [sys.executable, "-m", "edge_runtime", str(tiny), "--out", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be heard: Address already in use" in done.stderr
    assert not folder.exists()
