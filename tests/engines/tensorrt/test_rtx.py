"""The real parser and builder of TensorRT-RTX, which need no GPU for a named compute capability."""

import threading

import onnx
import pytest
from onnx import TensorProto, helper

from edge_runtime.core import SystemClock
from edge_runtime.engines.tensorrt import inspector, refusals
from edge_runtime.engines.tensorrt.build import build
from edge_runtime.engines.tensorrt.cache import EngineCache, layers_path
from edge_runtime.engines.tensorrt.failures import BuildCancelled, BuildError
from edge_runtime.engines.tensorrt.manifest import EngineKey
from edge_runtime.engines.tensorrt.onnx_file import OnnxFile
from edge_runtime.engines.tensorrt.options import BuildOptions, Target
from edge_runtime.engines.tensorrt.refusals import UnsupportedModel
from edge_runtime.errors import EngineError
from tests.material import ADAS, TWINLITE, YOLOX, material

from .makers import SM86, model, quantized_network, rtx, saved, small_network, tensor, unsupported_network, weights


def run(net, options=None, target=SM86, **more):
    return build(net, options or BuildOptions(), target, trt=rtx(), clock=SystemClock(), **more)


def rows(net, made):
    nodes = inspector.onnx_nodes(net.model())
    return inspector.layers(made.layers, nodes), nodes


@pytest.mark.parametrize("target", [SM86, Target((8, 9))], ids=str)
def test_yolox_builds_in_fp16_and_tells_what_was_fused(target):
    net = OnnxFile.read(material(YOLOX))
    made = run(net, target=target)
    assert len(made.engine) > 1_000_000
    layers, nodes = rows(net, made)
    fused = {layer.operators for layer in layers if layer.fusion == "vertical"}
    assert ("Conv", "Sigmoid", "Mul") in fused
    convolutions = {name for name, node in nodes.items() if node.operator == "Conv"}
    assert convolutions.isdisjoint(inspector.dropped(layers, nodes))
    assert {layer.precision_in for layer in layers if "Conv" in layer.operators} == {"fp16"}


@pytest.mark.parametrize("name", [ADAS, TWINLITE])
def test_the_other_real_models_build_too(name):
    net = OnnxFile.read(material(name))
    layers, _ = rows(net, run(net))
    assert any(layer.fusion == "vertical" for layer in layers)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "as_is"])
def test_every_float_precision_is_the_one_the_layers_run_in(tmp_path, precision):
    net = saved(small_network(), tmp_path)
    layers, _ = rows(net, run(net, BuildOptions(precision)))
    expected = "fp32" if precision == "as_is" else precision
    found = {layer.precision_in for layer in layers if "Conv" in layer.operators}
    assert {expected} <= found <= {expected, "fp32"}  # a cast of the FP32 input counts as part of what reads it


def test_a_transposed_convolution_stays_in_fp32_where_bf16_has_none():
    net = OnnxFile.read(material(TWINLITE))
    layers, _ = rows(net, run(net, BuildOptions("bf16")))
    assert {layer.precision_in for layer in layers if layer.operators[:1] == ("Conv",)} == {"bf16"}


@pytest.mark.parametrize(("precision", "kind"), [("int8", TensorProto.INT8), ("fp8", TensorProto.FLOAT8E4M3FN)])
def test_ready_made_qdq_runs_quantized(tmp_path, precision, kind):
    net = saved(quantized_network(kind), tmp_path)
    made = run(net, BuildOptions(precision), Target((8, 9)))
    layers, _ = rows(net, made)
    assert precision in {layer.precision_in for layer in layers if "Conv" in layer.operators}
    assert "runs in FP32" in made.notes[0]


def test_asymmetric_quantization_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(UnsupportedModel, match=r"takes only a zero point of 0\. Quantize again with symmetric INT8"):
        run(saved(quantized_network(zero=3), tmp_path), BuildOptions("int8"))


def test_a_free_batch_builds_with_its_profile(tmp_path):
    net = saved(small_network(batch="n"), tmp_path)
    made = run(net, BuildOptions(batch=(1, 2, 4)))
    assert made.notes == ()
    assert "MaxShape: [4,3,32,32]" in made.layers


def test_every_unsupported_operator_is_reported_with_name_reason_and_way_out(tmp_path):
    net = saved(unsupported_network(), tmp_path)
    fancy, det = refusals.report(rtx(), net.data)
    assert (fancy.index, fancy.node, fancy.operator) == (1, "fancy", "Fancy")
    assert "has no operator Fancy and no plugin of that name" in fancy.reason
    assert fancy.way_out.startswith("Load the library that has it")
    assert (det.node, det.operator) == ("det", "Det")
    assert "has no operator Det here" in det.reason
    with pytest.raises(UnsupportedModel, match=r"does not take net.onnx:\n    node 1 fancy \[Fancy\]") as caught:
        run(net)
    assert len(caught.value.refusals) == 2


@pytest.mark.parametrize("content", [b"", b"xx", b"\xff" * 64])
def test_a_file_that_is_no_model_is_refused(content):
    (refusal,) = refusals.report(rtx(), content)
    assert refusal.index == -1
    assert "Copy or export it again" in str(refusal)


def test_a_supported_model_has_an_empty_report():
    assert refusals.report(rtx(), material(YOLOX).read_bytes()) == ()


def test_weights_beside_the_model_are_found(tmp_path):
    proto = model(
        [helper.make_node("Conv", ["x", "w"], ["y"], name="conv")],
        [tensor("x", [1, 3, 16, 16])],
        [tensor("y", [1, 8, 14, 14])],
        [weights("w", 8, 3, 3, 3)],
    )
    path = tmp_path / "net.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="net.bin", size_threshold=0)
    net = OnnxFile.read(path)
    assert run(net).engine
    assert run(net, BuildOptions("fp32")).engine


def test_a_gpu_that_rtx_does_not_know_is_refused(tmp_path):
    with pytest.raises(EngineError, match=r"does not build for sm_90; it knows .*SM86.*Use provider tensorrt there"):
        run(saved(small_network(), tmp_path), target=Target((9, 0)))


def test_a_workspace_that_is_too_small_is_named(tmp_path):
    with pytest.raises(BuildError, match=r"does not fit into the workspace \(now 1\). Raise workspace_mib"):
        run(saved(small_network(), tmp_path), BuildOptions(workspace_mib=1))


def test_progress_grows_to_the_end_and_a_build_can_be_stopped(tmp_path):
    net = saved(small_network(), tmp_path)
    heard = []
    run(net, listener=heard.append)
    shares = [progress.fraction for progress in heard]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    stop = threading.Event()
    with pytest.raises(BuildCancelled):
        run(net, listener=lambda progress: stop.set(), stop=stop)


def test_ctrl_c_comes_through_the_real_builder(tmp_path):
    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(saved(small_network(), tmp_path), listener=interrupt)


def test_a_real_engine_goes_into_the_cache_and_comes_back(tmp_path):
    net, options, trt = saved(small_network(), tmp_path), BuildOptions(), rtx()
    cache = EngineCache(tmp_path / "engines")
    key = EngineKey.of(net, options, SM86, trt.traits)
    built = []

    def make():
        built.append(run(net, options))
        return built[-1]

    first = cache.obtain("road", key, make, date="2026-11-22", clock=SystemClock())
    again = cache.obtain("road", key, make, date="2026-11-23", clock=SystemClock(), allow_build=False)
    assert len(built) == 1
    assert again.engine == first.engine == built[0].engine
    assert again.manifest.date == "2026-11-22"
    assert inspector.layers(layers_path(again.path).read_text())
    assert cache.lookup("road", EngineKey.of(net, options, Target((8, 9)), trt.traits)).state == "foreign"


def test_an_engine_that_cannot_be_loaded_here_says_why(tmp_path):
    with pytest.raises(EngineError, match=r"TensorRT-RTX .* cannot load the engine \(4 bytes\)"):
        rtx().deserialize(b"junk")
