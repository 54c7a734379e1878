"""The pipeline that ships: a painted drive, bundled networks, regions, tracks and light states."""

import json
from pathlib import Path

import pytest

from edge_runtime.cli.main import run_app

DEMO = Path(__file__).parents[2] / "pipelines" / "demo.yaml"
SHORT = ["--set", "source.fps=5", "--set", "source.seconds=4", "--pace", "fast", "--set", "sinks=[{kind: jsonl}]"]


def run(folder, *options):
    assert run_app([str(DEMO), *SHORT, *options, "--out", str(folder)]) == 0
    return [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]


def test_it_finds_lights_and_says_their_state(tmp_path):
    lines = run(tmp_path / "one")
    assert len(lines) == 20
    found = [line["stages"]["lights"] for line in lines]
    states = {
        label
        for stage in found
        for name, label in zip(stage["class_name"], stage["label"], strict=True)
        if name == "traffic light"
    }
    assert states & {"red", "yellow", "green"}
    assert {name for stage in found for name in stage["class_name"]} >= {"car", "traffic light", "traffic sign"}
    assert all(len(line["regions"]["far"]["xyxy"]) <= 4 for line in lines)
    assert any(line["regions"]["far"]["xyxy"] for line in lines)


def test_replayed_fast_it_looks_at_the_same_places_and_finds_the_same_every_time(tmp_path):
    def told(lines):
        return [(line["frame_id"], line["stages"], line["regions"]) for line in lines]

    assert told(run(tmp_path / "one")) == told(run(tmp_path / "two"))


def test_regions_find_what_the_whole_frame_does_not(tmp_path):
    def lights(lines):
        return sum(line["stages"]["found"]["class_name"].count("traffic light") for line in lines)

    with_regions = lights(run(tmp_path / "with"))
    assert with_regions > 1.1 * lights(run(tmp_path / "without", "--set", "stages.1.regions.max=0"))


def test_what_a_region_showed_is_reported_while_the_regions_look_elsewhere(tmp_path):
    def tracked(lines):
        return sum(len(line["stages"]["tracked"]["xyxy"]) for line in lines)

    in_turns = ["--set", "stages.1.regions={max: 1, from: [horizon, explore]}"]
    carried = run(tmp_path / "carried", *in_turns)
    dropped = run(tmp_path / "dropped", *in_turns, "--set", "stages.3.carry_ms=0")
    assert tracked(carried) > tracked(dropped)
    assert [line["regions"] for line in carried] == [line["regions"] for line in dropped]  # planned from what was seen


@pytest.mark.parametrize(
    "mistake",
    ["never_shed=[persn]", "stages.4.only=[trafic light]", "stages.1.regions.class_weights={trafic light: 3}"],
)
def test_a_misspelt_class_is_answered_before_anything_runs(mistake, tmp_path, capsys):
    assert run_app([str(DEMO), *SHORT, "--set", mistake, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "no network reports a class" in said
    assert "did you mean" in said
    assert not (tmp_path / "out").exists()
