"""Loading: paths, overrides, all mistakes at once, later problems, and the way back out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from edge_runtime.config import schema
from edge_runtime.config.classes import class_names
from edge_runtime.config.export import json_schema, to_document
from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import Block, ClassesBlock, PipelineConfig, VideoSource
from edge_runtime.errors import ConfigError, Problem

GOOD = """\
name: highway
source: {kind: video, path: drive.mp4}
models:
  road:
    onnx: nets/road.onnx
    input: {size: [416, 416], resize: letterbox, color: bgr, scale: 1/255}
    decode: {family: yolox, classes: classes.txt}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: tracked, kind: track, of: objects}
sinks:
  - {kind: jsonl}
  - {kind: video, path: seen.mp4}
"""


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline in `there/`, with its files beside it; the current folder is `here/`."""
    for name in ("there/nets/road.onnx", "there/drive.mp4", "here/other.mp4", "home/far.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "there/classes.txt").write_text("car\ntruck\n")
    (tmp_path / "there/p.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "there/p.yaml"


def source_path(path: Path, overrides: Any) -> Path:
    source = load_pipeline(path, overrides).config.one_source
    assert isinstance(source, VideoSource)
    return source.path


def problems(path: Path, overrides: Any = ()) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path, overrides)
    return caught.value.problems


def test_paths_of_the_file_are_relative_to_it_and_paths_of_overrides_to_the_current_folder(pipeline: Path) -> None:
    config = load_pipeline(pipeline).config
    assert config.models["road"].onnx == pipeline.parent / "nets/road.onnx"
    assert config.models["road"].decode.classes == pipeline.parent / "classes.txt"  # type: ignore[union-attr]
    assert source_path(pipeline, ()) == pipeline.parent / "drive.mp4"
    assert source_path(pipeline, ["source.path=other.mp4"]) == Path.cwd() / "other.mp4"
    assert source_path(pipeline, ["source={kind: video, path: other.mp4}"]) == Path.cwd() / "other.mp4"
    assert source_path(pipeline, {"source.path": Path("other.mp4")}) == Path.cwd() / "other.mp4"
    assert source_path(pipeline, ["source.path=~/far.mp4"]) == Path.home() / "far.mp4"


def test_paths_of_sinks_stay_relative_to_the_run_folder(pipeline: Path) -> None:
    sinks = load_pipeline(pipeline, ["sinks.video.path=/abs/seen.mp4"]).config.sinks
    assert [str(sink.path) for sink in sinks] == ["detections.jsonl", "/abs/seen.mp4"]  # type: ignore[union-attr]


@pytest.mark.parametrize("device", ["rtsp://cam/1", "/dev/video0", "videotestsrc ! appsink"])
def test_devices_are_left_as_they_are(pipeline: Path, device: str) -> None:
    source = load_pipeline(pipeline, {"source": {"kind": "camera", "device": device}}).config.source
    assert source.device == device  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("budgets.latency_ms=80", ("budgets", "latency_ms"), 80),
        ("budgets.fps_floor.city=15", None, None),
        ("models.road.input.size=[640,384]", ("models", "road", "input", "size"), [640, 384]),
        ("stages.tracked.iou=0.3", ("stages", 1, "iou"), 0.3),
        ("stages.1.iou=0.3", ("stages", 1, "iou"), 0.3),
        ("sinks.video.path=a=b.mp4", ("sinks", 1, "path"), "a=b.mp4"),
        ("models.road.decode.classes={2: car}", ("models", "road", "decode", "classes"), {"2": "car"}),
        ("source.loop=on", ("source", "loop"), True),
        ("models.road.input.scale=1/127.5", ("models", "road", "input", "scale"), 1 / 127.5),
    ],
)
def test_an_override_reaches_any_value(pipeline: Path, override: str, where: Any, value: Any) -> None:
    if where is None:  # half a block is told as what it is
        assert [problem.where for problem in problems(pipeline, [override])] == ["budgets.fps_floor.highway"]
        return
    document: Any = to_document(load_pipeline(pipeline, [override]).config)
    for step in where:
        document = document[step]
    assert document == value


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("source.pth=x.mp4", "--set source.pth=x.mp4: source.pth: unknown key\n    did you mean `path`?"),
        ("source.path", "--set source.path: has no `=`\n"),
        ("=5", "--set =5: has no key before the `=`\n"),
        ("a..b=5", "--set a..b=5: has an empty part in its key\n"),
        ("name=[a", "--set name=[a: name: '[a' is not a value: a list that is not closed\n"),
        (
            "stages.objcts.model=x",
            "--set stages.objcts.model=x: stages.objcts.model: stages has no item `objcts`\n    did",
        ),
        ("sinks.2.path=x", "--set sinks.2.path=x: sinks.2.path: sinks has 2 items, so no item 2\n"),
        ("name.x=5", "--set name.x=5: name.x: name is a single value; it has no `x`"),
        ("source.path=gone.mp4", "--set source.path=gone.mp4: source.path: no such file: "),
    ],
)
def test_an_override_that_cannot_be_is_told_by_its_text(pipeline: Path, override: str, said: str) -> None:
    (problem,) = problems(pipeline, [override])
    assert str(problem).startswith(said)
    assert problem.line == 0


def test_an_override_mends_a_mistake_of_the_file(pipeline: Path) -> None:
    pipeline.write_text(GOOD.replace("drive.mp4", "gone.mp4").replace("model: road", "model: raod"))
    load_pipeline(pipeline, ["source.path=other.mp4", "stages.objects.model=road"])


def test_a_model_name_with_a_dot_can_be_overridden(pipeline: Path) -> None:
    pipeline.write_text(GOOD.replace("  road:", "  road.v2:").replace("model: road", "model: road.v2"))
    config = load_pipeline(pipeline, ["models.road.v2.input.pad=0"]).config
    assert config.models["road.v2"].input.pad == 0


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file_and_overrides_last(pipeline: Path) -> None:
    text = GOOD.replace("kind: video, path: drive.mp4", "kind: video, path: gone.mp4, fsp: 5")
    text = text.replace("color: bgr", "color: grb").replace("of: objects", "of: objcts, kind: track")
    pipeline.write_text(text.replace("{kind: jsonl}", "{kind: jsnl}"))
    found = problems(pipeline, ["source.pace=slow"])
    assert [problem.where for problem in found] == [
        "source.path", "source.fsp", "models.road.input.color", "stages.tracked.of", "stages.tracked.kind",
        "sinks.jsnl.kind", "source.pace",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"7 mistakes; nothing was started\."):
        load_pipeline(pipeline, ["source.pace=slow"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x08\x00\x12pytorch", "is a binary file, not a pipeline file"),
        (b"name: caf\xe9", ":1:10: byte 0xe9 is not UTF-8"),
        ("name: x".encode("utf-16"), "is UTF-16"),
        (b"a: 1\n" * 300_000, "is over 1 MB, too long for a pipeline file"),
    ],
)
def test_what_is_no_text_is_refused(pipeline: Path, content: bytes, said: str) -> None:
    pipeline.write_bytes(content)
    (problem,) = problems(pipeline)
    assert said in str(problem)


def test_a_file_that_starts_with_a_byte_order_mark_loads(pipeline: Path) -> None:
    pipeline.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    load_pipeline(pipeline)


def test_a_missing_file_is_told_with_a_near_name_and_a_folder_with_what_it_holds(pipeline: Path) -> None:
    (pipeline.parent / "nested").mkdir()
    (missing,) = problems(pipeline.with_name("pp.yaml"))
    assert str(missing) == f"{pipeline.parent}/pp.yaml: no such file\n    did you mean `{pipeline}`?"
    (folder,) = problems(pipeline.parent)
    assert str(folder) == f"{pipeline.parent}: is a folder, not a pipeline file\n    it holds {pipeline}"


def test_a_later_phase_points_into_the_file(pipeline: Path) -> None:
    loaded = load_pipeline(pipeline, ["source.pace=fast"])
    for where in ("models.road.onnx", ("models", "road", "onnx")):
        problem = loaded.problem(where, "is not ONNX", "export it")
        assert (problem.where, problem.line, problem.column, problem.fix) == ("models.road.onnx", 5, 11, "export it")
    assert loaded.problem("stages.tracked.of", "x").line == 10
    assert loaded.problem(("stages", "1", "of"), "x").line == 10
    absent = loaded.problem("models.road.decode.output", "there are two")
    assert (absent.where, absent.line, absent.column) == ("models.road.decode.output", 7, 5)
    assert loaded.problem("source.pace", "x").file == "--set source.pace=fast"


def test_a_loaded_config_is_frozen(pipeline: Path) -> None:
    with pytest.raises(ValidationError):
        load_pipeline(pipeline).config.name = "other"  # type: ignore[misc]


def test_the_document_of_a_config_is_plain_and_loads_to_the_same_config(pipeline: Path) -> None:
    config = load_pipeline(pipeline).config
    document = to_document(config)
    for text in (json.dumps(document), yaml.safe_dump(document)):
        (pipeline.parent / "again.yaml").write_text(text)
        assert load_pipeline(pipeline.parent / "again.yaml").config == config


# ---- class names -----------------------------------------------------------------------------------------------


def test_class_names_come_from_coco_a_list_a_mapping_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\ufeffcar\r\ntraffic light\n\n", encoding="utf-8")
    assert class_names(ClassesBlock(classes="coco"))[79] == "toothbrush"
    assert class_names(ClassesBlock(classes=("a", "b"))) == {0: "a", 1: "b"}
    assert class_names(ClassesBlock(classes={7: "truck"})) == {7: "truck"}
    assert class_names(ClassesBlock(classes=tmp_path / "names.txt")) == {0: "car", 1: "traffic light"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; it should have one class name a line"),
        (b"car\n\ntruck\n", "line 2 of .* is empty"),
        (b"car\ncar\n", "class 'car' is named twice in .*: index 0 and index 1"),
        (b"\xff\xfe", "is not a text file in UTF-8"),
    ],
)
def test_a_class_file_that_cannot_be_read_is_told_in_words(pipeline: Path, content: bytes, said: str) -> None:
    names = pipeline.parent / "classes.txt"
    names.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        class_names(ClassesBlock(classes=names))
    (problem,) = problems(pipeline)
    assert (problem.where, problem.line) == ("models.road.decode.classes", 7)


# ---- the schema ------------------------------------------------------------------------------------------------


def blocks(of: type[Block] = Block) -> list[type[Block]]:
    return [block for child in of.__subclasses__() for block in (child, *blocks(child))]


def test_every_key_of_the_schema_is_described() -> None:
    lacking = [
        f"{block.__name__}.{name}"
        for block in blocks()
        for name, field in block.model_fields.items()
        if not field.description
    ]
    assert lacking == []


def test_the_examples_of_the_schema_are_right() -> None:
    for block in blocks():
        for field in block.model_fields.values():
            for example in field.examples or ():
                TypeAdapter(field.rebuild_annotation()).validate_python(example)


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "/", ".", "//x"])
def test_an_impossible_path_is_a_problem_and_no_crash(pipeline: Path, name: str) -> None:
    keys = ("source.path", "models.road.onnx", "models.road.decode.classes")
    assert [problem.where for problem in problems(pipeline, dict.fromkeys(keys, name))] == list(keys)


def test_the_json_schema_shows_each_kind_as_a_constant() -> None:
    document = json_schema()
    assert document["$schema"].startswith("https://json-schema.org/")
    for key, union, tag in (
        ("source", schema.Source, "kind"), ("sources", schema.Source, "kind"),
        ("stages", schema.Stage, "kind"), ("sinks", schema.Sink, "kind")
    ):  # fmt: skip
        node = document["properties"][key]
        node = node.get("anyOf", [node])[0]
        references = [branch["$ref"].split("/")[-1] for branch in node.get("items", node)["oneOf"]]
        shown = [document["$defs"][name]["properties"][tag]["const"] for name in references]
        assert len(shown) == len(get_args(get_args(union)[0]))
        assert all(tag in document["$defs"][name]["required"] for name in references)
        assert not any(document["$defs"][name]["additionalProperties"] for name in references)
    assert document["$defs"]["YoloxDecode"]["properties"]["family"]["const"] == "yolox"


def test_python_may_build_a_config_with_lists_and_tuples() -> None:
    config = PipelineConfig.model_validate(
        {
            "name": "x",
            "source": {"kind": "camera", "device": 0, "size": (1280, 720)},
            "models": {"m": yaml.safe_load(GOOD)["models"]["road"]},
            "stages": ({"name": "s", "kind": "detect", "model": "m"},),
        }
    )
    assert config.models["m"].input.size == (416, 416)
    assert config.models["m"].input.scale == pytest.approx(1 / 255)


def test_importing_the_package_does_not_import_pydantic() -> None:
    code = "import sys, edge_runtime, edge_runtime.config; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
