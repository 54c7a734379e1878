"""Pipelines as services of a real systemd: ready, watched, reloaded, restarted, given up, stopped, removed."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.service.machine import CHECKOUT, Machine, until, why_not

DEMO = "edge-runtime@demo.service"
MOODY = "edge-runtime@moody.service"
SMALL = [
    *("--set", "source.size=[320, 180]", "--set", "source.seconds=5", "--set", "source.fps=10"),
    *("--set", "sinks.0.path=boxes.jsonl", "--set", "sinks.1.path=drawn.mp4"),
]
GREY, BLINDING, STUNNING = 100, 180, 250
MOODY_PIPELINE = """\
name: moody
source: {kind: images, path: pictures, fps: 20, camera: rear} # comes back to the first picture
models:
  road:
    onnx: moody.onnx
    input: {size: [64, 64], resize: stretch, color: bgr, scale: 1/255}
    decode: {family: end2end, classes: [car], confidence: 0.3}
stages:
  - {name: objects, kind: detect, model: road}
"""


def moody_network(path):
    """Reports one box; its confidence is NaN for a bright picture, and a very bright one it never finishes."""
    value = {
        "box": np.array([8, 8, 40, 40], np.float32).reshape(1, 1, 4),
        "kind": np.zeros((1, 1, 1), np.float32),
        "shape": np.array([1, 1, 1], np.int64),
        "bright": np.float32(0.6),
        "very_bright": np.float32(0.9),
        "nan": np.float32(np.nan),
        "for_ever": np.int64(2**62),
        "not_once": np.int64(0),
        "go_on": np.bool_(True),
    }
    tensor = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["still"], ["still_out"]),
            helper.make_node("Sin", ["x"], ["x_out"]),
        ],
        "body",
        [tensor("n", TensorProto.INT64, []), tensor("still", TensorProto.BOOL, []), tensor("x", TensorProto.FLOAT, [])],
        [tensor("still_out", TensorProto.BOOL, []), tensor("x_out", TensorProto.FLOAT, [])],
    )
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Greater", ["mean", "very_bright"], ["stuns"]),
        helper.make_node("Where", ["stuns", "for_ever", "not_once"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "go_on", "mean"], ["after"], body=body),
        helper.make_node("Greater", ["mean", "bright"], ["blinds"]),
        helper.make_node("Where", ["blinds", "nan", "after"], ["confident"]),
        helper.make_node("Reshape", ["confident", "shape"], ["confidence"]),
        helper.make_node("Concat", ["box", "confidence", "kind"], ["found"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "moody",
        [tensor("image", TensorProto.FLOAT, [1, 3, 64, 64])],
        [tensor("found", TensorProto.FLOAT, [1, 1, 6])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in value.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine with systemd, and on it the demo as an installed service, small and quickly watched."""
    if reason := why_not():
        pytest.skip(reason)
    files = tmp_path_factory.mktemp("files")
    files.chmod(0o755)
    (files / "pictures").mkdir()
    moody_network(files / "moody.onnx")
    for n, grey in enumerate([GREY] * 10 + [BLINDING] + [GREY] * 10 + [STUNNING]):
        cv2.imwrite(str(files / "pictures" / f"{n:02}.png"), np.full((64, 64, 3), grey, np.uint8))
    (files / "moody.yaml").write_text(MOODY_PIPELINE)
    with Machine(tmp_path_factory.mktemp("machine"), files) as machine:
        machine.run("cp", "-r", str(files), "/srv")
        yield machine


@pytest.fixture(scope="module")
def demo(machine):
    """What installing the demo said."""
    done = machine.service("install", str(CHECKOUT / "pipelines/demo.yaml"), *SMALL, "--now")
    assert done.returncode == 0, done.stderr + machine.run("journalctl", "--no-pager", "-n50").stdout
    return done.stdout


@pytest.fixture
def running(machine, demo):
    """The demo runs, whatever a test before did to it."""
    if machine.show(DEMO, "ActiveState") != "active":
        machine.service("install", str(CHECKOUT / "pipelines/demo.yaml"), *SMALL, "--now")
    return machine


def run_folder(machine, name="demo"):
    return json.loads(machine.read(f"/run/edge-runtime/{name}/reloads.json"))["run"]


def said(machine, unit, text):
    return [entry for entry in machine.journal(unit) if text in str(entry["MESSAGE"])]


def edited(machine, old, new):
    """The installed pipeline file with a text replaced, as an editor would leave it."""
    text = machine.read("/etc/edge-runtime/demo.yaml")
    assert old in text
    machine.write("/etc/edge-runtime/demo.yaml", text.replace(old, new))


def test_an_installed_pipeline_is_active_ready_and_watched(running, demo):
    assert "installed demo: /etc/edge-runtime/demo.yaml, as user edge-runtime; it starts at boot" in demo
    assert "running for" in demo
    assert running.show(DEMO, "UnitFileState") == "enabled"
    assert running.show(DEMO, "WatchdogUSec") == "10s"
    assert running.show(DEMO, "User") == "edge-runtime"
    assert len(said(running, DEMO, "ready: the first result is out")) >= 1
    assert until(lambda: re.match(r"\d+\.\d fps", running.show(DEMO, "StatusText")))
    pid = running.show(DEMO, "MainPID")
    status = running.read(f"/proc/{pid}/status")
    assert re.search(r"^CapEff:\t0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)


def test_the_pipeline_is_kept_with_its_comments_its_overrides_and_absolute_paths(running):
    text = running.read("/etc/edge-runtime/demo.yaml")
    assert "# the first is for a traffic light that is 4 pixels wide" in text
    assert f"onnx: {CHECKOUT}/edge_runtime/assets/demo_detector.onnx" in text
    assert "size: [320, 180]" in text
    assert "loop: true" in text
    assert running.run("stat", "--format=%U:%G %a", "/etc/edge-runtime/demo.yaml").stdout == "root:edge-runtime 640\n"


def test_systemd_finds_nothing_to_complain_about(running):
    verified = running.run("systemd-analyze", "verify", DEMO)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    secured = running.run("systemd-analyze", "security", DEMO, "--no-pager").stdout
    assert float(re.search(r"exposure level for \S+: (\d+\.\d)", secured)[1]) < 3.0


def test_status_shows_what_an_engineer_asks_first(running):
    shown = running.service("status")
    assert shown.returncode == 0
    assert "● demo  running for" in shown.stdout
    assert "edge-run service logs demo" in shown.stdout
    (service,) = json.loads(running.service("status", "demo", "--json").stdout)["services"]
    assert (service["state"], service["starts_at_boot"], service["failed_because"]) == ("active", True, None)
    assert service["run"] == run_folder(running)


def test_a_reload_swaps_the_pipeline_in_the_same_process(running):
    before, pid = run_folder(running), running.show(DEMO, "MainPID")
    edited(running, "confidence: 0.35", "confidence: 0.5")
    done = running.service("reload")
    assert (done.returncode, done.stdout) == (0, "demo runs /etc/edge-runtime/demo.yaml as it is now\n")
    assert running.show(DEMO, "MainPID") == pid
    assert running.show(DEMO, "ActiveState") == "active"
    after = run_folder(running)
    assert after != before
    assert "confidence: 0.5" in running.read(f"{after}/pipeline.yaml")
    ended = json.loads(running.read(f"{before}/summary.json"))
    assert ended["error"] is None
    frames = ended["frames"]
    assert frames["captured"] == frames["published"] + frames["overwritten"] + frames["shed"] + frames["failed"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("family: yolox", "family: yolof", "did you mean `yolox`"),
        ("demo_light_state.onnx", "demo_light_stat.onnx", "no such file"),
        ("name: demo", "name: other", "is another service; write `name: demo`"),
    ],
)
def test_a_broken_pipeline_is_refused_and_the_old_one_runs_on(running, old, new, says):
    before, pid = run_folder(running), running.show(DEMO, "MainPID")
    edited(running, old, new)
    done = running.service("reload")
    edited(running, new, old)
    assert done.returncode == 1
    assert says in done.stderr
    assert (run_folder(running), running.show(DEMO, "MainPID")) == (before, pid)
    assert until(lambda: "; a changed pipeline was refused: " in running.show(DEMO, "StatusText"))
    assert [entry["PRIORITY"] for entry in said(running, DEMO, "is refused, the old one runs on")][-1] == "3"
    frames = running.show(DEMO, "StatusText")
    assert re.match(r"\d+\.\d fps", frames)


def test_a_killed_service_is_started_again(running):
    restarts = int(running.show(DEMO, "NRestarts"))
    running.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", DEMO)
    assert until(lambda: int(running.show(DEMO, "NRestarts")) == restarts + 1)
    assert until(lambda: running.show(DEMO, "ActiveState") == "active")
    assert said(running, DEMO, "the last start failed; the next is in 1 s")


def test_stopping_drains_and_leaves_whole_files(running):
    folder = run_folder(running)
    assert until(lambda: running.read(f"{folder}/boxes.jsonl"))
    assert running.run("systemctl", "stop", DEMO).returncode == 0
    assert running.show(DEMO, "Result") == "success"
    frames = json.loads(running.read(f"{folder}/summary.json"))["frames"]
    lines = [json.loads(line) for line in running.read(f"{folder}/boxes.jsonl").splitlines()]
    assert len(lines) == frames["published"] > 0
    shown = running.service("status")
    assert shown.returncode == 1
    assert "○ demo  stopped" in shown.stdout
    assert f"sudo systemctl start {DEMO}" in shown.stdout


def test_a_file_that_cannot_run_is_not_tried_again_and_again(machine, demo):
    machine.run("systemctl", "stop", DEMO)
    text = machine.read("/etc/edge-runtime/demo.yaml")
    machine.write("/etc/edge-runtime/demo.yaml", text.replace("kind: simulation", "kind: simulatoin"))
    assert machine.run("systemctl", "start", DEMO).returncode == 1
    machine.write("/etc/edge-runtime/demo.yaml", text)
    assert (machine.show(DEMO, "ActiveState"), machine.show(DEMO, "ExecMainStatus")) == ("failed", "2")
    shown = machine.service("status").stdout
    assert "✗ demo  failed: its pipeline file cannot run" in shown
    assert "did you mean `simulation`" in shown
    machine.run("systemctl", "reset-failed", DEMO)


def test_a_stuck_engine_is_killed_by_the_watchdog_and_given_up_when_it_happens_again(machine):
    quick = "[Unit]\nStartLimitBurst=2\n[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n"
    machine.write(f"/etc/systemd/system/{MOODY}.d/20-quick.conf", quick)
    installed = machine.service("install", "/srv/moody.yaml", "--now")
    assert installed.returncode == 0, installed.stderr
    assert until(lambda: machine.show(MOODY, "ActiveState") == "failed")
    killed = said(machine, MOODY, "Watchdog timeout (limit 2s)!")
    assert len(killed) == 2
    assert said(machine, MOODY, "Fatal Python error: Aborted")
    shown = machine.service("status", "moody").stdout
    assert "✗ moody  failed: frames stopped coming out, and the watchdog killed it; given up after" in shown
    assert "Watchdog timeout (limit 2s)!" in shown
    (failed, *_) = said(machine, MOODY, "camera rear, frame")
    assert (failed["PRIORITY"], failed["CAMERA"], failed["FRAME"]) == ("4", "rear", "10")
    logs = json.loads(machine.service("logs", "moody", "--camera", "rear", "--json").stdout)["lines"]
    assert {(line["camera"], line["frame"]) for line in logs} == {("rear", 10)}


def test_uninstalling_removes_everything_but_the_results(machine):
    machine.service("install", "/srv/moody.yaml")
    done = machine.service("uninstall", "moody")
    assert done.returncode == 0
    assert "Its results stay in /var/lib/edge-runtime/moody" in done.stdout
    assert machine.read("/etc/edge-runtime/moody.yaml") == ""
    assert "moody" not in machine.run("ls", "/etc/systemd/system/multi-user.target.wants").stdout
    assert "runs" in machine.run("ls", "/var/lib/edge-runtime/moody").stdout
    assert "no service 'moody'" in machine.service("status", "moody").stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--user", "nobody-there"), "there is no user 'nobody-there'"),
        (("--set", "source.kind=vidoe"), "did you mean `video`"),
        (("--set", "models.road.onnx=/root/secret/road.onnx"), "the user edge-runtime cannot read /root/secret"),
        (("--set", "models.road.onnx=/tmp/road.onnx"), "/tmp/road.onnx: a service has a /tmp of its own"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_written(machine, arguments, says):
    machine.write("/root/secret/road.onnx", "")
    machine.write("/tmp/road.onnx", "")
    machine.run("chmod", "700", "/root/secret")
    before = machine.run("find", "/etc", "-newer", "/proc/1").stdout
    done = machine.service("install", "/srv/moody.yaml", "--set", "name=fresh", *arguments)
    assert done.returncode != 0
    assert says in done.stderr
    assert machine.run("find", "/etc", "-newer", "/proc/1").stdout == before


def test_an_ordinary_user_is_told_to_be_root(machine):
    ordinary = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = machine.run(*ordinary, str(CHECKOUT / ".venv/bin/python"), "-m", "edge_runtime", "service", "uninstall")
    assert done.returncode == 1
    assert "removing a service needs root. Run: sudo" in done.stderr
