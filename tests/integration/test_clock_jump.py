"""The clock is set in the middle of a drive, hours on and hours back, as NTP does after a boot without a battery.

Only the process under test sees it (`clock_jump.c`): no clock of this machine is touched.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from mcap.reader import make_reader

from edge_runtime.recording.reader import RecordedFrame, Recording
from edge_runtime.recording.schemas import image_topic
from tests.service.machine import CHECKOUT, until
from tests.tiny import tiny_video

from .test_record_replay import LADDER, lines

S, HOUR = 1_000_000_000, 3600
# What all of a drive of a few seconds is less than, on any machine, and any of the jumps is not.
MINUTES_S = 600
JUMPS_S = (5 * HOUR, -9 * HOUR, 0)


class Clock:
    """Of the processes that it starts; `jump` sets it, in seconds from what it really is."""

    def __init__(self, folder):
        if (compiler := shutil.which("cc")) is None:
            pytest.skip("no C compiler (cc) to make a clock of its own for a process (apt-get install gcc libc6-dev)")
        self._library, self._ahead = folder / "clock_jump.so", folder / "ahead"
        source = Path(__file__).with_name("clock_jump.c")
        made = subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", self._library, source, "-ldl"], check=False)
        assert made.returncode == 0
        self._ahead.write_bytes(bytes(8))

    def jump(self, ahead_s):
        with self._ahead.open("r+b") as file:
            file.write(struct.pack("q", ahead_s * S))

    def start(self, *arguments, cwd):
        environment = {**os.environ, "LD_PRELOAD": str(self._library), "CLOCK_AHEAD": str(self._ahead)}
        environment["PYTHONPATH"] = str(CHECKOUT)
        command = [sys.executable, *map(str, arguments)]
        return subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


BOTH_CLOCKS = """
import time
wall, monotonic = time.time(), time.monotonic()
print("now", flush=True)
while time.time() > wall - 3600:
    time.sleep(0.01)
print(time.monotonic() - monotonic)
"""


def test_the_clock_under_test_really_jumps_and_the_monotonic_one_does_not(clock, tmp_path):
    process = clock.start("-c", BOTH_CLOCKS, cwd=tmp_path)
    assert process.stdout.readline() == b"now\n"
    clock.jump(-9 * HOUR)
    assert 0 < float(process.communicate(timeout=60)[0]) < MINUTES_S


@pytest.fixture
def drive(tiny, tmp_path):
    """A governed live drive of 5 s that is recorded; runs go to `runs/`."""
    tiny_video(tiny.parent / "drive.avi", frames=125)
    (tmp_path / "ladder.yaml").write_text(LADDER)
    rows = [{"t_ns": n * 50_000_000, "source": "sysfs", "power_w": 9.0 + 0.1 * (n % 7)} for n in range(1200)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    text = tiny.read_text().replace("pace: fast", "pace: live")
    text += "budgets: {power_w: 18}\ngovernor: {ladder: ladder.yaml, safe_point: half, period_ms: 100}\n"
    text += "telemetry: {source: recorded, log: log.jsonl, period_ms: 50}\nrecord: {path: drive.mcap}\n"
    tiny.write_text(text)
    return tiny


def runs(folder):
    return sorted((folder / "runs").glob("*")) if (folder / "runs").exists() else []


def results(folder):
    """So many lines are there."""
    file = folder / "detections.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def test_a_clock_that_is_set_touches_neither_pace_nor_latency_nor_outages_nor_the_order_of_a_recording(
    clock, drive, tmp_path
):
    process = clock.start("-m", "edge_runtime", drive, "--json", cwd=tmp_path)
    assert until(lambda: bool(runs(tmp_path)))
    (folder,) = runs(tmp_path)
    for jump_s in JUMPS_S:
        before = results(folder)
        assert until(lambda before=before: results(folder) > before + 10)
        clock.jump(jump_s)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    summary = json.loads(said)
    frames = summary["frames"]
    assert frames["captured"] == 125 == frames["published"] + frames["overwritten"]
    assert summary["seconds"] < MINUTES_S
    assert summary["latency_ms"]["p99"] < MINUTES_S * 1000
    assert summary["cameras"]["front"]["outages"] == 0
    assert summary["governor"]["alarms"] == []
    assert sum(summary["governor"]["seconds_at"].values()) < MINUTES_S
    times = [line["t_capture_ns"] for line in lines(folder)]
    assert all(0 < later - earlier < MINUTES_S * S for earlier, later in pairwise(times))
    with (folder / "drive.mcap").open("rb") as file:
        read = [
            (channel.topic, message.log_time)
            for _, channel, message in make_reader(file).iter_messages(log_time_order=False)
        ]
    logged = [at_ns for _, at_ns in read]
    pictures = [at_ns for topic, at_ns in read if topic == image_topic("front")]
    assert max(logged) - min(logged) < MINUTES_S * S
    assert len(pictures) > 30
    assert pictures == sorted(pictures)
    replayed = Recording(folder / "drive.mcap")
    assert replayed.whole
    assert len(list(replayed.of(RecordedFrame))) == 125
