import json
import os

import pytest

from edge_runtime.cli.main import run_app
from tests.report.run_folder import write_run


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run")


def test_the_page_lies_in_the_folder_unless_told_otherwise(folder, tmp_path, capsys):
    assert run_app(["report", str(folder)]) == 0
    assert "highway" in (folder / "report.html").read_text()
    assert capsys.readouterr().out.startswith("not held: power in 2 of 12 seconds\n")
    assert run_app(["report", str(folder), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").exists()


def test_without_a_run_it_is_the_newest_one_here(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_app(["report"]) == 2
    assert "no run in runs/ here" in capsys.readouterr().err
    for age, name in enumerate(("newest", "older", "oldest")):
        folder = write_run(tmp_path / "runs" / name)
        (folder / "pipeline.yaml").touch()
        os.utime(folder / "pipeline.yaml", (1000 - age, 1000 - age))
    assert run_app(["report"]) == 0
    assert capsys.readouterr().out.endswith("runs/newest/report.html\n")


def test_a_plot_alone_writes_no_page(folder, tmp_path):
    assert run_app(["report", str(folder), "--plot", str(tmp_path / "plot.svg")]) == 0
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")
    assert not (folder / "report.html").exists()


def test_json_is_one_document_with_verdict_and_violations(folder, capsys):
    assert run_app(["report", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["state"] == "broken"
    assert document["violations"] == [{"from_s": 5.0, "to_s": 7.0, "budgets": ["power_w"]}]


def test_a_killed_run_gives_its_page_too(tmp_path, capsys):
    assert run_app(["report", str(write_run(tmp_path / "cut", whole=False))]) == 0
    assert "as far as its logs go" in capsys.readouterr().out


def test_a_folder_that_is_no_run_is_bad_use_and_writes_nothing(tmp_path, capsys):
    assert run_app(["report", str(tmp_path)]) == 2
    assert "name the folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
