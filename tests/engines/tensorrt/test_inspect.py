"""What is told of a network: its layers, what DLA leaves to the GPU, all that is refused."""

import pytest

from edge_runtime.core import SystemClock
from edge_runtime.engines.tensorrt.cache import EngineCache
from edge_runtime.engines.tensorrt.inspect import inspect_engine, inspect_onnx
from edge_runtime.engines.tensorrt.manifest import EngineKey
from edge_runtime.engines.tensorrt.options import BuildOptions
from edge_runtime.errors import EngineError

from .double import ParserError, double
from .makers import ORIN, TRT_8_6, TRT_10_3, built, saved, small_network, unsupported_network

LAYERS = '{"Layers": ["left + left_relu", "right + right_sigmoid"], "Bindings": []}'


@pytest.mark.parametrize("traits", [TRT_8_6, TRT_10_3], ids=str)
def test_layers_that_fell_back_from_dla_are_told(tmp_path, traits):
    trt = double(traits, layers=("left", "pool"), not_on_dla=("pool",), inspection=LAYERS)
    net = saved(small_network(), tmp_path)
    found = inspect_onnx(net.path, BuildOptions(dla_core=1), ORIN, trt, SystemClock())
    assert (found.dla_core, found.dla_fallback) == (1, ("pool",))
    assert (found.onnx_nodes, found.dropped) == (6, ("gate", "pool"))
    assert found.engine == b"plan"


def test_without_dla_nothing_is_said_of_a_fallback(tmp_path):
    net = saved(small_network(), tmp_path)
    assert inspect_onnx(net.path, BuildOptions(), ORIN, double(TRT_8_6), SystemClock()).dla_fallback is None


def test_8_6_is_asked_for_everything_it_refuses_and_not_only_its_first_error(tmp_path):
    trt = double(TRT_8_6, refusals=(ParserError(1, "no creator"),), subgraphs=([[0], True],))
    net = saved(unsupported_network(), tmp_path)
    found = inspect_onnx(net.path, BuildOptions(), ORIN, trt, SystemClock())
    assert [(refusal.node, refusal.operator) for refusal in found.refusals] == [("fancy", "Fancy"), ("det", "Det")]
    assert found.layers == ()


def test_a_cached_engine_tells_its_dla_core_and_what_fell_back(tmp_path):
    options = {"option.precision": "fp16", "option.dla_core": "1", "tensorrt.provider": "tensorrt"}
    made = built(layers=LAYERS, dla_fallback=("pool",))
    cache = EngineCache(tmp_path)
    entry = cache.obtain("road", EngineKey(options), lambda: made, date="2026-11-22", clock=SystemClock())
    found = inspect_engine(entry.path)
    assert (found.provider, found.dla_core, found.dla_fallback) == ("tensorrt", 1, ("pool",))
    assert (found.engine, len(found.layers), found.onnx_nodes) == (b"an engine", 2, None)


def test_an_engine_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "foreign.engine"
    path.write_bytes(b"plan")
    with pytest.raises(EngineError, match=r"nothing is known of the layers of .*foreign\.engine"):
        inspect_engine(path)
