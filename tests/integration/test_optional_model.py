"""A model that the file calls optional fails, through the real command: the others go on, and everybody is told."""

import json

import pytest
import yaml

from edge_runtime.cli.main import run_app
from edge_runtime.pipeline.optional import silent_stages
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.recording import schemas
from edge_runtime.recording.reader import Recording
from tests.tiny import PIPELINE, tiny_detector, tiny_video

from .test_record_replay import lines

TWO_MODELS = {
    "stages": [
        {"name": "objects", "kind": "detect", "model": "road"},
        {"name": "more", "kind": "detect", "model": "extra"},
        {"name": "fused", "kind": "merge", "of": ["objects", "more"]},
        {"name": "tracked", "kind": "track", "of": "fused"},
        {"name": "extras", "kind": "track", "of": "more"},
    ]
}
MADE_ANEW = "model extra failed and was made anew once"


@pytest.fixture
def two(tmp_path):
    """The tiny pipeline with a second, optional model whose boxes are merged, and tracked by themselves."""
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_detector(tmp_path / "extra.onnx")
    tiny_video(tmp_path / "drive.avi")
    document = yaml.safe_load(PIPELINE) | TWO_MODELS
    document["models"]["extra"] = {**document["models"]["road"], "onnx": "extra.onnx", "optional": True}
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def run(two, tmp_path, capsys):
    """Runs it (40 frames at 25 a second) with options; what `--json` then said."""

    def run(*options, code=0):
        assert run_app([str(two), "--json", "--out", str(tmp_path / "run"), *options]) == code
        document = json.loads(capsys.readouterr().out)
        frames = document["frames"]
        assert frames["captured"] == sum(frames.values()) - frames["captured"]
        return document

    return run


def stages_of(folder):
    return [set(line["stages"]) for line in lines(folder)]


ALL = {"objects", "more", "fused", "tracked", "extras"}


@pytest.mark.parametrize("pace", ["fast", "live"])
def test_a_call_that_fails_for_a_moment_costs_its_stages_and_not_the_frame(run, tmp_path, pace):
    document = run("--pace", pace, "--fault", "engine_error:2,t=0.4s,model=extra")
    assert document["frames"]["failed"] == 0
    assert document["frames"]["published"] + document["frames"]["overwritten"] == 40
    seen = stages_of(tmp_path / "run")
    first, last = (n for n, stages in enumerate(seen) if stages != ALL)
    # As when a detector rests: what it says is left out, and its tracks are carried on.
    assert last == first + 1
    assert seen[first] == seen[last] == ALL - {"more"}
    extras = [line["stages"]["extras"]["track_id"] for line in lines(tmp_path / "run")]
    assert extras[first - 1] == extras[first] == extras[last + 1] != []
    account = document["optional_models"]["extra"]
    assert (account["failed_frames"], account["made_anew"], account["out"]) == (2, False, None)
    (warning,) = (each for each in document["warnings"] if "extra" in each)
    assert warning.startswith("2 frames go without model extra: the network call failed")


def test_three_failures_in_a_row_make_that_model_anew_once(run, tmp_path):
    document = run("--fault", "engine_error:3,t=0.4s,model=extra")
    assert document["frames"]["published"] == 40
    assert document["optional_models"]["extra"]["made_anew"] is True
    assert document["optional_models"]["extra"]["out"] is None
    assert MADE_ANEW in document["warnings"]
    assert "the networks failed and were made anew once" not in document["warnings"], "the other one is left alone"
    assert [n for n, stages in enumerate(stages_of(tmp_path / "run")) if "more" not in stages] == [10, 11, 12]


def test_a_model_that_goes_on_failing_is_taken_out_and_the_rest_go_on(run, tmp_path):
    document = run("--fault", "engine_error:100,t=0.4s,model=extra", "--record", str(tmp_path / "drive.mcap"))
    assert document["error"] is None
    assert document["frames"]["published"] == 40
    seen = stages_of(tmp_path / "run")
    assert seen[:10] == [ALL] * 10
    assert seen[-15:] == [{"objects", "fused", "tracked"}] * 15, "tracks of a model that is out are not carried on"
    out = document["optional_models"]["extra"]["out"]
    assert out["stages"] == ["more", "extras"]
    assert "3 frames in a row), again after it was made anew" in out["why"]
    assert document["optional_models"]["extra"]["failed_frames"] >= 6
    (alarm,) = (each for each in document["warnings"] if "is out" in each)
    assert alarm.startswith("model extra is out: the network call failed")
    assert alarm.endswith("; more and extras say nothing")
    said = [log["message"] for log in logs(tmp_path / "drive.mcap") if log["name"] == "model_out"]
    assert said == [alarm]


def logs(path):
    return [json.loads(message) for topic, message in messages(path) if topic == schemas.LOG]


def messages(path):
    from mcap.reader import make_reader

    with path.open("rb") as file:
        for _, channel, message in make_reader(file).iter_messages():
            yield channel.topic, message.data


def test_the_same_failure_of_a_model_that_is_needed_ends_the_run(run):
    document = run("--fault", "engine_error:100,t=0.4s,model=road", code=1)
    assert "frames in a row" in document["error"]


def test_a_model_that_cannot_be_made_anew_is_taken_out(run, two, tmp_path, monkeypatch):
    """Its file goes away during the drive."""
    from edge_runtime.pipeline import assemble

    opened = []

    def open_session(path, block, real=assemble.open_session):
        opened.append(path.name)
        if opened.count("extra.onnx") == 2:
            path.unlink()
        return real(path, block)

    monkeypatch.setattr(assemble, "open_session", open_session)
    document = run("--fault", "engine_error:3,t=0.4s,model=extra")
    assert document["frames"]["published"] == 40
    assert "and it cannot be made anew: no such file: " in document["optional_models"]["extra"]["out"]["why"]
    assert opened.count("tiny.onnx") == 1


@pytest.mark.parametrize("content", [None, b"no network"])
def test_a_model_that_cannot_be_loaded_at_the_start_is_out(run, two, tmp_path, content):
    extra = tmp_path / "extra.onnx"
    extra.unlink() if content is None else extra.write_bytes(content)
    document = run("--record", str(tmp_path / "drive.mcap"))
    assert stages_of(tmp_path / "run") == [{"objects", "fused", "tracked"}] * 40
    (alarm,) = (each for each in document["warnings"] if "is out" in each)
    assert str(extra) in alarm
    assert document["optional_models"]["extra"]["out"]["after_s"] < 5
    assert "extra" not in document["backends"]
    assert [log["name"] for log in logs(tmp_path / "drive.mcap")] == ["model_out"]
    assert Recording(tmp_path / "drive.mcap").whole


def test_a_model_that_is_needed_and_cannot_be_loaded_is_refused(two, tmp_path, capsys):
    (tmp_path / "tiny.onnx").write_bytes(b"no network")
    assert run_app([str(two), "--out", str(tmp_path / "run")]) == 2
    assert "models.road.onnx" in capsys.readouterr().err


def test_when_no_model_is_left_there_is_nothing_to_run(run, two, tmp_path, capsys):
    alone = ("--set", "models.road.optional=true")
    document = run(*alone, "--fault", "engine_error:200,t=0.4s", code=1)
    assert document["error"].startswith("no model is left: model extra is out: the network call failed")
    assert document["frames"]["failed"] <= 2, "only what was in flight is lost"
    for name in ("tiny.onnx", "extra.onnx"):
        (tmp_path / name).write_bytes(b"no network")
    assert run_app([str(two), *alone]) == 2
    said = capsys.readouterr().err
    assert "models.road.onnx" in said
    assert "models.extra.onnx" in said


def test_who_builds_or_measures_needs_every_model(two, tmp_path, capsys):
    (tmp_path / "extra.onnx").write_bytes(b"no network")
    for verb in ("build", "bench"):
        assert run_app([verb, str(two)]) == 2
        assert "extra.onnx is not an ONNX file" in capsys.readouterr().err
    assert run_app(["doctor", str(two), "--json"]) in (0, 1)
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["model extra"]["state"] == "warning"
    assert "is optional, and would be out" in checks["model extra"]["found"]
    assert checks["model road"]["state"] == "ok"


def test_who_looks_at_the_run_sees_the_alarm_while_it_goes_on(two, tmp_path):
    (tmp_path / "extra.onnx").unlink()
    with Pipeline.load(two, {"source.pace": "live"}).start(out=tmp_path / "run") as running:
        running.wait()
        vitals = running.vitals()
        (alarm,) = running.models_out()
        assert vitals.alarm == alarm
        assert alarm in vitals.notices
        assert vitals.optional_models["extra"].out is not None
        assert vitals.stages_out == {"more", "extras"}


def test_a_stage_is_silent_when_all_that_it_lives_on_is(two):
    config = Pipeline.load(two).loaded.config
    assert silent_stages(config, {"extra"}) == ("more", "extras")
    assert silent_stages(config, {"road"}) == ("objects",)
    assert silent_stages(config, {"road", "extra"}) == ("objects", "more", "fused", "tracked", "extras")
