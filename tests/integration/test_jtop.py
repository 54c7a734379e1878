"""The real jetson-stats service and client on an emulated AGX Orin: readings, faults, power modes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from edge_runtime.core import SystemClock
from edge_runtime.telemetry import control, jtop
from edge_runtime.telemetry.base import Sampler
from edge_runtime.telemetry.combined import Combined
from edge_runtime.telemetry.control import BoardControl, BoardSetting
from edge_runtime.telemetry.jtop import JtopTelemetry
from edge_runtime.telemetry.sysfs import SysfsReader
from tests.jetson_emulator.machine import until

CLOCK = SystemClock()
PERIOD_MS = 200
HOLD_A_MODE = """
from edge_runtime.telemetry.control import BoardControl, BoardSetting
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
control = BoardControl()
control.apply(BoardSetting("MAXN"))
while control.status().pending:
    time.sleep(0.01)
print(control.status().power_mode, flush=True)
time.sleep(600)
"""


@pytest.fixture
def telemetry(orin):
    """jtop telemetry of the emulated board, with its first sample there."""
    with JtopTelemetry(CLOCK, PERIOD_MS, [*orin.enter, *jtop.COMMAND]) as source:
        assert until(lambda: source.read(0) is not None), source.problem or orin.says()
        yield source


@pytest.fixture
def board(orin):
    """Control of the emulated board's power modes."""
    board = BoardControl(command=[*orin.enter, *control.COMMAND])
    yield board
    board.close()


def settled(board):
    assert until(lambda: not board.status().pending)
    return board.status()


def later(telemetry, than, holds=lambda sample: True):
    """A sample taken after `than`, for which something holds."""
    return until(lambda: (sample := telemetry.read(0)).t_ns > than.t_ns and holds(sample))


def test_a_current_that_changes_is_seen(orin, telemetry):
    at_rest = telemetry.read(0)
    assert at_rest.power_w == pytest.approx(7.009)
    assert at_rest.temp_c == {"cpu": 46.0, "gpu": 42.5, "soc0": 43.9, "tj": 46.0}
    assert at_rest.power_mode == "MODE_50W"
    watts = orin.tree.power_w("VDD_GPU_SOC", 40.0)
    orin.tree.temperature_c("tj", 88.5)
    orin.tree.gpu(0.97, 816000000)
    assert later(telemetry, at_rest, lambda sample: sample.rails_w["VDD_GPU_SOC"] == pytest.approx(watts, abs=1e-3))
    assert later(telemetry, at_rest, lambda sample: sample.temp_c["tj"] == 88.5)
    assert later(telemetry, at_rest, lambda sample: (sample.gpu_load, sample.clocks_mhz["gpu"]) == (0.97, 816.0))
    assert telemetry.read(0).power_w == pytest.approx(7.009 - 2.390 + watts, abs=2e-3)


def test_the_kernels_files_and_jtop_make_one_sample(orin):
    slow = JtopTelemetry(CLOCK, 500, [*orin.enter, *jtop.COMMAND])
    with Combined(Sampler(SysfsReader(orin.tree.root), CLOCK, 50), slow) as both:
        assert until(lambda: (sample := both.read(CLOCK.now_ns())) and sample.power_mode == "MODE_50W")
        orin.tree.over_current(3, 7)
        orin.tree.alert("gpu-throttle-alert", 1)
        assert until(lambda: both.read(CLOCK.now_ns()).throttled == ("gpu",))
        sample = both.read(CLOCK.now_ns())
        assert (sample.source, sample.throttle_events["oc3_instantaneous"]) == ("sysfs+jtop", 7)


def test_a_sampler_that_stands_still_gives_nothing_fresh_and_recovers(orin, telemetry):
    orin.signal_sampler(signal.SIGSTOP)
    assert until(lambda: telemetry.problem is not None)
    assert "the jtop service no longer samples: sudo systemctl restart jtop" in telemetry.problem
    last = telemetry.read(0)
    assert until(lambda: telemetry.starts > 1)
    assert telemetry.read(0) is last
    orin.signal_sampler(signal.SIGCONT)
    assert later(telemetry, last)
    assert telemetry.problem is None


def test_a_service_that_is_killed_and_started_again_is_found_again(orin, telemetry):
    orin.kill_service()
    assert until(lambda: telemetry.problem is not None)
    last = telemetry.read(0)
    assert until(lambda: "the jtop service is not running" in (telemetry.problem or ""))
    orin.start_service()
    assert later(telemetry, last)


def test_a_power_mode_is_set_read_back_and_restored(orin, telemetry, board):
    before = telemetry.read(0)
    board.apply(BoardSetting("MAXN"))
    status = settled(board)
    assert (status.power_mode, status.problem) == ("MAXN", None)
    assert orin.tree.mode() == "MAXN"
    assert later(telemetry, before, lambda sample: sample.power_mode == "MAXN")
    board.close()
    assert orin.tree.mode() == "MODE_50W"
    assert later(telemetry, before, lambda sample: sample.power_mode == "MODE_50W")


def test_a_mode_that_needs_a_reboot_is_refused_and_nobody_asks_for_one(orin, board):
    board.apply(BoardSetting("MODE_15W"))
    status = settled(board)
    assert status.power_mode == "MODE_50W"
    assert "power mode MODE_15W needs a reboot from MODE_50W" in status.problem
    assert not (orin.tree.root / "state/reboot_requested").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_power_mode_is_restored_after_its_process_was_killed(orin, number):
    process = subprocess.Popen([*orin.enter, sys.executable, "-c", HOLD_A_MODE], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "MAXN\n"
    assert orin.tree.mode() == "MAXN"
    process.send_signal(number)
    process.communicate(timeout=10)
    assert until(lambda: orin.tree.mode() == "MODE_50W")


def doctor(orin):
    command = [*orin.enter, sys.executable, "-m", "edge_runtime", "doctor", "telemetry", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_doctor_shows_the_service_its_rate_and_the_modes(orin):
    code, checks = doctor(orin)
    assert code == 0
    assert {check["state"] for check in checks.values()} == {"ok"}
    assert checks["jtop"]["found"].endswith("samples a second")
    assert checks["power mode"]["found"] == "MODE_50W; without a reboot also MAXN"
    assert checks["rail VDD_CPU_CV"]["found"] == "0.8 W (CPU, DLA and PVA)"


def test_doctor_says_what_to_type_when_the_service_is_down(orin):
    orin.kill_service()
    code, checks = doctor(orin)
    assert code == 1
    assert checks["jtop"]["state"] == "error"
    assert checks["jtop"]["fix"].startswith("sudo systemctl restart jtop")
    assert checks["sysfs"]["state"] == "ok"
