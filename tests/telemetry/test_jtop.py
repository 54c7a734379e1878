"""The watchdog around the jtop client, with a child that plays a script; the real one is in tests/integration."""

from __future__ import annotations

import json
import os
import sys

import pytest

from edge_runtime.core import SystemClock
from edge_runtime.telemetry import jtop
from edge_runtime.telemetry.jtop import JtopTelemetry, sample_of
from tests.jetson_emulator.machine import until

RECORD = {
    "uptime_s": 100.0,
    "age_s": 0.25,
    "rails_mw": {"VDD_GPU_SOC": 2390, "VDD_CPU_CV": -398},
    "total_mw": 1992,
    "total_rail": None,
    "temp_c": {"tj": 46.0},
    "gpu_pct": 97.0,
    "gpu_mhz": 816.0,
    "cpu_pct": 40.0,
    "mode": "MODE_50W",
}


@pytest.fixture
def child(tmp_path):
    """A command whose process says these lines and then stays, or ends; it leaves its process id in a file."""
    pids = tmp_path / "pids"

    def command(*lines, then="import time; time.sleep(600)"):
        script = tmp_path / "child.py"
        said = "".join(json.dumps(line) + "\n" for line in lines)
        script.write_text(
            f"import os, sys\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
            f"sys.stdout.write({said!r})\nsys.stdout.flush()\n{then}\n"
        )
        return [sys.executable, str(script)]

    command.pids = lambda: [int(line) for line in pids.read_text().split()] if pids.exists() else []
    return command


def moved(uptime_s, **values):
    return {**RECORD, "uptime_s": uptime_s, **values}


def test_a_sample_is_as_old_as_the_service_says():
    sample = sample_of(RECORD, 10_000_000_000)
    assert sample.t_ns == 9_750_000_000
    assert sample.rails_w == {"VDD_GPU_SOC": 2.39, "VDD_CPU_CV": 0.0}
    assert sample.power_w == 2.39
    assert (sample.gpu_load, sample.cpu_load, sample.power_mode) == (0.97, 0.4, "MODE_50W")


def test_the_rail_that_jtop_takes_for_the_total_is_a_rail_again():
    sample = sample_of({**RECORD, "total_rail": "VDD_IN", "total_mw": 6100}, 0)
    assert sample.rails_w["VDD_IN"] == sample.power_w == 6.1


def test_samples_arrive_and_the_newest_is_read(child):
    with JtopTelemetry(SystemClock(), 100, child(moved(1.0), moved(1.5, mode="MAXN"))) as source:
        assert until(lambda: (sample := source.read(0)) and sample.power_mode == "MAXN")
        assert source.problem is None


def test_a_rail_that_goes_missing_takes_the_total_with_it(child):
    less = moved(1.5, rails_mw={"VDD_GPU_SOC": 2390})
    with JtopTelemetry(SystemClock(), 100, child(moved(1.0), less)) as source:
        assert until(lambda: (sample := source.read(0)) and "VDD_CPU_CV" not in sample.rails_w)
        assert source.read(0).power_w is None


def test_repeated_samples_count_as_none_and_the_child_is_replaced(child):
    line = repr(json.dumps(RECORD))
    frozen = f"import time\nwhile True:\n    print({line}, flush=True)\n    time.sleep(0.05)"
    with JtopTelemetry(SystemClock(), 100, child(RECORD, then=frozen)) as source:
        assert until(lambda: source.read(0) is not None)
        first_ns = source.read(0).t_ns
        assert until(lambda: source.problem is not None)
        assert source.problem.startswith("the jtop service no longer samples: sudo systemctl restart jtop")
        assert source.read(0).t_ns == first_ns
        assert until(lambda: len(child.pids()) == 2)
        assert not alive(child.pids()[0])


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("service_down", "sudo systemctl restart jtop"),
        ("no_permission", "sudo usermod -aG jtop $USER"),
        ("version_mismatch", "pip install jetson-stats==VERSION"),
        ("not_installed", "pip install 'jetson-stats"),
        ("never heard of", "journalctl -u jtop"),
    ],
)
def test_trouble_is_answered_with_what_to_type(child, kind, says):
    with JtopTelemetry(SystemClock(), 100, child({"problem": kind, "text": "so it is"}, then="")) as source:
        assert until(lambda: source.problem is not None)
        assert says in source.problem
        assert source.problem.endswith("[so it is]")
        assert source.read(0) is None


def test_a_child_that_never_starts_is_killed_and_another_tried(child, monkeypatch):
    monkeypatch.setattr(jtop, "START_S", 0.2)
    with JtopTelemetry(SystemClock(), 100, child()) as source:
        assert until(lambda: source.starts == 2)
        assert "got no first sample" in source.problem
        assert until(lambda: child.pids() and not alive(child.pids()[0]))


def test_closing_ends_the_child(child):
    source = JtopTelemetry(SystemClock(), 100, child(RECORD))
    assert until(lambda: source.read(0) is not None)
    source.close()
    source.close()
    assert not alive(child.pids()[-1])


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
