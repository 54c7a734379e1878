"""Whatever is done to a pipeline file, it loads or is refused with problems a person can read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge_runtime.config.export import to_document
from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.errors import ConfigError

VALID: dict[str, Any] = {
    "name": "highway",
    "source": {"kind": "video", "path": "drive.mp4", "pace": "live", "loop": False},
    "models": {
        "road": {
            "onnx": "road.onnx",
            "input": {"size": [416, 416], "resize": "letterbox", "color": "bgr", "scale": "1/255", "mean": [0, 0, 0]},
            "decode": {"family": "yolox", "classes": "coco", "keep": ["car"], "confidence": 0.35},
        },
        "lanes": {
            "onnx": "road.onnx",
            "input": {"size": [640, 360], "resize": "stretch", "color": "rgb", "scale": 1.0},
            "decode": {"family": "segmentation", "heads": [{"output": "lane", "classes": {1: "lane"}}]},
        },
    },
    "stages": [
        {"name": "objects", "kind": "detect", "model": "road"},
        {"name": "far", "kind": "detect", "model": "road"},
        {"name": "lane", "kind": "segment", "model": "lanes"},
        {"name": "fused", "kind": "merge", "of": ["objects", "far"]},
        {"name": "tracked", "kind": "track", "of": "fused"},
    ],
    "sinks": [
        {"kind": "jsonl"},
        {"kind": "video", "path": "seen.mp4"},
        {"kind": "mqtt", "broker": "b:1883", "topic": "edge/{camera}", "stages": ["tracked"], "tls": {}},
        {"kind": "zmq", "bind": "tcp://*:5556"},
        {"kind": "udp", "to": 5006},
        {"kind": "shared_memory", "name": "edge-{pipeline}", "slots": 4},
    ],
    "budgets": {"fps_floor": {"city": 15, "highway": 30}, "latency_ms": 100},
}


def paths_in(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, child in children for path in ((*here, key), *paths_in(child, (*here, key)))]


PATHS = paths_in(VALID)
words = st.sampled_from(
    ["car", "coco", "road", "kind", "merge", "x", "objects", "fused", "total", "video", "1/255", "~"]
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), words, st.text(max_size=8), st.sampled_from([0, -1, 1e308])
)
junk = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.one_of(words, st.integers(-2, 5)), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("drive.mp4", "road.onnx"):
        (tmp_path / name).touch()
    return tmp_path


many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load(text: str | bytes, overrides: Any = ()) -> LoadedPipeline | None:
    """The pipeline, or None when it is refused as it should be; any other exception fails the test."""
    Path("p.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        return load_pipeline("p.yaml", overrides)
    except ConfigError as error:
        for problem in error.problems:
            assert problem.what.strip()
            assert problem.file == "p.yaml" or problem.file.startswith(("--set ", "overrides["))
            assert (problem.line > 0) == (problem.column > 0)
            assert "pydantic" not in str(problem)
        str(error).encode("utf-8")
        return None


def dump(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def parent(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


def test_the_file_that_is_mutated_here_loads(folder: Path) -> None:
    assert load(dump(VALID)) is not None


@many
@given(path=st.sampled_from(PATHS))
def test_a_file_without_one_of_its_values_loads_or_is_refused(folder: Path, path: tuple[Any, ...]) -> None:
    document = copy.deepcopy(VALID)
    del parent(document, path)[path[-1]]
    load(dump(document))


@many
@given(path=st.sampled_from([path for path in PATHS if isinstance(path[-1], str)]), name=st.text(max_size=6) | words)
def test_a_file_with_a_renamed_key_loads_or_is_refused(folder: Path, path: tuple[Any, ...], name: str) -> None:
    document = copy.deepcopy(VALID)
    block = parent(document, path)
    block[name] = block.pop(path[-1])
    load(dump(document))


@many
@given(changes=st.lists(st.tuples(st.sampled_from(PATHS), junk), min_size=1, max_size=3))
def test_a_file_with_junk_for_values_loads_or_is_refused(
    folder: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    document = copy.deepcopy(VALID)
    for path, value in changes:
        try:
            parent(document, path)[path[-1]] = value
        except (LookupError, TypeError):
            continue  # an earlier change took the block away
    load(dump(document))


@many
@given(
    line=st.integers(0, 40),
    column=st.integers(0, 20),
    insert=st.text(max_size=5) | st.sampled_from(":-{}[]&*!|>'\"\t#%@`"),
)
def test_a_file_with_characters_put_in_loads_or_is_refused(folder: Path, line: int, column: int, insert: str) -> None:
    lines = dump(VALID).splitlines()
    at = line % len(lines)
    lines[at] = lines[at][:column] + insert + lines[at][column:]
    load("\n".join(lines))


@many
@given(line=st.integers(0, 60), to=st.integers(0, 60))
def test_a_file_with_a_line_written_twice_loads_or_is_refused(folder: Path, line: int, to: int) -> None:
    lines = dump(VALID).splitlines()
    lines.insert(to % len(lines), lines[line % len(lines)])
    load("\n".join(lines))


@many
@given(text=st.text() | st.binary())
def test_any_text_and_any_bytes_are_refused(folder: Path, text: str | bytes) -> None:
    assert load(text) is None


@many
@given(document=junk)
def test_any_yaml_is_refused(folder: Path, document: Any) -> None:
    assert load(dump(document)) is None


keys = st.sampled_from([".".join(map(str, path)) for path in PATHS]) | st.text(max_size=8) | words


@many
@given(key=keys, value=st.text(max_size=10) | scalars.map(str))
def test_any_override_in_a_shell_loads_or_is_refused(folder: Path, key: str, value: str) -> None:
    load(dump(VALID), [f"{key}={value}", value])


@many
@example(overrides={"[key]": None})
@given(overrides=st.dictionaries(keys, junk, max_size=3))
def test_any_override_from_python_loads_or_is_refused(folder: Path, overrides: dict[str, Any]) -> None:
    load(dump(VALID), overrides)


@many
@given(path=st.sampled_from(PATHS), value=scalars)
def test_what_loads_comes_back_equal_from_its_document(folder: Path, path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(VALID)
    parent(document, path)[path[-1]] = value
    loaded = load(dump(document))
    if loaded is not None:
        again = load(dump(to_document(loaded.config)))
        assert again is not None
        assert again.config == loaded.config
