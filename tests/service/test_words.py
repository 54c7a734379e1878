"""What is said: to systemd, to the journal, and to a person."""

from __future__ import annotations

import io
import socket

import pytest
from rich.console import Console

from edge_runtime.core.quantiles import Quantiles
from edge_runtime.pipeline.accounts import FrameCounts, Snapshot
from edge_runtime.pipeline.cameras import CameraVitals
from edge_runtime.pipeline.outages import CameraAccount
from edge_runtime.pipeline.steered import SteeringState
from edge_runtime.service.journal import Journal, is_journal
from edge_runtime.service.manager import parsed
from edge_runtime.service.notify import Notifier
from edge_runtime.service.sentence import sentence
from edge_runtime.service.terminal import lasting, status_of

POINTS = ("a", "b", "c", "d", "e", "f", "g", "h", "i")
S = 1_000_000


def snapshot(fps=30.0, failed=0):
    return Snapshot(FrameCounts(captured=9, published=9, failed=failed), 1.0, fps, 9.0, 12.0, {})


def camera(fps, no_picture=None, **keys):
    return CameraVitals(FrameCounts(), fps, Quantiles(), CameraAccount(0, 0.0, 0.0), no_picture, **keys)


@pytest.fixture
def hears(tmp_path):
    """A datagram socket: (its address, what it hears next)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "socket"))
        ear.settimeout(5)
        yield str(tmp_path / "socket"), lambda: ear.recv(65536)


def test_the_sentence_says_rate_power_and_point():
    state = SteeringState(power_w=41.2, power_budget_w=60.0, point="g", binding=None, alarm=None)
    assert sentence(snapshot(), state, POINTS) == "30.0 fps, 41 W of 60, point 7 of 9"


def test_what_was_not_measured_is_not_said():
    assert sentence(snapshot()) == "30.0 fps"
    assert sentence(snapshot(fps=None)) == "starting"
    assert sentence(snapshot(), SteeringState(None, 60.0, None, None, None), POINTS) == "30.0 fps"


def test_a_silent_camera_failed_frames_and_alarms_are_said():
    state = SteeringState(41.2, None, "x", None, "power is not measured")
    said = sentence(snapshot(failed=2), state, POINTS, silent_s=12.3, cameras={"front": camera(None)})
    assert said == "no picture from front for 12 s, 41 W, 2 frames failed, ALARM: power is not measured"


def test_several_cameras_are_told_one_by_one():
    cameras = {
        "front": camera(29.94),
        "left": camera(None, "no picture from left for 12 s: no stream there", away_s=12.3),
        "right": camera(None, "camera right ended: given up"),
        "rear": camera(None),
        "film": camera(None, ended=True),
    }
    state = SteeringState(power_w=41.2, power_budget_w=60.0, point="g", binding=None, alarm=None)
    said = sentence(snapshot(), state, POINTS, cameras=cameras)
    assert said == ("front 29.9 fps, left away 12 s, right ended, rear starting, film ended, 41 W of 60, point 7 of 9")


def test_of_many_cameras_the_slowest_is_told_and_those_that_give_nothing():
    cameras = {f"camera{n}": camera(30.0 + n) for n in range(7)}
    assert sentence(snapshot(), cameras=cameras) == "30.0 fps of the slowest of 7 cameras"
    cameras["rear"] = camera(None, "no picture from rear for 3 s", away_s=3.0)
    assert sentence(snapshot(), cameras=cameras) == "30.0 fps of the slowest of 8 cameras, rear away 3 s"
    silent = {name: camera(None, "no picture", away_s=3.0) for name in cameras}
    assert sentence(snapshot(fps=None), cameras=silent).startswith("starting, camera0 away 3 s, ")


def test_systemd_gets_one_line_a_value(hears):
    address, heard = hears
    Notifier(address).send(READY=1, STATUS="two\nlines, and  spaces")
    assert heard() == b"READY=1\nSTATUS=two lines, and spaces"


def test_an_abstract_address_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0edge-runtime-test")
        ear.settimeout(5)
        Notifier("@edge-runtime-test").send(WATCHDOG=1)
        assert ear.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all"])
def test_nobody_who_listens_is_no_trouble(address):
    Notifier(address).send(READY=1)


def test_the_journal_gets_priority_camera_and_frame(hears):
    address, heard = hears
    Journal("demo", io.StringIO(), native=True, address=address).say("warning", "failed", "front", 812)
    entry = heard().decode().splitlines()
    assert {"MESSAGE=failed", "PRIORITY=4", "PIPELINE=demo", "CAMERA=front", "FRAME=812"} <= set(entry)


def test_a_message_of_several_lines_stays_one_entry(hears):
    address, heard = hears
    Journal("demo", io.StringIO(), native=True, address=address).say("error", "one\ntwo")
    assert heard().startswith(b"MESSAGE\n" + (7).to_bytes(8, "little") + b"one\ntwo\nPRIORITY=3\n")


def test_lines_keep_their_priority_when_the_journal_does_not_take_them():
    stderr = io.StringIO()
    Journal("demo", stderr, native=True, address="/nowhere").say("error", "one\ntwo")
    assert stderr.getvalue() == "<3>one\n<3>two\n"


def test_a_terminal_gets_plain_lines():
    stderr = io.StringIO()
    Journal("demo", stderr, native=False).say("error", "broken", "front", 1)
    assert stderr.getvalue() == "broken\n"


def test_the_journal_is_known_by_device_and_inode(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        status = (tmp_path / "log").stat()
        assert is_journal(stream, f"{status.st_dev}:{status.st_ino}")
        assert not is_journal(stream, "8:1")
        assert not is_journal(stream, None)
    assert not is_journal(io.StringIO(), "8:1")


def shown(errors=(), run="/var/lib/edge-runtime/demo/runs/demo-1", **values):
    console = Console(file=io.StringIO(), width=100)
    console.print(status_of(parsed("demo", values), 7500 * S, run, errors))
    return console.file.getvalue()


def test_a_running_service_is_one_glance():
    text = shown(
        ActiveState="active", ActiveEnterTimestampMonotonic="12", UnitFileState="enabled", User="edge-runtime",
        StatusText="30.0 fps, 41 W of 60, point 7 of 9", NRestarts="1",
    )  # fmt: skip
    assert [line.rstrip() for line in text.splitlines()] == [
        "● demo  running for 2 h 4 min, restarted 1 time",
        "  30.0 fps, 41 W of 60, point 7 of 9",
        "  pipeline  /etc/edge-runtime/demo.yaml",
        "  results   /var/lib/edge-runtime/demo/runs/demo-1",
        "  at boot   yes, as user edge-runtime",
        "  logs      edge-run service logs demo",
    ]


def test_a_failed_service_says_why_what_it_said_and_what_to_type():
    text = shown(
        [{"message": "camera front: cannot be opened"}], ActiveState="failed", Result="exit-code", ExecMainStatus="1"
    )
    assert "✗ demo  failed: it ended with an error" in text
    assert "camera front: cannot be opened" in text
    assert "sudo systemctl reset-failed edge-runtime@demo.service" in text
    assert "no: sudo systemctl enable edge-runtime@demo.service" in text


@pytest.mark.parametrize(
    ("result", "code", "says"),
    [
        ("watchdog", "0", "the watchdog killed it"),
        ("exit-code", "2", "its pipeline file cannot run"),
        ("start-limit-hit", "0", "started too often"),
        ("something-new", "0", "something-new"),
    ],
)
def test_the_reason_of_a_failure_is_in_words(result, code, says):
    assert says in parsed("demo", {"ActiveState": "failed", "Result": result, "ExecMainStatus": code}).why


def test_what_systemd_does_not_know_is_unknown():
    state = parsed("demo", {"MemoryCurrent": "[not set]", "MainPID": "0", "ActiveEnterTimestampMonotonic": "0"})
    assert (state.memory_mb, state.pid, state.started_us, state.active) == (None, None, None, "unknown")
    assert parsed("demo", {"MemoryCurrent": str(2**64 - 1)}).memory_mb is None


@pytest.mark.parametrize(
    ("seconds", "says"), [(12, "12 s"), (301, "5 min"), (7500, "2 h 5 min"), (4 * 86400 + 3600, "4 d 1 h")]
)
def test_durations_read_as_people_say_them(seconds, says):
    assert lasting(seconds) == says
