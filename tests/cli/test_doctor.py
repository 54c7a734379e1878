import json
import threading

import pytest

from edge_runtime.cli import doctor_areas
from edge_runtime.cli.main import run_app
from edge_runtime.core import SystemClock
from edge_runtime.core.check import Check

CHECKS = [
    Check("sysfs", "ok", "answers in 2.9 ms"),
    Check("jtop", "error", "the service is not running", "sudo systemctl restart jtop"),
]
SMALL = ("--set", "source.size=[320, 180]", "--set", "source.seconds=2")


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(doctor_areas, "telemetry_checks", lambda: CHECKS)


def examined(capsys, *arguments):
    """The exit code and the checks by name."""
    code = run_app(["doctor", *arguments, "--json"])
    return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}


def test_telemetry_prints_one_document_of_its_checks(found, capsys):
    assert run_app(["doctor", "telemetry", "--json"]) == 1
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


def test_telemetry_finds_nothing_wrong_on_this_machine(capsys):
    assert run_app(["doctor", "telemetry", "--json"]) == 0
    states = {check["state"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert states <= {"ok", "warning"}


def test_an_area_that_is_not_there_is_named(capsys):
    assert run_app(["doctor", "telemetri"]) == 2
    assert "telemetri" in (said := capsys.readouterr().err)
    assert "did you mean `telemetry`?" in said


def test_this_machine_is_looked_at_from_its_board_to_its_disk(capsys):
    code, checks = examined(capsys)
    assert code == 0
    assert {"board", "GPU", "TensorRT", "ONNX Runtime", "OpenCV", "power", "systemd", "groups", "disk"} <= set(checks)
    assert all(check["state"] in ("ok", "warning", "error") and check["found"] for check in checks.values())


def test_the_demo_can_run_here(capsys, tmp_path, monkeypatch):
    demo = doctor_areas.__file__.partition("edge_runtime/cli")[0] + "pipelines/demo.yaml"
    monkeypatch.chdir(tmp_path)
    code, checks = examined(capsys, demo, *SMALL)
    assert code == 0
    assert checks["source front"]["found"] == "a painted drive of 2 s"
    assert checks["results"]["found"] == f"can be written to {tmp_path / 'runs'}"
    assert not (tmp_path / "runs").exists()


def test_a_mistake_in_the_file_makes_exit_code_2_and_says_where(capsys, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nsource: {kind: vidoe}\n")
    code, checks = examined(capsys, str(file))
    assert code == 2
    assert checks["pipeline"]["state"] == "error"


def test_what_a_person_reads_ends_in_a_verdict(capsys, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nsource: {kind: vidoe}\n")
    assert run_app(["doctor", str(file)]) == 2
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "Board"
    assert "Pipeline" in said.splitlines()
    assert "mine.yamlcouldnotrunhere:" in "".join(said.split())  # a long path is wrapped anywhere


def test_an_area_that_hangs_or_breaks_leaves_the_others_standing():
    for_ever = threading.Event()

    def broken():
        raise ImportError("libnvinfer.so.10: no such file")

    areas = {"Hangs": lambda: [Check("x", "ok", str(for_ever.wait()))], "Breaks": broken, "Works": lambda: CHECKS}
    found = doctor_areas.looked_at(areas, SystemClock(), patience_s=0.05)
    for_ever.set()
    assert found["Works"] == CHECKS
    assert [(check.state, check.found) for check in (*found["Hangs"], *found["Breaks"])] == [
        ("error", "nothing within 0.05 s"),
        ("error", "looking failed: ImportError: libnvinfer.so.10: no such file"),
    ]
