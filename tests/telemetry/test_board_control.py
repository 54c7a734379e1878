import os
import sys

import pytest

from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry import clock_caps
from edge_runtime.telemetry.clock_caps import ClockCaps
from edge_runtime.telemetry.control import COMMAND, BoardControl, BoardSetting
from edge_runtime.telemetry.files import number
from edge_runtime.telemetry.guardian import Guardian, Outcome
from edge_runtime.telemetry.power_modes import power_modes, refusal
from tests.jetson_emulator import machine, tree

MAX_HZ = f"{tree.DEVFREQ}/max_freq"


class Modes:
    """A board whose mode is set at once, unless it is told to refuse."""

    def __init__(self, now="MODE_50W"):
        self.now, self.refuses, self.asked = now, (), []

    def __call__(self, wanted, only_from):
        was = self.now
        self.asked.append(wanted)
        if only_from and was not in only_from:
            return Outcome(was, was)
        if wanted in self.refuses:
            return Outcome(was, was, f"no {wanted} today")
        self.now = wanted
        return Outcome(was, wanted)


def wish(mode=None, gpu=None, cpu=None):
    return {"serial": 1, "power_mode": mode, "gpu_cap_mhz": gpu, "cpu_cap_mhz": cpu}


def test_the_modes_of_a_board_are_those_of_its_file(board):
    modes = power_modes(board.root)
    assert {name: mode.number for name, mode in modes.items()} == {
        "MAXN": 0,
        "MODE_15W": 1,
        "MODE_30W": 2,
        "MODE_50W": 3,
    }
    assert modes["MODE_30W"].gating == (("TPC_PG_MASK", "240"),)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("MAXN", None),
        (
            "MODE_30W",
            "needs a reboot from MODE_50W; without one: MAXN, MODE_50W. To change it by hand: sudo nvpmodel -m 2",
        ),
        ("TURBO", "'TURBO' is no power mode of this board: MAXN, MODE_15W, MODE_30W, MODE_50W"),
    ],
)
def test_a_mode_that_needs_a_reboot_is_refused(board, wanted, says):
    why_not = refusal(power_modes(board.root), "MODE_50W", wanted)
    assert why_not is None if says is None else says in why_not


def test_a_cap_takes_the_fastest_clock_of_the_table_below_it_and_is_lifted_again(board):
    caps = ClockCaps(board.root)
    assert caps.set(700, None) is None
    assert board.get(MAX_HZ) == "612000000"
    assert caps.set(500, 1200) is None
    assert board.get(MAX_HZ) == "408000000"
    assert board.get("sys/devices/system/cpu/cpu3/cpufreq/scaling_max_freq") == "1200000"
    assert caps.restore() is None
    assert board.get(MAX_HZ) == "816000000"
    assert board.get("sys/devices/system/cpu/cpu3/cpufreq/scaling_max_freq") == "1497600"


def test_a_cap_never_goes_above_what_the_mode_allows(board):
    ClockCaps(board.root).set(1300, None)
    assert board.get(MAX_HZ) == "816000000"


def test_a_clock_that_does_not_take_the_cap_is_named(board, monkeypatch):
    stuck = lambda path: 816000000 if path.name == "max_freq" else number(path)  # noqa: E731
    monkeypatch.setattr(clock_caps, "number", stuck)
    assert ClockCaps(board.root).set(612, None).endswith("max_freq was set to 612000000 and reads 816000000")


def test_a_guardian_sets_a_mode_once_and_restores_the_first(board):
    modes = Modes()
    guardian = Guardian(modes, ClockCaps(board.root))
    assert guardian.fulfil(wish("MAXN"))["power_mode"] == "MAXN"
    guardian.fulfil(wish("MAXN"))
    guardian.fulfil(wish("MODE_30W"))
    assert guardian.restore() is None
    assert modes.asked == ["MAXN", "MODE_30W", "MODE_50W"]


def test_a_wish_without_a_mode_goes_back_to_the_first(board):
    modes = Modes()
    guardian = Guardian(modes, ClockCaps(board.root))
    guardian.fulfil(wish("MAXN"))
    assert guardian.fulfil(wish())["power_mode"] == "MODE_50W"


def test_a_mode_that_is_refused_changes_nothing(board):
    modes = Modes()
    modes.refuses = ("MODE_15W",)
    guardian = Guardian(modes, ClockCaps(board.root))
    answer = guardian.fulfil(wish("MODE_15W"))
    assert (answer["power_mode"], answer["problem"]) == ("MODE_50W", "no MODE_15W today")
    guardian.restore()
    assert modes.now == "MODE_50W"


def test_a_mode_that_came_about_after_all_is_restored_too(board):
    modes = Modes()
    modes.refuses = ("MAXN",)
    guardian = Guardian(modes, ClockCaps(board.root))
    assert guardian.fulfil(wish("MAXN"))["power_mode"] == "MODE_50W"
    modes.now = "MAXN"
    guardian.restore()
    assert modes.now == "MODE_50W"


def test_a_mode_that_somebody_else_chose_meanwhile_is_left_alone(board):
    modes = Modes()
    guardian = Guardian(modes, ClockCaps(board.root))
    guardian.fulfil(wish("MAXN"))
    modes.now = "MODE_40W"
    guardian.restore()
    assert modes.now == "MODE_40W"


def test_caps_are_set_back_before_a_mode_brings_limits_of_its_own(board):
    def set_mode(wanted, only_from):
        assert board.get(MAX_HZ) == "816000000"
        board.set_mode(wanted)
        return Outcome("MODE_50W", wanted)

    guardian = Guardian(set_mode, ClockCaps(board.root))
    guardian.fulfil(wish(gpu=612))
    assert guardian.fulfil(wish("MAXN", gpu=1100))["capped"]
    assert board.get(MAX_HZ) == "1020000000"
    guardian.fulfil(wish("MAXN"))
    assert board.get(MAX_HZ) == "1300500000"


def test_a_process_that_ends_its_control_leaves_the_clocks_as_they_were(board):
    control = BoardControl(board.root)
    control.apply(BoardSetting(gpu_cap_mhz=500))
    assert control.status().pending
    assert machine.until(lambda: not control.status().pending)
    assert control.status().capped
    assert board.get(MAX_HZ) == "408000000"
    control.close()
    control.close()
    assert board.get(MAX_HZ) == "816000000"


def test_the_last_of_many_wishes_counts(board):
    control = BoardControl(board.root)
    for mhz in (400, 500, 600, 700):
        control.apply(BoardSetting(gpu_cap_mhz=mhz))
    assert machine.until(lambda: not control.status().pending)
    assert board.get(MAX_HZ) == "612000000"
    control.close()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="nvpmodel wants root")
def test_without_jtop_a_mode_is_set_by_nvpmodel_and_set_back(board):
    tools = f"{machine.HERE / 'tools'}:{os.environ['PATH']}"
    settings = (f"EMULATED_JETSON={board.root}", f"EMULATOR={machine.HERE.parent}", f"PATH={tools}")
    control = BoardControl(board.root, ["env", *settings, *COMMAND])
    control.apply(BoardSetting("MAXN"))
    assert machine.until(lambda: not control.status().pending)
    assert (control.status().power_mode, control.status().problem) == ("MAXN", None)
    assert board.mode() == "MAXN"
    control.close()
    assert board.mode() == "MODE_50W"


def test_a_guardian_that_died_is_said(board):
    control = BoardControl(board.root, [sys.executable, "-c", ""])
    control.apply(BoardSetting(gpu_cap_mhz=500))
    control._guardian.wait()
    with pytest.raises(TelemetryError, match="is gone"):
        control.apply(BoardSetting(gpu_cap_mhz=600))
    control.close()


def test_a_cap_of_nothing_is_no_cap():
    with pytest.raises(ValueError, match="gpu_cap_mhz must be above 0, got 0"):
        BoardSetting(gpu_cap_mhz=0)
