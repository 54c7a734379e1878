"""`edge-run model inspect` on a GPU: every layer timed, as a table, a document and a page."""

import json

import pytest

from edge_runtime.cli.main import run_app
from tests.gpu.networks import small_network
from tests.material import YOLOX, material


def inspect(capsys, *arguments):
    assert run_app(["model", "inspect", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.onnx"
    path.write_bytes(small_network(batch=1))
    return path


def test_every_layer_of_a_real_detector_has_a_time(gpu, trt, tmp_path, capsys):
    page = tmp_path / "layers.html"
    document = inspect(capsys, material(YOLOX), "--html", page)
    times = document["times"]
    assert times is not None, document["notes"]
    timed = [layer for layer in document["layers"] if layer["time_ms"] is not None]
    convolutions = [layer for layer in document["layers"] if "Conv" in layer["operators"]]
    assert convolutions
    assert all(layer["time_ms"] > 0 for layer in convolutions)
    # The profiler keeps layers apart, which costs some microseconds each; it cannot make them faster than the whole.
    assert times["network_ms"] * 0.5 < times["layers_ms"] < times["network_ms"] * 10
    listed = sum(layer["time_ms"] for layer in timed)
    assert listed + sum(times["unlisted_ms"].values()) == pytest.approx(times["layers_ms"])
    assert listed > 0.9 * times["layers_ms"]
    assert sum(layer["share"] for layer in timed) <= 1 + 1e-6
    text = page.read_text()
    assert "by time" in text
    assert all(layer["nodes"][0] in text for layer in convolutions)


def test_convolutions_carry_their_activation_and_say_their_tactic(gpu, trt, capsys):
    document = inspect(capsys, material(YOLOX))
    assert document["fusions"]["vertical"] > 50
    assert any(layer["tactic"] for layer in document["layers"] if "Conv" in layer["operators"])
    placed = {node for layer in document["layers"] for node in layer["nodes"]}
    assert len(placed) + len(document["dropped"]) >= document["onnx_nodes"]


def test_the_table_stands_slowest_first(gpu, trt, small, capsys):
    assert run_app(["model", "inspect", str(small)]) == 0
    text = capsys.readouterr().out
    assert "µs" in text
    assert "the network takes" in text


def test_the_same_memory_is_free_after_an_inspection(gpu, trt, small, capsys):
    runtime = pytest.importorskip("cuda.bindings.runtime")
    free = []
    for _ in range(3):
        inspect(capsys, small)
        free.append(runtime.cudaMemGetInfo()[1])
    assert free[1] - free[2] < 4 << 20, free
