"""Many drives on processes and on a local Ray cluster: every result is that of a replay of the drive alone."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.errors import RunError
from edge_runtime.evaluate.many import DISK, Asked, replay_many, replay_one, tasks_of
from edge_runtime.evaluate.many_workers import in_processes, on_ray
from edge_runtime.sinks.jsonl import JsonlFile
from tests.jetson_emulator.machine import until
from tests.tiny import PIPELINE, tiny_detector, tiny_video

NAMES = [f"d{n}" for n in range(8)]
FRAMES = 20


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with eight short drives, and for each the results of a replay of it alone."""
    folder = tmp_path_factory.mktemp("recorded")
    tiny_detector(folder / "tiny.onnx")
    (folder / "tiny.yaml").write_text(PIPELINE)
    for n, name in enumerate(NAMES):
        tiny_video(folder / "drive.avi", FRAMES, brightness=lambda k, n=n: 150 + 12 * n + k)
        drive = str(folder / f"{name}.mcap")
        assert run_app([str(folder / "tiny.yaml"), "--record", drive, "--out", str(folder / "run" / name)]) == 0
        assert run_app(["replay", drive, "--out", str(folder / "alone" / name)]) == 0
    return folder


@pytest.fixture
def drives(recorded):
    return [str(recorded / f"{name}.mcap") for name in NAMES]


def same_as_alone(recorded, out, names=NAMES):
    return all(
        (out / "drives" / name / "detections.jsonl").read_bytes()
        == (recorded / "alone" / name / "detections.jsonl").read_bytes()
        for name in names
    )


def here(tasks):
    return (replay_one(task) for task in tasks)


def counting(task):
    """Replays, and leaves a line for every time that it was asked."""
    with (task.out.parent / "asked").open("a") as file:
        file.write(f"{task.name}\n")
    return replay_one(task)


def killed_in_the_middle(task):
    """As `counting`, but the first worker that gets d3 is killed when half of its frames are written."""
    if task.name == "d3" and not (task.out.parent / "killed").exists():
        (task.out.parent / "killed").touch()
        _die_after(FRAMES // 2)
    return counting(task)


def killed_always(task):
    if task.name == "d3":
        _die_after(FRAMES // 2)
    return counting(task)


def _die_after(lines):
    write, written = JsonlFile.write, []

    def last(self, frame, result):
        write(self, frame, result)
        written.append(frame.frame_id)
        if len(written) == lines:
            os.kill(os.getpid(), signal.SIGKILL)

    JsonlFile.write = last


def asked(out):
    return sorted((out / "drives" / "asked").read_text().split())


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of two CPUs with a port for clients; it ends with the tests of this file."""
    pytest.importorskip("ray", reason="a cluster takes Ray: pip install edge-runtime[ray]")
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # its sockets have short names only
    own = {
        "PYTHONPATH": str(Path(__file__).parents[2]),  # where its workers find this file
        "RAY_AUTH_MODE": "disabled",
        "GRPC_ENABLE_FORK_SUPPORT": "0",
    }
    arguments = ["--head", "--block", "--num-cpus=2", "--port=0", f"--ray-client-server-port={port}"]
    quiet = ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"]
    start = [str(Path(sys.executable).with_name("ray")), "start", *arguments, *quiet]
    with subprocess.Popen(start, env={**os.environ, **own}, stdout=subprocess.DEVNULL, start_new_session=True) as head:
        try:
            assert until(lambda: _answers(port) or head.poll() is not None, 60.0)
            assert head.poll() is None, "the cluster did not start"
            yield f"ray://127.0.0.1:{port}"
        finally:
            head.terminate()
            head.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def _answers(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["processes", "ray"])
def workers_of(request, monkeypatch):
    """Two workers that do some work, of each kind."""
    if request.param == "processes":
        return lambda work: in_processes(2, work)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    address = request.getfixturevalue("cluster")
    return lambda work: on_ray(address, work=work)


def test_eight_drives_on_two_workers_give_what_each_gives_alone(recorded, drives, tmp_path, workers_of):
    told = []
    tasks = tasks_of(drives, Asked(), tmp_path)
    documents = replay_many(tasks, workers_of(counting), told=lambda document, kept: told.append(document["name"]))
    assert [document["name"] for document in documents] == NAMES
    assert [document["error"] for document in documents] == [None] * 8
    assert sorted(told) == asked(tmp_path) == NAMES
    assert same_as_alone(recorded, tmp_path)


def test_a_worker_killed_in_the_middle_costs_only_its_drives_retry(recorded, drives, tmp_path, workers_of):
    documents = replay_many(tasks_of(drives, Asked(), tmp_path), workers_of(killed_in_the_middle))
    assert [document["error"] for document in documents] == [None] * 8
    assert asked(tmp_path) == sorted([*NAMES, "d3"])
    assert same_as_alone(recorded, tmp_path)


def test_a_drive_that_kills_every_worker_is_given_up_and_the_others_go_on(recorded, drives, tmp_path, workers_of):
    documents = replay_many(tasks_of(drives, Asked(), tmp_path), workers_of(killed_always))
    failed = {document["name"]: document["error"] for document in documents if document["error"] is not None}
    assert list(failed) == ["d3"]
    assert "died 3 times, last with signal 9" in failed["d3"] or "the cluster gave it up" in failed["d3"]
    assert asked(tmp_path).count("d3") == 3
    assert same_as_alone(recorded, tmp_path, [name for name in NAMES if name != "d3"])


def test_results_come_back_from_a_machine_with_a_disk_of_its_own(recorded, drives, tmp_path):
    (task,) = tasks_of(drives[:1], Asked(), tmp_path)
    elsewhere = replace(task, disk="another")
    (document,) = replay_many([elsewhere], here)
    assert document["error"] is None
    assert same_as_alone(recorded, tmp_path, ["d0"])
    assert json.loads((task.out / "summary.json").read_text())["folder"] == str(task.out)
    assert document["replay"]["folder"] == str(task.out)
    assert (task.out.parent / DISK).read_text() == task.disk


def test_a_drive_at_an_address_replays_as_one_on_the_disk(recorded, drives, tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="recordings at an address take fsspec")
    fsspec.filesystem("memory").pipe("/d0.mcap", Path(drives[0]).read_bytes())
    for place, url in (("memory", "memory://d0.mcap"), ("file", f"file://{drives[0]}")):
        (document,) = replay_many(tasks_of([url], Asked(), tmp_path / place), here)
        assert document["error"] is None
        assert document["replay"]["drive"] == url
        assert same_as_alone(recorded, tmp_path / place, ["d0"])


def test_going_on_replays_what_is_missing_failed_or_changed_and_nothing_else(recorded, drives, tmp_path):
    for name in ("d0.mcap", "d1.mcap", "d2.mcap", "tiny.onnx"):
        (tmp_path / name).write_bytes((recorded / name).read_bytes())
    (tmp_path / "tiny.yaml").write_text(PIPELINE)
    mine = [str(tmp_path / f"d{n}.mcap") for n in range(4)]  # d3 is not there
    pipeline = Asked(pipeline=tmp_path / "tiny.yaml")

    def again(asked):
        kept = {}
        replay_many(
            tasks_of(mine, asked, tmp_path / "out"),
            here,
            resume=True,
            told=lambda document, was_kept: kept.update({document["name"]: was_kept}),
        )
        return sorted(name for name, was_kept in kept.items() if not was_kept)

    assert again(pipeline) == ["d0", "d1", "d2", "d3"]
    assert again(pipeline) == ["d3"]
    assert again(replace(pipeline, folder=tmp_path / "out")) == ["d3"]
    (tmp_path / "out" / "drives" / "d1.json").write_text('{"cut off')
    (tmp_path / "out" / "drives" / "d2" / "detections.jsonl").unlink()
    assert again(pipeline) == ["d1", "d2", "d3"]
    os.utime(mine[0], ns=(1, 1))
    assert again(pipeline) == ["d0", "d3"]
    assert again(replace(pipeline, overrides=("models.road.decode.confidence=0.9",))) == ["d0", "d1", "d2", "d3"]
    assert again(pipeline) == ["d0", "d1", "d2", "d3"]
    tiny_detector(tmp_path / "tiny.onnx", nan_above=0.99)
    assert again(pipeline) == ["d0", "d1", "d2", "d3"]


def test_faults_come_to_each_drive_as_to_one_replayed_alone(recorded, drives, tmp_path, capsys):
    faults = ["--fault", "corrupt_frame:40%,seed=3", "--fault", "engine_error:2,t=0.3s"]
    for name in NAMES[:3]:
        alone = ["--out", str(tmp_path / "alone" / name)]
        assert run_app(["replay", str(recorded / f"{name}.mcap"), *faults, *alone]) == 0
    assert run_app(["replay", *drives[:3], "--jobs", "2", *faults, "--out", str(tmp_path / "many")]) == 0
    for name in NAMES[:3]:
        results = tmp_path / "many" / "drives" / name / "detections.jsonl"
        assert results.read_bytes() == (tmp_path / "alone" / name / "detections.jsonl").read_bytes()
        assert results.read_bytes() != (recorded / "alone" / name / "detections.jsonl").read_bytes()
        did = json.loads((results.parent / "summary.json").read_text())["faults"]
        assert all(sum(fault["did"].values()) for fault in did)
    capsys.readouterr()
    assert run_app(["replay", *drives[:3], *faults, "--resume", str(tmp_path / "many")]) == 0
    assert capsys.readouterr().err.count("kept from before") == 3
    assert run_app(["replay", *drives[:3], *faults[:2], "--resume", str(tmp_path / "many")]) == 0
    assert capsys.readouterr().err.count("kept from before") == 0


def test_a_broken_recording_is_a_row_and_the_others_go_on(recorded, drives, tmp_path, capsys):
    bad = tmp_path / "bad.mcap"
    bad.write_bytes(b"no recording" * 99)
    page, out = tmp_path / "many.html", tmp_path / "out"
    arguments = [*drives[:2], str(bad), "--jobs", "2", "--out", str(out), "--html", str(page)]
    assert run_app(["replay", *arguments, "--json"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document == json.loads((out / "report.json").read_text())
    assert [(row["name"], row["error"] is None) for row in document["rows"]] == [
        ("d0", True),
        ("d1", True),
        ("bad", False),
    ]
    assert document["failed"] == 1
    assert document["frames"] == 2 * FRAMES
    assert document["worst"][0]["name"] == "bad"
    assert "is not an MCAP file" in document["worst"][0]["why"]
    assert "/3 bad: failed: " in captured.err
    assert "is not an MCAP file" in page.read_text()
    assert same_as_alone(recorded, out, ["d0", "d1"])


def test_a_night_that_was_broken_off_goes_on_where_it_was(recorded, drives, tmp_path, capsys):
    assert run_app(["replay", *drives[:2], "--jobs", "2", "--out", str(tmp_path)]) == 0
    assert run_app(["replay", *drives[:3], "--resume", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("kept from before") == 2
    assert "3 drives with 60 frames" in captured.out
    assert same_as_alone(recorded, tmp_path, ["d0", "d1", "d2"])


def test_each_drive_is_compared_with_the_golden_of_its_name(recorded, drives, tmp_path, capsys):
    golden, out = ["--against", str(recorded / "alone")], ["--out", str(tmp_path / "out")]
    assert run_app(["replay", *drives[:2], *golden, *out, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["lost"] for row in document["rows"]] == [0, 0]
    assert document["against"]["identical"] == 2
    blind, page, tests = ["--set", "models.road.decode.confidence=0.63"], tmp_path / "many.html", tmp_path / "many.xml"
    files = ["--html", str(page), "--junit", str(tests), "--annotations", "github"]
    assert run_app(["replay", drives[0], drives[7], *golden, *out, *blind, *files, "--json"]) == 3
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["broken"] == 1
    assert document["worst"][0]["name"] == "d0"
    assert document["quantiles"]["lost"]["most"] > 0
    assert document["against"]["by_class"]["car"]["lost"] == document["rows"][0]["lost"]
    (change,) = document["against"]["changed_settings"]
    assert change == {"key": "models.road.decode.confidence", "then": 0.3, "now": 0.63, "drives": 2}
    own = tmp_path / "out" / "drives" / "d0" / "changed.html"
    assert "The worst frames" in own.read_text()
    assert '<a href="out/drives/d0/changed.html">d0</a>' in page.read_text()
    assert not (tmp_path / "out" / "drives" / "d7" / "changed.html").exists()
    assert tests.read_text().count("<failure") == 1
    assert captured.err.count("::error file=") == 1
    earlier = ["--against", str(tmp_path / "out"), "--out", str(tmp_path / "again")]
    assert run_app(["replay", drives[0], drives[7], *earlier]) == 3
    assert run_app(["replay", drives[0], drives[7], *earlier, *blind]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--jobs", "2", "--update-golden"], "--update-golden goes with one drive"),
        (["--jobs", "2", "--annotations", "github"], "nothing to compare with: --against FOLDER"),
        (["--jobs", "2", "--against", ".", "--labels", "x.json"], "many have --labels simulation"),
        (["--jobs", "2", "--cluster", "ray://head:10001"], "there the cluster decides"),
        (["--cluster", "head:10001"], "'head:10001' is neither ray://HOST:PORT nor local"),
        (["--gpus-per-drive", "1"], "goes with --cluster"),
        (["--resume", "nowhere"], "no such folder: nowhere"),
        (["--jobs", "2", "--pipeline", "nowhere.yaml"], "nowhere.yaml"),
        (["--jobs", "2", "--fault", "camera_gpa:t=5s,d=2s"], "unknown value 'camera_gpa'"),
        (["--jobs", "2", "--set", "models.rode.decode.confidence=0.5"], "rode"),
        (["--jobs", "2", "--against", "nowhere"], "nowhere: is no folder of goldens"),
        (["--jobs", "2", "--against", "x", "--out", "./x"], "would be written over"),
        (["s3://drives/d?.mcap", "--resume", "."], "named twice"),
    ],
)
def test_what_cannot_be_done_with_many_is_answered_before_anything_starts(
    recorded, drives, tmp_path, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    given = [drives[0], drives[0]] if said == "named twice" else drives[:2]
    assert run_app(["replay", *given, *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_cluster_of_this_machine_is_started_for_the_time_of_the_replay(recorded, drives, tmp_path):
    ray = pytest.importorskip("ray", reason="a cluster takes Ray: pip install edge-runtime[ray]")
    assert run_app(["replay", *drives[:2], "--cluster", "local", "--jobs", "2", "--out", str(tmp_path)]) == 0
    assert same_as_alone(recorded, tmp_path, NAMES[:2])
    assert not ray.is_initialized()


def test_a_worker_of_another_version_says_so_instead_of_giving_other_results(drives, tmp_path):
    (task,) = tasks_of(drives[:1], Asked(), tmp_path)
    done = replay_one(replace(task, version="0.0.1"))
    assert "whoever asked has 0.0.1: install one on all machines" in done.document["error"]


class Ray:
    """Stands for a cluster whose client server comes up at the third call, or never."""

    def __init__(self, *errors):
        self.errors, self.shut_down = list(errors), 0

    def init(self, address, **options):
        if self.errors:
            raise self.errors.pop(0)

    def remote(self, **resources):
        return lambda work: work

    def shutdown(self):
        self.shut_down += 1

    def cluster_resources(self):
        return {"CPU": 2.0}


def test_a_client_server_that_does_not_come_up_is_asked_again(monkeypatch, tmp_path):
    torn = [ConnectionAbortedError("Initialization failure from server:\nTraceback\nRuntimeError: it failed\n\n")] * 3
    monkeypatch.setitem(sys.modules, "ray", answering := Ray(*torn[:2]))
    assert list(on_ray("ray://head:10001", work=counting)([])) == []
    assert answering.shut_down == 3
    for errors in (torn, [ConnectionError("RuntimeError: it failed")]):
        monkeypatch.setitem(sys.modules, "ray", Ray(*errors))
        with pytest.raises(RunError) as told:
            list(on_ray("ray://head:10001", work=counting)([]))
        first, fix = str(told.value).splitlines()
        assert first == "the Ray cluster ray://head:10001 does not answer: RuntimeError: it failed"
        assert "--ray-client-server-port" in fix


def test_without_ray_a_cluster_says_what_to_install(drives, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run_app(["replay", *drives[:2], "--cluster", "local", "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'edge-runtime[ray]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
