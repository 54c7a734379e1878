import json
from pathlib import Path

import pytest

from edge_runtime.cli.main import run_app

ROOT = Path(__file__).parents[2]
SCENARIO = """\
name: short
budgets: {power_w: 14, fps_floor: 15, latency_ms: 100}
segments:
  - {seconds: 8, speed_kmh: 50}
  - {seconds: 8, speed_kmh: 50, scene_load: 1.5, sensor: stale}
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    return [
        "simulate",
        str(ROOT / "pipelines/highway_video.yaml"),
        "--set",
        f"governor.ladder={ROOT}/configs/ladders/orin_nx.yaml",
        "--plant",
        str(ROOT / "configs/plants/orin_nx.yaml"),
        "--scenario",
        str(tmp_path / "s.yaml"),
    ]


def test_json_is_one_document_on_stdout(arguments, capsys):
    assert run_app([*arguments, "--json", "--seed", "3"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["policies"]) == ["governor", "oracle", "max", "safe", "threshold"]
    assert document["segments"][1]["sensor"] == "stale"


def test_a_person_gets_both_tables(arguments, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert run_app(arguments) == 0
    shown = capsys.readouterr().out
    assert "short on Orin NX 16GB" in shown
    assert "threshold" in shown
    assert "stale" in shown


def test_a_mistake_in_the_scenario_is_told_with_its_line(arguments, tmp_path, capsys):
    (tmp_path / "s.yaml").write_text(SCENARIO.replace("sensor: stale", "sensor: stael"))
    assert run_app(arguments) == 2
    message = capsys.readouterr().err
    assert "s.yaml:5" in message
    assert "did you mean `stale`?" in message


def test_a_pipeline_without_a_governor_is_told_what_to_add(arguments, capsys):
    del arguments[2:4]
    assert run_app(arguments) == 2
    assert "--set governor.ladder=" in capsys.readouterr().err
