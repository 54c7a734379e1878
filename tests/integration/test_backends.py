"""Which backend runs a model, and what is said about it, on a machine without a GPU."""

from __future__ import annotations

import importlib.util
import json

import pytest

from edge_runtime.cli.main import run_app

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt") is not None, reason="this machine has TensorRT; tests/gpu covers it"
)


def test_auto_says_aloud_that_it_runs_on_onnx_runtime_and_why(tiny, tmp_path, capsys):
    auto = ["--set", "models.road.backend=auto", "--frames", "3"]
    assert run_app([str(tiny), *auto, "--out", str(tmp_path / "out")]) == 0
    assert "road runs on ONNX Runtime: tensorrt is not installed" in capsys.readouterr().err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["backends"]["road"].startswith("ONNX Runtime (CPUExecutionProvider)")


def test_a_pipeline_that_asks_for_onnx_runtime_is_told_nothing(tiny, tmp_path, capsys):
    assert run_app([str(tiny), "--frames", "3", "--out", str(tmp_path / "out")]) == 0
    assert "runs on" not in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["run"], ["build"]])
def test_tensorrt_is_never_silently_replaced_by_the_cpu(tiny, tmp_path, capsys, verb):
    folder = ["--set", f"engines.folder={tmp_path / 'engines'}"]
    assert run_app([*verb, str(tiny), "--set", "models.road.backend=tensorrt", *folder]) == 2
    error = capsys.readouterr().err
    assert "pip install" in error or "GPU 0 cannot be used" in error
    assert "Traceback" not in error


def test_a_wrong_size_is_told_before_anything_is_built(tiny, capsys):
    wrong = ["--set", "models.road.backend=tensorrt", "--set", "models.road.input.size=[96, 64]"]
    assert run_app(["build", str(tiny), *wrong]) == 2
    assert "the network takes pictures of 64 x 64, not 96 x 64" in capsys.readouterr().err
