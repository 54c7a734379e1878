"""Faults as people type them, and what they read when they mistype them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.config.export import to_document
from edge_runtime.config.load import load_pipeline
from edge_runtime.errors import ConfigError

from .test_config_messages import GOOD


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `p.yaml` will lie, with the files it names."""
    for name in ("road.onnx", "drive.mp4"):
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str = "", *faults: str) -> list[str]:
    """The faults of a pipeline with this at its end, as `--fault` would take them."""
    Path("p.yaml").write_text(GOOD + text)
    return [fault.text for fault in load_pipeline("p.yaml", (), faults).config.faults]


def said(text: str = "", *faults: str) -> str:
    with pytest.raises(ConfigError) as raised:
        loaded(text, *faults)
    return str(raised.value)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("camera_gap:t=5s,d=2s", "camera_gap:t=5s,d=2s"),
        ("camera_gap: t = 200ms, d = 2", "camera_gap:t=0.2s,d=2s"),
        ("jitter:5ms", "jitter:5ms"),
        ("jitter:ms=0.005s,seed=3", "jitter:5ms,seed=3"),
        ("corrupt_frame", "corrupt_frame"),
        ("corrupt_frame:10%,t=5s", "corrupt_frame:0.1,t=5s"),
        ("slow_network:x1.5", "slow_network:x1.5"),
        ("slow_network:2,model=road", "slow_network:x2,model=road"),
        ("power_step:+15W,t=10s", "power_step:+15W,t=10s"),
        ("power_step:t=10s,w=-2.5", "power_step:-2.5W,t=10s"),
        ("sensor_dead:t=1s,d=500ms", "sensor_dead:t=1s,d=0.5s"),
        ("sensor_frozen", "sensor_frozen"),
        ("sink_blocked:t=1s,d=3s,sink=jsonl", "sink_blocked:t=1s,d=3s,sink=jsonl"),
        ("engine_error:3,t=1s", "engine_error:3,t=1s"),
    ],
)
def test_every_kind_is_read_and_written_as_it_is_typed(typed: str, meant: str) -> None:
    assert loaded("", typed) == [meant]
    assert loaded("", meant) == [meant]


@pytest.mark.usefixtures("folder")
def test_texts_and_blocks_stand_in_one_list_and_the_command_lines_come_behind() -> None:
    text = "faults:\n  - sensor_dead:t=1s\n  - {kind: camera_gap, t: 5s, d: 2}\n  - 'jitter:5ms'\n"
    assert loaded(text, "sensor_frozen") == ["sensor_dead:t=1s", "camera_gap:t=5s,d=2s", "jitter:5ms", "sensor_frozen"]


@pytest.mark.usefixtures("folder")
def test_a_resolved_pipeline_has_its_faults_and_loads_to_the_same() -> None:
    Path("p.yaml").write_text(GOOD)
    config = load_pipeline("p.yaml", (), ["power_step:+15W,t=10s", "camera_gap:t=5s,d=2s"]).config
    document = to_document(config)
    assert document["faults"][0] == {"kind": "power_step", "t": 10.0, "w": 15.0}
    assert type(config).model_validate(document).faults == config.faults


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "camera_gpa:t=5s,d=2s",
            """\
p.yaml:25:5: faults.camera_gpa.kind: unknown value 'camera_gpa'
    | - camera_gpa:t=5s,d=2s
    |   ^^^^^^^^^^
    did you mean `camera_gap`? It takes camera_gap, jitter, corrupt_frame, slow_network, engine_error, power_step, \
sensor_dead, sensor_frozen or sink_blocked""",
        ),
        (
            "'camera_gap:t=5q,d=2s'",
            """\
p.yaml:25:19: faults.camera_gap.t: '5q' is not a number
    | - 'camera_gap:t=5q,d=2s'
    |                 ^^
    write `t: 5s`: when it begins, in seconds from the first picture (or reading)""",
        ),
        (
            "slow_network:x0.5",
            """\
p.yaml:25:18: faults.slow_network.x: 'x0.5' is too small
    | - slow_network:x0.5
    |                ^^^^
    must be more than 1: so many times as long""",
        ),
        (
            "jitter:5ms,sed=3",
            """\
p.yaml:25:16: faults.jitter.sed: unknown key
    | - jitter:5ms,sed=3
    |              ^^^
    did you mean `seed`?""",
        ),
        (
            "camera_gap:5s",
            """\
p.yaml:25:16: faults: '5s' has no `=`
    | - camera_gap:5s
    |              ^^
    write `camera_gap:t=5s,d=2s`""",
        ),
        (
            "jitter:5ms,ms=3",
            """\
p.yaml:25:16: faults: `ms` is given twice
    | - jitter:5ms,ms=3
    |              ^^^^
    give it once""",
        ),
        (
            "sink_blocked",
            """\
p.yaml:25:5: faults.sink_blocked.d: is missing
    | - sink_blocked
    |   ^^^^^^^^^^^^
    write `d: 2s`: how long that write waits, in seconds""",
        ),
        (
            "engine_error:model=raod",
            """\
p.yaml:25:24: faults.engine_error.model: no model is named 'raod'
    | - engine_error:model=raod
    |                      ^^^^
    did you mean `road`?""",
        ),
        (
            "sink_blocked:d=2s,sink=json",
            """\
p.yaml:25:28: faults.sink_blocked.sink: unknown value 'json'
    | - sink_blocked:d=2s,sink=json
    |                          ^^^^
    did you mean `jsonl`? It takes jsonl, video, display, mqtt, zmq, udp or shared_memory""",
        ),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, answer: str) -> None:
    assert said(f"faults:\n  - {text}\n") == answer


@pytest.mark.usefixtures("folder")
def test_a_mistake_on_the_command_line_is_shown_the_same_way() -> None:
    assert (
        said("", "camera_gap:t=5x,d=2s")
        == """\
--fault camera_gap:t=5x,d=2s: faults.camera_gap.t: '5x' is not a number
    | camera_gap:t=5x,d=2s
    |              ^^
    write `t: 5s`: when it begins, in seconds from the first picture (or reading)"""
    )


@pytest.mark.usefixtures("folder")
def test_a_list_on_one_line_that_cuts_a_fault_in_two_says_so() -> None:
    assert "in a list on one line a fault goes into quotes" in said("faults: [camera_gap:t=5s,d=2s]\n")
    assert loaded("faults: ['camera_gap:t=5s,d=2s']\n") == ["camera_gap:t=5s,d=2s"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["", "=", ":", "camera_gap:", "camera_gap:,", "jitter:nan", "engine_error:1.5", "x:="])
def test_no_text_leads_to_anything_but_an_answer(text: str) -> None:
    assert "--fault" in said("", text)


@pytest.mark.usefixtures("folder")
def test_faults_that_are_no_list_are_answered() -> None:
    assert "is not a list" in said("faults: sensor_dead\n", "sensor_dead")
