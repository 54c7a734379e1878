"""Things go wrong on purpose, through the real command: the books balance, and each fault is seen where it belongs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.config.fault_text import KINDS
from edge_runtime.recording.reader import RecordedFrame, Recording
from tests.tiny import tiny_video

from .test_record_replay import LADDER, lines


@pytest.fixture
def run(tiny, tmp_path, capsys):
    """Runs the tiny pipeline (40 frames at 25 a second) with options; what `--json` then said."""

    def run(*options, code=0):
        assert run_app([str(tiny), "--json", "--out", str(tmp_path / "run"), *options]) == code
        document = json.loads(capsys.readouterr().out)
        frames = document["frames"]
        assert frames["captured"] == sum(frames.values()) - frames["captured"]
        return document

    return run


def did(document):
    return {fault["fault"]: fault["did"] for fault in document["faults"]}


def stream_ms(folder, recording):
    """When each frame of a recording was shot, in ms of the stream."""
    return [round(frame.t_stream_ns / 1e6, 3) for frame in Recording(folder / recording).of(RecordedFrame)]


def test_in_a_camera_gap_no_frame_is_captured(run, tmp_path):
    document = run("--fault", "camera_gap:t=0.4s,d=400ms", "--record", str(tmp_path / "drive.mcap"))
    assert document["frames"]["captured"] == document["frames"]["published"] == 30
    assert did(document) == {"camera_gap:t=0.4s,d=0.4s": {"pictures_left_out": 10}}
    times_ms = stream_ms(tmp_path, "drive.mcap")
    assert max(np.diff(times_ms)) == pytest.approx(440)
    assert not [time for time in times_ms if 400 <= time < 800]


def test_a_camera_gap_is_an_outage_with_an_end_and_tracks_begin_anew(run, tmp_path):
    document = run("--pace", "live", "--fault", "camera_gap:t=0.4s,d=0.4s")
    account = document["cameras"]["front"]
    assert account["outages"] == 1
    assert 0.4 < account["longest_s"] < 2
    lost, back = (warning for warning in document["warnings"] if "outage 1" in warning)
    assert lost == "camera front is away (outage 1): the fault camera_gap:t=0.4s,d=0.4s is on"
    assert back.startswith("camera front is back after 0.")
    ids = [line["stages"]["tracked"]["track_id"] for line in lines(tmp_path / "run")]
    assert len({track for each in ids for track in each}) == 2


def test_jitter_moves_pictures_in_time_and_never_swaps_them(run, tmp_path):
    document = run("--fault", "jitter:12ms", "--record", str(tmp_path / "drive.mcap"))
    assert did(document) == {"jitter:12ms": {"times_moved": 40}}
    steps_ms = np.diff(stream_ms(tmp_path, "drive.mcap"))
    assert (steps_ms > 0).all()
    assert 5 < np.std(steps_ms) < 40


def test_corrupt_pictures_reach_the_networks_and_the_same_seed_damages_the_same_ones(run, tmp_path):
    found = []
    for name, seed in (("one", 0), ("two", 0), ("three", 5)):
        document = run("--fault", f"corrupt_frame:30%,seed={seed}", "--out", str(tmp_path / name))
        ((text, counts),) = did(document).items()
        assert text == "corrupt_frame:0.3" + (f",seed={seed}" if seed else "")
        assert 3 <= counts["pictures_damaged"] <= 25
        stages = [line["stages"]["objects"]["confidence"] for line in lines(tmp_path / name)]
        usual = max(stages, key=stages.count)
        assert sum(each != usual for each in stages) == counts["pictures_damaged"]
        found.append(stages)
    assert found[0] == found[1] != found[2]


def test_a_slow_network_takes_longer_and_live_frames_are_overwritten(run):
    usual = run("--pace", "live")
    slow = run("--pace", "live", "--fault", "slow_network:x1000,model=road")
    assert slow["stage_ms"]["objects"]["p50"] > 50 * usual["stage_ms"]["objects"]["p50"]
    assert slow["frames"]["overwritten"] > usual["frames"]["overwritten"]
    ((text, counts),) = did(slow).items()
    assert text == "slow_network:x1000,model=road"
    assert counts["calls_slowed"] == slow["frames"]["published"]


def test_a_network_that_fails_for_a_moment_costs_its_frames_only(run, tmp_path):
    document = run("--fault", "engine_error:2,t=0.4s")
    assert document["frames"]["failed"] == 2
    assert document["frames"]["published"] == 38
    assert document["error"] is None
    (reason,) = document["failures"]
    assert reason == "road: the network call failed: the fault engine_error:2,t=0.4s is on"
    assert [line["frame_id"] for line in lines(tmp_path / "run") if "error" in line] == [10, 11]
    assert not [warning for warning in document["warnings"] if "made anew" in warning]


def test_a_network_that_goes_on_failing_is_made_anew_once(run):
    document = run("--fault", "engine_error:3,t=0.4s")
    assert document["frames"]["failed"] == 3
    assert document["frames"]["published"] == 37
    assert "the networks failed and were made anew once" in document["warnings"]


def test_a_network_that_fails_again_after_it_was_made_anew_ends_the_run(run):
    document = run("--fault", "engine_error:100,t=0.4s", code=1)
    assert "frames in a row" in document["error"]
    assert document["frames"]["failed"] >= 6


@pytest.fixture
def governed(tiny):
    """Options of a run of 2.4 s that steers by a log of telemetry; the log's power changes a little all the time."""
    tiny_video(tiny.parent / "drive.avi", frames=60)
    (tiny.parent / "ladder.yaml").write_text(LADDER)
    rows = [{"t_ns": n * 50_000_000, "source": "sysfs", "power_w": 9.0 + 0.1 * (n % 7)} for n in range(200)]
    (tiny.parent / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return [
        *("--pace", "live"),
        *("--set", f"governor={{ladder: {tiny.parent / 'ladder.yaml'}, safe_point: half, period_ms: 100}}"),
        *("--set", "budgets.power_w=18"),
        *("--set", f"telemetry={{source: recorded, log: {tiny.parent / 'log.jsonl'}, period_ms: 50}}"),
    ]


def decisions(folder):
    return [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]


def test_without_sensors_the_safe_point_holds(run, governed, tmp_path):
    document = run(*governed, "--fault", "sensor_dead:t=1s")
    made = decisions(tmp_path / "run")
    assert made[5]["binding"] != "telemetry"
    assert (made[-1]["point"], made[-1]["binding"]) == ("half", "telemetry")
    assert "no telemetry" in made[-1]["alarm"]
    assert did(document)["sensor_dead:t=1s"]["readings_lost"] > 5
    assert "recorded does not answer: the fault sensor_dead is on" in document["warnings"]
    assert [alarm for alarm in document["governor"]["alarms"] if "no telemetry" in alarm["text"]]


def test_a_sensor_that_repeats_itself_is_not_believed(run, governed, tmp_path):
    document = run(*governed, "--fault", "sensor_frozen:t=0.5s")
    made = decisions(tmp_path / "run")
    assert made[3]["alarm"] is None
    assert (made[-1]["point"], made[-1]["binding"]) == ("half", "telemetry")
    assert "frozen" in made[-1]["alarm"]
    assert did(document)["sensor_frozen:t=0.5s"]["readings_repeated"] > 5


def test_a_step_in_the_power_is_steered_against(tiny, tmp_path, capsys):
    tiny_video(tiny.parent / "long.avi", frames=500)
    (tmp_path / "ladder.yaml").write_text(LADDER)
    rows = ["t_s,power_w", *(f"{n},{11 + 0.1 * (n % 3)}" for n in range(1, 21))]
    (tmp_path / "drive.csv").write_text("\n".join(rows))
    arguments = ["replay", str(tiny.parent / "long.avi"), "--pipeline", str(tiny), "--json"]
    arguments += ["--telemetry", str(tmp_path / "drive.csv"), "--out", str(tmp_path / "run")]
    arguments += ["--set", f"governor.ladder={tmp_path / 'ladder.yaml'}", "--set", "budgets.power_w=18"]
    assert run_app([*arguments, "--fault", "power_step:+15W,t=10s,d=5s"]) == 0
    document = json.loads(capsys.readouterr().out)
    made = decisions(tmp_path / "run")
    assert [line["point"] for line in made if 8e9 < line["t_ns"] < 10e9] == ["full"] * 9
    assert {line["point"] for line in made if 12e9 < line["t_ns"] < 15e9} == {"half"}
    assert document["summary"]["power_w"]["max"] == pytest.approx(26.2)
    assert did(document["summary"])["power_step:+15W,t=10s,d=5s"]["readings_raised"] >= 4


def test_a_blocked_sink_drops_and_counts_and_the_pipeline_goes_on(run, tmp_path):
    document = run("--pace", "live", "--fault", "sink_blocked:t=0.2s,d=1s")
    sink = document["sinks"]["jsonl detections.jsonl"]
    assert sink["dropped"] > 5
    assert sink["written"] + sink["dropped"] == document["frames"]["published"]
    assert sink["written"] == len(lines(tmp_path / "run"))
    assert did(document) == {"sink_blocked:t=0.2s,d=1s": {"writes_held_up": 1}}


def test_faults_of_the_file_and_of_the_command_line_work_together_and_are_in_the_summary(run, tiny, capsys):
    tiny.write_text(tiny.read_text() + "faults:\n  - {kind: camera_gap, t: 0.4s, d: 0.4}\n  - 'engine_error:1,t=1s'\n")
    document = run("--fault", "camera_gap:t=20s,d=1s")
    assert did(document) == {
        "camera_gap:t=0.4s,d=0.4s": {"pictures_left_out": 10},
        "engine_error:t=1s": {"frames_failed": 1},
        "camera_gap:t=20s,d=1s": {},
    }
    assert document["frames"]["captured"] == 30
    assert document["frames"]["failed"] == 1
    assert [fault["kind"] for fault in document["config"]["faults"]] == ["camera_gap", "engine_error", "camera_gap"]


def test_a_person_reads_what_the_faults_did(tiny, tmp_path, capsys):
    options = ["--fault", "camera_gap:t=0.4s,d=0.4s", "--fault", "sensor_dead:t=1s"]
    assert run_app([str(tiny), "--out", str(tmp_path / "run"), *options]) == 0
    said = capsys.readouterr().out
    assert "fault camera_gap:t=0.4s,d=0.4s: pictures left out 10" in said
    assert "fault sensor_dead:t=1s: its time never came" in said


def test_what_is_no_fault_is_answered_before_anything_starts(tiny, tmp_path, capsys):
    assert run_app([str(tiny), "--out", str(tmp_path / "run"), "--fault", "camera_gpa:t=5s,d=2s"]) == 2
    said = capsys.readouterr().err
    assert "--fault camera_gpa:t=5s,d=2s: faults.camera_gpa.kind: unknown value 'camera_gpa'" in said
    assert "    | ^^^^^^^^^^\n    did you mean `camera_gap`? It takes camera_gap, jitter, corrupt_frame," in said
    assert not (tmp_path / "run").exists()


@pytest.fixture
def drive(run, governed, tmp_path):
    """A recording of a governed run without a fault."""
    run(*governed, "--record", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "drive"))
    return tmp_path / "drive.mcap"


@pytest.fixture
def replay(drive, tmp_path, capsys):
    def replay(name, *faults):
        options = [option for fault in faults for option in ("--fault", fault)]
        assert run_app(["replay", str(drive), "--out", str(tmp_path / name), "--json", *options]) == 0
        document = json.loads(capsys.readouterr().out)
        frames = document["frames"]
        assert frames["captured"] == sum(frames.values()) - frames["captured"]
        return document

    return replay


def test_a_replay_with_faults_is_the_same_to_the_last_byte_every_time(replay, tmp_path):
    faults = ["camera_gap:t=0.4s,d=400ms", "jitter:4ms", "corrupt_frame:20%", "engine_error:2,t=1s", "sensor_dead:t=1s"]
    one, two = replay("one", *faults), replay("two", *faults)
    for file in ("detections.jsonl", "decisions.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert did(one["summary"]) == did(two["summary"])
    assert all(did(one["summary"]).values())
    tracks = [line["stages"]["tracked"]["track_id"] for line in lines(tmp_path / "one") if "error" not in line]
    assert len({track for each in tracks for track in each}) >= 2  # what was tracked before the gap is not trusted
    usual = replay("usual")
    left_out = did(one["summary"])["camera_gap:t=0.4s,d=0.4s"]["pictures_left_out"]
    assert left_out >= 5
    assert one["frames"]["captured"] == usual["frames"]["captured"] - left_out
    assert one["frames"]["failed"] == 2


def test_in_a_replay_the_governor_is_told_what_broken_sensors_would_say(replay, tmp_path):
    assert replay("usual")["decisions_identical"] is True
    document = replay("dead", "sensor_dead:t=1s")
    assert document["decisions_identical"] is False
    first = document["decisions"]["first_difference"]["recomputed"]
    assert "no telemetry" in first["alarm"]
    assert decisions(tmp_path / "dead")[-1]["point"] == "half"


def test_faults_of_a_recorded_drive_do_not_come_twice(run, tmp_path, capsys):
    run("--fault", "camera_gap:t=0.4s,d=0.4s", "--record", str(tmp_path / "drive.mcap"))
    assert run_app(["replay", str(tmp_path / "drive.mcap"), "--out", str(tmp_path / "again"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["frames"]["published"] == 30
    assert document["summary"]["faults"] == []


def test_a_live_replay_has_the_faults_too(drive, tmp_path, capsys):
    options = ["--clock", "live", "--fault", "camera_gap:t=0.4s,d=0.4s", "--fault", "sensor_dead:t=1s"]
    assert run_app(["replay", str(drive), *options, "--out", str(tmp_path / "live"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert all(did(document["summary"]).values())
    assert decisions(tmp_path / "live")[-1]["binding"] == "telemetry"


def test_the_guide_knows_every_kind_and_each_row_of_its_table_has_its_test():
    root = Path(__file__).parents[2]
    kinds, _, table = (root / "docs" / "faults.md").read_text().partition("## What is survived")
    assert set(re.findall(r"^\| `(\w+)", kinds, re.M)) == set(KINDS)
    table, _, _ = table.partition("\n```")
    rows = [row for row in table.splitlines() if row.startswith("|")][2:]
    assert len(rows) > 20
    for row in rows:
        file, _, name = re.search(r"`((?:tests/[\w/]+\.py::)?test_\w+)` \|$", row)[1].rpartition("::")
        assert f"def {name}(" in (root / (file or "tests/integration/test_faults.py")).read_text(), row
