"""A camera whose network delays, loses or cuts packets, or is slow while the camera starts anew (`bad_network.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median

import pytest

from tests.service.machine import CHECKOUT

from .bad_network import FRESH_MS, NOT_HERE
from .test_rtsp_camera import assert_balanced


@pytest.fixture
def run(tiny, tmp_path):
    """What became of a run in such a network; that fresh pictures came at its end is seen there."""

    def run(kind):
        command = [sys.executable, "-m", "tests.integration.bad_network", kind, str(tiny), str(tmp_path / "out")]
        ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
        if ended.returncode == NOT_HERE:
            pytest.skip(f"{ended.stderr.strip()} (root, iproute2, /dev/net/tun and an RTSP server)")
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        assert told["summary"]["error"] is None
        assert_balanced(told["summary"]["frames"])
        return told, told["summary"]["cameras"]["front"]["outages"]

    return run


def test_pictures_of_a_slow_network_are_as_old_as_it_is_slow_and_do_not_grow_older(run):
    told, outages = run("delay")
    assert outages == 0
    assert min(told["late_ms"]) > 600
    assert median(told["late_ms"][-10:]) < 600 + FRESH_MS, "what was late does not stay in a buffer"


def test_lost_packets_cost_time_and_no_outage(run):
    told, outages = run("loss")
    assert told["lost"] > 10
    assert outages == 0
    assert median(told["lossy_ms"]) < FRESH_MS


def test_a_network_that_is_cut_is_an_outage_and_over_when_it_is_whole_again(run):
    told, outages = run("cut")
    assert outages == 1
    away, back = told["summary"]["warnings"]
    assert "sent nothing for 3 s" in away
    assert back.startswith("camera front is back after")


def test_a_camera_that_starts_anew_behind_a_slow_and_lossy_network_is_taken_up_again(run):
    told, outages = run("restart")
    assert told["lost"] > 0
    assert outages == 1
