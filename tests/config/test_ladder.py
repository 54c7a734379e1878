from pathlib import Path

import pytest

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.ladder import ladder_of, ladder_text, load_ladder
from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import Budgets, FpsFloor
from edge_runtime.core import OperatingPoint
from edge_runtime.errors import ConfigError

LADDER = """\
board: Jetson AGX Orin 64GB
power_mode: MAXN
idle_w: 9
points:
  - name: small-r2
    knobs: {regions: 2, variant: small, fps_cap: 30.0}
    fps: 30.0
    latency_ms: {p50: 17.1, p99: 21.0}
    busy_ms: {gpu: 12.4, host: 4.7}
    watts: 15.0
    usefulness: 0.71
  - name: nano
    knobs: {}
    fps: 300.0
    latency_ms: {p50: 4.0, p99: 5.0}
    busy_ms: {gpu: 3.0, host: 2.0}
    watts: 30.0
    usefulness: 0.5
"""
PIPELINE = """\
name: p
source: {kind: video, path: not_there.mp4}
models:
  road:
    onnx: not_there.onnx
    input: {size: [416, 416], resize: stretch, color: bgr, scale: 1.0}
    decode: {family: yolov8, classes: coco}
stages:
  - {name: objects, kind: detect, model: road}
"""


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    path = tmp_path / "ladder.yaml"
    path.write_text(LADDER)
    return path


def test_a_ladder_is_read_and_written_again_to_the_same(ladder, tmp_path):
    read = load_ladder(ladder)
    again = tmp_path / "again.yaml"
    again.write_text(ladder_text(read, "first line\nsecond line"))
    assert again.read_text().startswith("# first line\n# second line\n")
    assert load_ladder(again) == read


def test_a_rung_knows_its_point_and_what_a_frame_costs(ladder):
    rung = load_ladder(ladder).by_name["small-r2"]
    assert rung.point == OperatingPoint("small-r2", regions=2, variant="small", fps_cap=30.0)
    assert rung.joules_per_frame == 0.5
    assert rung.service_ms == 12.4


def test_cheapest_is_judged_behind_the_camera_not_at_full_speed(ladder):
    read = load_ladder(ladder)
    assert [rung.name for rung in read.cheapest_first] == ["nano", "small-r2"]
    assert read.live_watts(read.by_name["nano"]) == 3.0


def test_mistakes_in_a_ladder_are_told_with_their_place(ladder):
    ladder.write_text(LADDER.replace("usefulness: 0.71", "usefullness: 0.71").replace("gpu: 3.0", "gpu: -1"))
    with pytest.raises(ConfigError) as caught:
        load_ladder(ladder)
    text = str(caught.value)
    assert "did you mean `usefulness`?" in text
    assert f"{ladder}:16" in text
    assert "-1 is too small" in text


def test_two_points_of_one_name_are_refused(ladder):
    ladder.write_text(LADDER.replace("name: nano", "name: small-r2"))
    with pytest.raises(ConfigError, match="two points are named 'small-r2'"):
        load_ladder(ladder)


def test_the_ladder_of_a_pipeline_is_found_without_its_video_and_networks(ladder, tmp_path):
    (tmp_path / "p.yaml").write_text(PIPELINE + "governor: {ladder: ladder.yaml, safe_point: nano}\n")
    read, settings = ladder_of(load_pipeline(tmp_path / "p.yaml", runs=False))
    assert read == load_ladder(ladder)
    assert settings.safe_point == "nano"


@pytest.mark.parametrize(
    ("governor", "message"),
    [
        ("", "governor: is missing"),
        ("governor: {ladder: ladder.yaml, safe_point: nanno}\n", "did you mean `nano`?"),
    ],
)
def test_a_pipeline_whose_governor_cannot_work_is_refused(ladder, tmp_path, governor, message):
    (tmp_path / "p.yaml").write_text(PIPELINE + governor)
    with pytest.raises(ConfigError) as caught:
        ladder_of(load_pipeline(tmp_path / "p.yaml", runs=False))
    assert message in str(caught.value)


def test_a_ladder_that_is_not_there_is_told_at_its_line(tmp_path):
    (tmp_path / "p.yaml").write_text(PIPELINE + "governor: {ladder: nowhere.yaml}\n")
    with pytest.raises(ConfigError, match="no such file"):
        load_pipeline(tmp_path / "p.yaml", runs=False)


@pytest.mark.parametrize(
    ("budgets", "speed_mps", "demanded"),
    [
        (Budgets(), 30.0, None),
        (Budgets(fps_floor=25.0), None, 25.0),
        (Budgets(fps_floor=FpsFloor(city=15.0, highway=30.0)), 10.0, 15.0),
        (Budgets(fps_floor=FpsFloor(city=15.0, highway=30.0)), 30.0, 30.0),
        (Budgets(fps_floor=FpsFloor(city=15.0, highway=30.0)), None, 30.0),
        (Budgets(max_metres_per_frame=2.0), 30.0, 15.0),
        (Budgets(fps_floor=10.0, max_metres_per_frame=2.0), 0.0, 10.0),
    ],
)
def test_the_demanded_rate_is_the_stricter_of_both_ways_to_say_it(budgets, speed_mps, demanded):
    assert demanded_fps(budgets, speed_mps) == demanded


def test_an_unknown_speed_counts_as_that_of_a_motorway():
    assert demanded_fps(Budgets(max_metres_per_frame=1.0), None) == pytest.approx(36.1, abs=0.1)


SILENT = LADDER.replace("idle_w: 9\n", "").replace("    watts: 15.0\n", "").replace("    watts: 30.0\n", "")


def test_a_ladder_without_watts_still_knows_which_point_is_cheaper(ladder, tmp_path):
    ladder.write_text(SILENT)
    read = load_ladder(ladder)
    assert not read.knows_watts
    assert [rung.name for rung in read.cheapest_first] == ["nano", "small-r2"]
    assert "watts" not in ladder_text(read)
    (tmp_path / "again.yaml").write_text(ladder_text(read))
    assert load_ladder(tmp_path / "again.yaml") == read


@pytest.mark.parametrize("budget", ["power_w: 20", "thermal_c: 80"])
def test_a_budget_that_takes_watts_is_refused_where_the_ladder_has_none(budget, ladder, tmp_path):
    ladder.write_text(SILENT)
    (tmp_path / "p.yaml").write_text(PIPELINE + f"governor: {{ladder: ladder.yaml}}\nbudgets: {{{budget}}}\n")
    with pytest.raises(ConfigError, match="does not say what its points draw"):
        ladder_of(load_pipeline(tmp_path / "p.yaml", runs=False))


@pytest.mark.parametrize(("taken_out", "told"), [("    watts: 15.0\n", "has no watts"), ("idle_w: 9\n", "is missing")])
def test_watts_are_given_for_all_points_or_for_none(taken_out, told, ladder):
    ladder.write_text(LADDER.replace(taken_out, ""))
    with pytest.raises(ConfigError, match=told):
        load_ladder(ladder)
