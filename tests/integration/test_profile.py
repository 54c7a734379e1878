"""From a pipeline to the ladder that it is steered by: measured here, loaded by the governor, obeyed by the run."""

import json
from pathlib import Path

from edge_runtime.cli.main import run_app
from edge_runtime.config.ladder import load_ladder

DEMO = Path(__file__).parents[2] / "pipelines" / "demo.yaml"
SMALL = ["--set", "source.fps=10", "--set", "source.seconds=3", "--set", "source.size=[640, 360]"]


def test_the_demo_is_profiled_and_then_steered_by_its_own_ladder(tmp_path, capsys):
    ladder_file = tmp_path / "demo-ladder.yaml"
    measure = ["--seconds", "0.3", "--repeats", "1", "--frames", "12", "--points", "r[02]", "--resident", "12"]
    assert run_app(["profile", str(DEMO), *SMALL, *measure, "--out", str(ladder_file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    ladder = load_ladder(ladder_file)
    assert {point["name"] for point in document["points"]} == {"r0", "r2"}
    assert document["usefulness"]["truth"] == "the simulation"
    assert ladder.by_name.keys() <= {"r0", "r2"}

    steer = ["--set", f"governor.ladder={ladder_file}", "--set", "sinks=[{kind: jsonl}]", "--frames", "20"]
    assert run_app([str(DEMO), *SMALL, *steer, "--out", str(tmp_path / "run"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert not [warning for warning in summary["warnings"] if "decision" in warning]
    decisions = [json.loads(line) for line in (tmp_path / "run" / "decisions.jsonl").read_text().splitlines()]
    assert {decision["point"] for decision in decisions} <= ladder.by_name.keys()
    assert any(decision["feasible"] for decision in decisions)
    lines = [json.loads(line) for line in (tmp_path / "run" / "detections.jsonl").read_text().splitlines()]
    assert {line["point"] for line in lines} & ladder.by_name.keys()


def test_on_a_simulated_board_a_point_draws_for_the_work_it_does(tmp_path, capsys):
    ladder_file = tmp_path / "ladder.yaml"
    board = ["--set", "telemetry={source: plant, plant: orin_agx_maxn}"]
    measure = ["--seconds", "0.5", "--repeats", "1", "--frames", "12", "--points", "r0", "--resident", "12"]
    assert run_app(["profile", str(DEMO), *SMALL, *board, *measure, "--out", str(ladder_file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    point = next(point for point in document["points"] if point["name"] == "r0")
    assert document["idle_w"] < 12
    assert point["watts"] > 10  # as fast as it goes its networks hardly rest
    assert any("simulated board" in warning for warning in document["warnings"])
    assert "simulated board" in ladder_file.read_text()
