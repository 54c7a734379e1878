"""jetson-stats from a safe distance: its client runs in a child process, behind a watchdog on the service's uptime.

The client goes on delivering its last sample when the service's sampler dies, and can hang for ever when it starts. So
only a sample whose uptime moved counts; when none comes in time the child is killed with all its helpers and a new one
started, after a pause that grows while nothing answers. Without the service and with it, the runtime never waits.

At 0.5 s the service takes 9 % of a core, at 0.1 s 44 %. Whoever connects first sets the rate for everyone.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from edge_runtime.core import Clock, TelemetrySample

from .base import Closing
from .rails import rail_w, total_w

COMMAND = (sys.executable, "-m", "edge_runtime.telemetry.jtop_child")
MIN_PERIOD_MS = 100.0
START_S = 10.0
FRESH_PERIODS, FRESH_MIN_S = 4.0, 1.5
PAUSE_MIN_S, PAUSE_MAX_S = 0.5, 15.0

# Kind of trouble -> what to type.
FIXES = {
    "not_installed": "jetson-stats is not installed here: pip install 'jetson-stats>=4.2,<8'",
    "service_down": "the jtop service is not running: sudo systemctl restart jtop "
    "(never installed? sudo pip3 install -U jetson-stats && sudo systemctl enable --now jtop)",
    "no_permission": "this user may not talk to the jtop service: sudo usermod -aG jtop $USER, then log in again",
    "version_mismatch": "client and service of jetson-stats differ: install the service's version here "
    "(pip install jetson-stats==VERSION), or sudo pip3 install -U jetson-stats && sudo systemctl restart jtop",
    "sampler_dead": "the jtop service no longer samples: sudo systemctl restart jtop",
    "connection_lost": "the jtop service went away: sudo systemctl status jtop",
    "no_start": "the jtop client got no first sample: sudo systemctl restart jtop",
    "other": "journalctl -u jtop says more",
}


class JtopTelemetry(Closing):
    """Samples of the jtop service, on a thread that owns the child process. `command` starts that child."""

    name = "jtop"

    def __init__(self, clock: Clock, period_ms: float, command: Sequence[str] = COMMAND) -> None:
        self.trouble: str | None = None
        self.detail = ""
        self.starts = 0
        self._clock, self._command = clock, command
        self._period_s = max(period_ms, MIN_PERIOD_MS) / 1e3
        self._newest: TelemetrySample | None = None
        self._rails: set[str] = set()
        self._child: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="telemetry jtop", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        trouble = self.trouble
        return None if trouble is None else FIXES[trouble] + (f" [{self.detail}]" if self.detail else "")

    def read(self, now_ns: int) -> TelemetrySample | None:
        return self._newest

    def close(self) -> None:
        with self._lock:
            self._stop.set()
            if self._child is not None:
                kill_group(self._child)
        self._thread.join()

    def _run(self) -> None:
        pause_s = PAUSE_MIN_S
        while not self._stop.is_set():
            pause_s = PAUSE_MIN_S if self._live() else min(2 * pause_s, PAUSE_MAX_S)
            self._stop.wait(pause_s)

    def _live(self) -> bool:
        """One child from start to end; tells whether it ever gave a sample."""
        with self._lock:
            if self._stop.is_set():
                return False
            child = start_child([*self._command, "watch", str(self._period_s)])
            self._child = child
            self.starts += 1
        assert child.stdout is not None
        try:
            return self._listen(child.stdout)
        finally:
            with self._lock:
                kill_group(child)
            child.stdout.close()

    def _listen(self, lines: IO[bytes]) -> bool:
        uptime_s, rest = None, b""
        due_ns = self._clock.now_ns() + round(START_S * 1e9)
        with selectors.DefaultSelector() as selector:
            selector.register(lines, selectors.EVENT_READ)
            while (left_ns := due_ns - self._clock.now_ns()) > 0:
                if not selector.select(left_ns / 1e9):
                    continue
                if not (chunk := os.read(lines.fileno(), 65536)):
                    if not self._stop.is_set() and self.trouble is None:
                        self._fail("connection_lost", "the child process ended")
                    return uptime_s is not None
                *whole, rest = (rest + chunk).split(b"\n")
                for record in map(json.loads, whole):
                    if "problem" in record:
                        self._fail(record["problem"], record["text"])
                    elif record["uptime_s"] != uptime_s:
                        uptime_s = record["uptime_s"]
                        self._take(record)
                        due_ns = self._clock.now_ns() + round(max(FRESH_PERIODS * self._period_s, FRESH_MIN_S) * 1e9)
        if uptime_s is None:
            self._fail("no_start", f"nothing within {START_S:.0f} s")
        else:
            self._fail("sampler_dead", f"its uptime stands still at {uptime_s:.1f} s")
        return uptime_s is not None

    def _take(self, record: Mapping[str, Any]) -> None:
        sample = sample_of(record, self._clock.now_ns())
        # The service leaves a rail out when it cannot be read; the rest would look like a saving.
        self._rails |= sample.rails_w.keys()
        self._newest = sample if self._rails <= sample.rails_w.keys() else replace(sample, power_w=None)
        self.trouble, self.detail = None, ""

    def _fail(self, trouble: str, detail: str) -> None:
        self.detail = " ".join(detail.split())
        self.trouble = trouble if trouble in FIXES else "other"


def sample_of(record: Mapping[str, Any], arrived_ns: int) -> TelemetrySample:
    """A line of the child as a sample, back-dated by its age."""
    milli = dict(record["rails_mw"])
    if record["total_rail"] is not None:
        milli[record["total_rail"]] = record["total_mw"]
    rails_w = {rail: rail_w(power / 1e3) for rail, power in milli.items()}
    total = total_w(rails_w)
    if total is None and record["total_mw"]:
        total = record["total_mw"] / 1e3
    return TelemetrySample(
        t_ns=arrived_ns - round(record["age_s"] * 1e9),
        source="jtop",
        power_w=total,
        rails_w=rails_w,
        temp_c=record["temp_c"],
        gpu_load=None if record["gpu_pct"] is None else record["gpu_pct"] / 100,
        cpu_load=None if record["cpu_pct"] is None else record["cpu_pct"] / 100,
        clocks_mhz={} if record["gpu_mhz"] is None else {"gpu": record["gpu_mhz"]},
        power_mode=record["mode"],
    )


def start_child(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process that leads a group, with pipes for both ends; what it says on stderr is the client's chatter."""
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and every process it started; may be called twice."""
    if child.returncode is None:  # until it is waited for, its number is its own
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdin is not None:
        child.stdin.close()
