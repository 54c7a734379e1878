"""What ships with the package goes by name, from wherever one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.cli.main import VERBS
from edge_runtime.config.catalogue import shipped_pipelines
from edge_runtime.config.ladder import ladder_of, load_ladder
from edge_runtime.config.load import load_pipeline
from edge_runtime.config.shipped import at_home, meant, shipped
from edge_runtime.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_demo_loads_by_name_in_an_empty_folder():
    loaded = load_pipeline("demo")
    assert loaded.path == ROOT / "pipelines/demo.yaml"
    assert loaded.config.models["road"].onnx == ROOT / "edge_runtime/assets/demo_detector.onnx"


def test_a_ladder_goes_by_name_in_a_file_and_in_an_override(tmp_path):
    text = (ROOT / "pipelines/demo.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text + "governor: {ladder: thor}\n")
    assert load_pipeline("mine.yaml").config.governor.ladder == ROOT / "configs/ladders/thor.yaml"
    assert ladder_of(load_pipeline("demo", ["governor.ladder=orin_nx"]))[0].board == "Jetson Orin NX 16GB"
    assert load_ladder("orin_nx").board == "Jetson Orin NX 16GB"


def test_a_variant_may_be_a_network_that_ships():
    config = load_pipeline("demo", ["models.road.variants={other: {onnx: demo_light_state}}"]).config
    assert config.models["road"].variants["other"].onnx == ROOT / "edge_runtime/assets/demo_light_state.onnx"


def test_a_variant_that_is_not_there_is_told_before_anything_starts():
    with pytest.raises(ConfigError, match=r"variants\.small\.onnx: no such file: .*/small\.onnx"):
        load_pipeline("demo", ["models.road.variants={small: {onnx: small.onnx}}"])


def test_a_file_of_that_very_name_comes_first(tmp_path):
    assert meant("pipelines", "demo") is not None
    (tmp_path / "demo").write_text("")
    assert meant("pipelines", "demo") is None


def test_a_folder_of_that_name_does_not_hide_what_ships(tmp_path):
    (tmp_path / "demo").mkdir()
    assert meant("pipelines", "demo") == ROOT / "pipelines/demo.yaml"


@pytest.mark.parametrize(
    ("pipeline", "overrides", "answer"),
    [
        ("dmo", [], "did you mean `demo`?"),
        ("nothing_like_it", [], "pipelines that ship go by name: adas_video, demo, "),
        ("demo", ["governor.ladder=orin_agx_30"], "did you mean `orin_agx_30w`?"),
        ("demo", ["models.road.onnx=demo_detectr"], "did you mean `demo_detector`?"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(pipeline, overrides, answer):
    with pytest.raises(ConfigError) as caught:
        load_pipeline(pipeline, overrides)
    assert answer in str(caught.value)


def test_no_pipeline_that_ships_hides_behind_a_verb():
    assert not set(VERBS) & set(shipped("pipelines"))


def test_the_catalogue_says_what_each_is_for_and_what_must_be_passed():
    by_name = {pipeline.name: pipeline for pipeline in shipped_pipelines()}
    assert list(by_name) == sorted(path.stem for path in (ROOT / "pipelines").glob("*.yaml"))
    assert all(0 < len(pipeline.purpose) <= 50 for pipeline in by_name.values())
    assert by_name["demo"].needed == "nothing"
    assert by_name["highway_video"].needed == "an ONNX, a video"
    assert by_name["surround"].needed == "an ONNX"
    with pytest.raises(ConfigError) as caught:
        load_pipeline("highway_video")
    assert sorted(problem.where for problem in caught.value.problems) == list(by_name["highway_video"].needs)


def test_one_camera_of_several_is_set_as_the_file_says_it_is():
    config = load_pipeline(
        "surround",
        ["models.road.onnx=demo_detector", "sources.front.device=/dev/video0", "source.frozen_s=2"],
    ).config
    assert [camera.camera for camera in config.cameras] == ["front", "left", "right", "rear"]
    assert [camera.device for camera in config.cameras][:2] == ["/dev/video0", "rtsp://192.168.1.11/stream"]
    assert {camera.frozen_s for camera in config.cameras} == {2}


def test_a_path_of_another_machine_that_names_what_ships_is_found_at_home(tmp_path):
    assert at_home("networks", "/elsewhere/assets/demo_detector.onnx") == str(
        ROOT / "edge_runtime/assets/demo_detector.onnx"
    )
    assert at_home("plants", "/elsewhere/orin_nx.yaml") == str(ROOT / "configs/plants/orin_nx.yaml")
    assert at_home("networks", "/elsewhere/mine.onnx") == "/elsewhere/mine.onnx"
    own = tmp_path / "demo_detector.onnx"
    own.touch()
    assert at_home("networks", str(own)) == str(own), "one that is there is meant"
