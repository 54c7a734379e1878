import importlib.util
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.cli.main import run_app
from edge_runtime.core import SystemClock
from edge_runtime.engines.tensorrt.build import Built
from edge_runtime.engines.tensorrt.cache import EngineCache
from edge_runtime.engines.tensorrt.manifest import EngineKey
from edge_runtime.engines.tensorrt.provider import gpu_here

RTX = ["--provider", "tensorrt_rtx", "--sm", "86"]
needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx_bindings") is None,
    reason="tensorrt_rtx is not installed: pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings",
)


def network(path, last="Relu"):
    """Two convolutions, each with an activation."""
    shape = [1, 8, 16, 16]
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.standard_normal((8, channels, 3, 3)).astype(np.float32), name)
        for name, channels in (("w0", 3), ("w1", 8))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["c0"], name="first", pads=[1] * 4),
        helper.make_node("Relu", ["c0"], ["r0"], name="first_act"),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], name="second", pads=[1] * 4),
        helper.make_node(last, ["c1"], ["y"], name="second_act"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@needs_rtx
def test_the_fusion_of_a_convolution_with_its_activation_is_shown(tmp_path, capsys):
    model = network(tmp_path / "small.onnx")
    assert run_app(["model", "inspect", str(model), *RTX, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert any({"first", "first_act"} <= set(layer["nodes"]) for layer in document["layers"])
    assert document["fusions"]["vertical"] >= 1
    assert "sm_86" in document["board"]
    assert run_app(["model", "inspect", str(model), *RTX]) == 0
    assert "vertical" in capsys.readouterr().out


@needs_rtx
def test_a_refused_operator_is_named_with_its_node_and_exits_one(tmp_path, capsys):
    model = network(tmp_path / "odd.onnx", last="NoSuchOperator")
    assert run_app(["model", "inspect", str(model), *RTX]) == 1
    text = capsys.readouterr().out
    assert "second_act" in text
    assert "NoSuchOperator" in text


def test_a_cached_engine_is_read_and_not_built(tmp_path, capsys):
    key = EngineKey({"option.precision": "fp16", "tensorrt.provider": "tensorrt", "tensorrt.version": "8.6.0"})
    layers = json.dumps({"Layers": [{"Name": "conv + relu", "LayerType": "CaskConvolution", "TacticName": "sm80_x"}]})
    cache = EngineCache(tmp_path)
    entry = cache.obtain("road", key, lambda: Built(b"plan", 1.0, layers), date="2026-11-22", clock=SystemClock())
    assert run_app(["model", "inspect", str(entry.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["layers"][0]["tactic"] == "sm80_x"
    assert "TensorRT 8.6.0" in document["board"]


@pytest.mark.parametrize("options", [[], ["--sm", "86"]])
def test_what_cannot_be_inspected_here_is_said_with_the_way_out(tmp_path, capsys, options):
    if importlib.util.find_spec("tensorrt") is not None:
        pytest.skip("this machine has TensorRT; tests/gpu covers it")
    assert run_app(["model", "inspect", str(network(tmp_path / "small.onnx")), *options]) == 2
    assert "--provider tensorrt_rtx --sm 86" in capsys.readouterr().err


def test_an_engine_that_nobody_described_is_refused(tmp_path, capsys):
    engine = tmp_path / "foreign.engine"
    engine.write_bytes(b"plan")
    assert run_app(["model", "inspect", str(engine)]) == 2
    assert "nothing is known of the layers" in capsys.readouterr().err


@needs_rtx
def test_the_page_is_written_with_every_layer_and_the_answer_stays_on_stdout(tmp_path, capsys):
    model, page = network(tmp_path / "small.onnx"), tmp_path / "layers.html"
    assert run_app(["model", "inspect", str(model), *RTX, "--json", "--html", str(page)]) == 0
    document = json.loads(capsys.readouterr().out)
    shown = page.read_text()
    for layer in document["layers"]:
        assert layer["fusion"] == "sync" or layer["name"] in shown
    assert "first_act" in shown


@needs_rtx
def test_refused_nodes_are_on_the_page_too(tmp_path, capsys):
    page = tmp_path / "layers.html"
    model = network(tmp_path / "odd.onnx", last="NoSuchOperator")
    assert run_app(["model", "inspect", str(model), *RTX, "--html", str(page)]) == 1
    assert "second_act" in page.read_text()


def test_a_page_that_could_not_be_written_is_refused_before_anything_is_built(tmp_path, capsys):
    page = tmp_path / "nowhere" / "layers.html"
    assert run_app(["model", "inspect", str(network(tmp_path / "small.onnx")), *RTX, "--html", str(page)]) == 2
    assert f"Run: mkdir -p {page.parent}" in capsys.readouterr().err


@pytest.mark.skipif(gpu_here(), reason="this machine has a GPU; tests/gpu covers it")
def test_without_a_gpu_it_is_said_why_nothing_was_timed(tmp_path, capsys):
    key = EngineKey({"option.precision": "fp16", "tensorrt.provider": "tensorrt", "tensorrt.version": "8.6.0"})
    layers = json.dumps({"Layers": ["conv + relu"]})
    cache = EngineCache(tmp_path)
    entry = cache.obtain("road", key, lambda: Built(b"plan", 1.0, layers), date="2026-11-22", clock=SystemClock())
    assert run_app(["model", "inspect", str(entry.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["times"] is None
    assert document["notes"][-1].startswith("the layers were not timed: ")
