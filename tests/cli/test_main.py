import json

import pytest

from edge_runtime.cli.main import run_app


def test_a_misspelt_verb_is_answered_with_the_nearest(capsys):
    assert run_app(["bnech"]) == 2
    assert "Did you mean 'bench'?" in capsys.readouterr().err


def test_a_missing_pipeline_file_is_not_taken_for_a_verb(capsys, tmp_path):
    assert run_app([str(tmp_path / "no.yaml")]) == 2
    assert "no.yaml" in capsys.readouterr().err


def test_options_may_stand_before_the_pipeline_file(capsys, tmp_path):
    assert run_app(["--pace", "fast", str(tmp_path / "no.yaml")]) == 2
    assert "no.yaml" in capsys.readouterr().err


def test_no_arguments_print_the_help_and_exit_two(capsys):
    assert run_app([]) == 2
    assert "Verbs" in capsys.readouterr().out


def test_schema_prints_json_schema(capsys):
    assert run_app(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "stages" in schema["properties"]


@pytest.mark.parametrize("arguments", [["--frames", "0"], ["--seconds", "nan"], ["--pace", "quick"], ["--nope"]])
def test_bad_options_exit_two_with_a_sentence(arguments, capsys, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("name: x")
    assert run_app([str(path), *arguments]) == 2
    error = capsys.readouterr().err
    assert arguments[0] in error
    assert "Traceback" not in error


def test_the_schema_that_the_shipped_pipelines_point_to_is_the_current_one(capsys, request):
    assert run_app(["schema"]) == 0
    shipped = request.config.rootpath / "configs" / "pipeline.schema.json"
    assert shipped.read_text() == capsys.readouterr().out, "run: edge-run schema > configs/pipeline.schema.json"
