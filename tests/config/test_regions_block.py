"""The blocks about regions and groups of classes: what they read as, and what a user is told about mistakes in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from edge_runtime.config.export import json_schema, to_document
from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import DetectStage, ExploreRegions, FixedRegions, HorizonRegions, TrackRegions
from edge_runtime.errors import ConfigError

GOOD = """\
name: highway
source: {kind: video, path: drive.mp4}
models:
  road:
    onnx: road.onnx
    input: {size: [416, 416], resize: letterbox, color: bgr, scale: 1.0}
    decode: {family: yolox, classes: coco}
stages:
  - {name: objects, kind: detect, model: road}
  - name: far
    kind: detect
    model: road
    regions:
      max: 2
      from: [horizon, tracks]
      class_weights: {traffic light: 3}
  - {name: fused, kind: merge, of: [objects, far]}
groups: {vehicle: [car, truck, bus], cycle: [bicycle, motorcycle]}
never_shed: [traffic light]
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Load the good file with one text replaced by another."""
    for name in ("drive.mp4", "road.onnx", "map.json"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)

    def loaded(old: str = "", new: str = ""):
        assert old in GOOD
        Path("pipeline.yaml").write_text(GOOD.replace(old, new, 1))
        return load_pipeline("pipeline.yaml").config

    return loaded


def regions(config):
    stage = config.stages[1]
    assert isinstance(stage, DetectStage)
    return stage.regions


def test_sources_are_named_alone_or_with_options(load):
    options = "[horizon, tracks: {smaller_than_px: 48}, fixed: {rects: [[0, 0, 9, 9]], weight: 2}, explore: ]"
    read = [source.chosen for source in regions(load("[horizon, tracks]", options)).sources]
    assert read == [
        HorizonRegions(),
        TrackRegions(smaller_than_px=48.0),
        FixedRegions(rects=((0, 0, 9, 9),), weight=2.0),
        ExploreRegions(weight=0.2),
    ]


def test_without_from_horizon_tracks_and_tiles_are_looked_at(load):
    read = regions(load("      from: [horizon, tracks]\n", "")).sources
    assert [type(source.chosen) for source in read] == [HorizonRegions, TrackRegions, ExploreRegions]


def test_a_map_s_path_is_relative_to_the_file(load):
    read = regions(load("[horizon, tracks]", "[{prior: {file: map.json}}]")).sources
    assert read[0].prior.file == Path.cwd() / "map.json"


def test_what_was_loaded_loads_again_to_the_same(load):
    config = load("[horizon, tracks]", "[horizon, {explore: {overlap: 0.3}}]")
    Path("again.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(to_document(config)))))
    assert load_pipeline("again.yaml").config == config


def test_the_json_schema_takes_names_and_options():
    source = json_schema()["$defs"]["RegionSource"]["anyOf"]
    assert source[0]["enum"] == ["horizon", "tracks", "prior", "explore"]
    assert set(source[1]["properties"]) == {"fixed", "horizon", "tracks", "prior", "explore"}
    assert "from" in json_schema()["$defs"]["RegionsBlock"]["properties"]


@pytest.mark.parametrize(
    ("old", "new", "where", "told"),
    [
        ("max: 2", "max: 17", "stages.far.regions.max", "17 is too large"),
        ("      max: 2\n", "", "stages.far.regions.max", "is missing"),
        ("horizon, tracks", "horizn", "stages.far.regions.from.0.horizn", "did you mean `horizon`?"),
        ("from:", "form:", "stages.far.regions.form", "did you mean `from`?"),
        ("[horizon, tracks]", "horizon", "stages.far.regions.from", "'horizon' is not a list"),
        ("[horizon, tracks]", "[]", "stages.far.regions.from", "is empty"),
        ("[horizon, tracks]", "[{horizon: {}, tracks: {}}]", "stages.far.regions.from.0", "names one source"),
        ("[horizon, tracks]", "[{}]", "stages.far.regions.from.0", "names one source"),
        ("[horizon, tracks]", "[fixed]", "stages.far.regions.from.0.fixed.rects", "write `rects:"),
        ("horizon, tracks", "{fixed: {rects: [[9, 0, 9, 9]]}}", "stages.far.regions.from.0.fixed.rects.0", "x0 must"),
        ("horizon, tracks", "{fixed: {rects: [[-1, 0, 9, 9]]}}", "stages.far.regions.from.0.fixed.rects.0.0", "small"),
        ("[horizon, tracks]", "[{prior: {file: mpa.json}}]", "stages.far.regions.from.0.prior.file", "`map.json`"),
        ("light: 3", "light: -3", "stages.far.regions.class_weights.traffic light", "-3 is too small"),
        ("[bicycle", "[car", "groups.cycle.0", "'car' is in group 'vehicle' already"),
        ("[bicycle", "[motorcycle", "groups.cycle.1", "'motorcycle' is listed twice"),
        ("[bicycle, motorcycle]", "[]", "groups.cycle", "is empty"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(load, old, new, where, told):
    with pytest.raises(ConfigError) as error:
        load(old, new)
    (problem,) = error.value.problems
    assert problem.where == where
    assert told in str(problem)
    assert problem.line > 1
