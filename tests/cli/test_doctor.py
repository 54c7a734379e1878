import json

import pytest

from edge_runtime.cli import doctor
from edge_runtime.cli.main import run_app
from edge_runtime.core.check import Check

CHECKS = [
    Check("sysfs", "ok", "answers in 2.9 ms"),
    Check("jtop", "error", "the service is not running", "sudo systemctl restart jtop"),
]


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setitem(doctor.AREAS, "telemetry", lambda: CHECKS)


@pytest.mark.parametrize("area", [(), ("telemetry",)])
def test_doctor_prints_one_document_of_its_checks(found, capsys, area):
    assert run_app(["doctor", *area, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["checks"][1] == {
        "name": "jtop",
        "state": "error",
        "found": "the service is not running",
        "fix": "sudo systemctl restart jtop",
    }


def test_doctor_shows_what_to_type_below_what_is_wrong(found, capsys):
    run_app(["doctor", "telemetry"])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "✓  sysfs  answers in 2.9 ms",
        "✗  jtop   the service is not running",
        "          → sudo systemctl restart jtop",
    ]


def test_doctor_finds_nothing_wrong_on_this_machine(capsys):
    assert run_app(["doctor", "telemetry", "--json"]) == 0
    states = {check["state"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert states <= {"ok", "warning"}


def test_an_area_that_is_not_there_is_named(capsys):
    assert run_app(["doctor", "telemetri"]) == 2
    assert "telemetri" in capsys.readouterr().err
