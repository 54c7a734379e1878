"""A governed pipeline on an emulated Jetson, and the test as the physics between the two.

The pipeline runs there as its own program. What it decides changes what the board draws, as on a real one: whenever
the test looks (`until`), the current of the GPU's rail is set to that of the newest decision's point.
"""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from itertools import groupby

from tests.jetson_emulator.machine import until
from tests.jetson_emulator.tree import RAILS

GPU = "VDD_GPU_SOC"
AT_REST_W = {rail: milli_v * milli_a / 1e6 for rail, (_, _, milli_v, milli_a) in RAILS.items()}
JITTER_W = 0.4  # one step of the sensor: a rail of which every reading is the same has died
WATTS = {"low": 3.0, "mid": 9.0, "high": 18.0}
LADDER = f"""\
board: emulated AGX Orin
idle_w: {sum(AT_REST_W.values()):.1f}
camera_fps: 25
points: # nobody's time counts here, only watts
  - name: low
    knobs: {{detector_period: 4, power_mode: MODE_50W}}
    {{}}
    watts: {WATTS["low"]}
    usefulness: 0.5
  - name: mid
    knobs: {{detector_period: 2, power_mode: MODE_50W}}
    {{}}
    watts: {WATTS["mid"]}
    usefulness: 0.7
  - name: high
    knobs: {{power_mode: MAXN}}
    {{}}
    watts: {WATTS["high"]}
    usefulness: 0.9
""".replace("{}", "fps: 25\n    latency_ms: {p50: 5, p99: 8}\n    busy_ms: {gpu: 0, host: 1}")
GOVERNED = """
budgets: {{power_w: 40, thermal_c: 90}}
governor: {{ladder: ladder.yaml, period_ms: 100, stale_ms: 3000}} # a busy machine is no dead sensor
telemetry: {{source: {telemetry}, period_ms: 100}}
board: {{control: true}}
"""


class GovernedRun:
    """`edge-run` inside an emulated Jetson. `extra_w` is what something else on the board draws.

    `broken`, when set, is called in place of setting the current.
    """

    def __init__(self, orin, pipeline, telemetry):
        text = pipeline.read_text().replace("pace: fast", "loop: true")
        pipeline.write_text(text + GOVERNED.format(telemetry=telemetry))
        (pipeline.parent / "ladder.yaml").write_text(LADDER)
        self.orin, self.folder, self.extra_w, self.broken = orin, pipeline.parent / "run", 0.0, None
        self._shown, self._errors = pipeline.parent / "shown.txt", pipeline.parent / "errors.txt"
        self._looks = 0
        self.process = subprocess.Popen(
            [*orin.enter, sys.executable, "-m", "edge_runtime", str(pipeline), "--out", str(self.folder)],
            stdout=self._shown.open("wb"),
            stderr=self._errors.open("wb"),
        )

    def until(self, condition, seconds=30.0):
        """Be the board until this holds; the test fails with the run's own words when it never does."""

        def look():
            self._be_the_board()
            return self.process.poll() is not None or (bool(self.decisions) and condition())

        assert until(look, seconds), f"{self.newest}\n{self.said}"
        assert self.process.poll() is None, self.said

    def _be_the_board(self):
        self._looks += 1
        if self.broken is not None:
            self.broken()
        elif self.decisions:
            jitter_w = JITTER_W * (self._looks % 2)
            self.orin.tree.power_w(GPU, AT_REST_W[GPU] + WATTS[self.newest["point"]] + self.extra_w + jitter_w)

    @property
    def decisions(self):
        path = self.folder / "decisions.jsonl"
        whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
        return [json.loads(line) for line in whole.splitlines()]

    def settles_at(self, point, mode):
        """Runs at this point, in this power mode, and the log of seconds shows what it then draws."""
        wanted_w = sum(AT_REST_W.values()) + WATTS[point] + self.extra_w

        def settled():
            row = (self.rows or [{}])[-1]
            at = (self.newest["point"], row.get("point"), row.get("power_mode")) == (point, point, mode)
            return at and abs(float(row["power_w"] or 0) - wanted_w) < 1.0

        self.until(settled)

    @property
    def newest(self):
        return (self.decisions or [None])[-1]

    @property
    def points(self):
        """The points in the order in which they were run at."""
        return [name for name, _ in groupby(line["point"] for line in self.decisions)]

    @property
    def rows(self):
        path = self.folder / "power_fps.csv"
        return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []

    @property
    def said(self):
        return self._errors.read_text() + self._shown.read_text()

    @property
    def summary(self):
        return json.loads((self.folder / "summary.json").read_text())

    def end(self):
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
