"""The whole of `edge-run doctor`: on an emulated AGX Orin with the real jtop service, and under a real systemd."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.service.machine import Machine, why_not


def doctor(orin, *arguments):
    """The exit code and the checks by name."""
    command = [*orin.enter, sys.executable, "-m", "edge_runtime", "doctor", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_an_orin_shows_its_board_power_mode_and_jtop_and_what_jetpack_lacks(orin):
    code, checks = doctor(orin, "pipelines/demo.yaml")
    assert code == 0
    assert checks["board"]["found"] == "NVIDIA Jetson AGX Orin Developer Kit"
    assert checks["power mode"]["found"] == "MODE_50W; without a reboot also MAXN"
    assert checks["power"]["found"].startswith("7.0 W")
    assert checks["jtop"]["state"] == "ok"
    assert checks["JetPack"]["fix"].endswith("sudo apt install nvidia-jetpack")
    assert checks["model road"]["state"] == "warning"


def test_a_jtop_service_that_stands_still_does_not_hold_the_rest_up(orin):
    orin.kill_service()
    code, checks = doctor(orin)
    assert code == 0
    assert checks["jtop"]["state"] != "ok"
    assert checks["jtop"]["fix"]
    assert checks["sysfs"]["state"] == "ok"


def test_a_camera_that_is_not_plugged_in_means_it_could_not_run(orin):
    code, checks = doctor(orin, "pipelines/demo.yaml", "--set", "source={kind: camera, device: 63}")
    assert code == 2
    assert checks["source front"]["found"].startswith("/dev/video63 is not there")


def test_a_machine_with_systemd_shows_its_version_and_what_is_installed(tmp_path):
    if reason := why_not():
        pytest.skip(reason)
    (tmp_path / "machine").mkdir()
    with Machine(tmp_path / "machine") as machine:
        machine.write("/etc/systemd/system/edge-runtime@highway.service.d/10-install.conf", "[Service]\n")
        done = machine.run(sys.executable, "-m", "edge_runtime", "doctor", "--json")
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        assert done.returncode == 0
        assert checks["systemd"]["state"] == "ok"
        assert re.fullmatch(r"systemd \d+; services installed: highway", checks["systemd"]["found"])
