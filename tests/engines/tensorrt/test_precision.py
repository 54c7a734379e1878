import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edge_runtime.engines.tensorrt.onnx_file import OnnxFile
from edge_runtime.engines.tensorrt.parity import compare
from edge_runtime.engines.tensorrt.precision import Survey, Typing, decide, load_model, narrow, survey
from edge_runtime.errors import EngineError
from tests.material import ADAS, TWINLITE, YOLOX, material

from .makers import RTX, TRT_8_6, TRT_10_3, TRT_11_4, model, quantized_network, saved, small_network, tensor, weights

WIDE = Survey(frozenset({"fp32"}), frozenset())
HALF = Survey(frozenset({"fp16"}), frozenset())
QDQ8 = Survey(frozenset({"fp32"}), frozenset({"int8"}))
QDQF8 = Survey(frozenset({"fp32"}), frozenset({"fp8"}))
ALL = (TRT_8_6, TRT_10_3, TRT_11_4, RTX)


@pytest.mark.parametrize(
    ("precision", "holds", "traits", "typing"),
    [
        ("fp32", WIDE, TRT_8_6, Typing(False)),
        ("fp32", WIDE, TRT_11_4, Typing(True)),
        ("fp16", WIDE, TRT_8_6, Typing(False, ("FP16",))),
        ("fp16", WIDE, TRT_10_3, Typing(True, cast="float16")),
        ("fp16", WIDE, RTX, Typing(True, cast="float16")),
        ("bf16", WIDE, TRT_11_4, Typing(True, cast="bfloat16")),
        ("int8", QDQ8, TRT_8_6, Typing(False, ("INT8", "FP16"))),
        ("int8", QDQ8, TRT_10_3, Typing(False, ("INT8", "FP16"))),
        ("fp8", QDQF8, TRT_10_3, Typing(False, ("FP8", "FP16"))),
        ("as_is", HALF, TRT_8_6, Typing(False, ("FP16",))),
        ("as_is", QDQ8, TRT_8_6, Typing(False, ("INT8",))),
        ("as_is", QDQ8, TRT_10_3, Typing(True)),
        ("as_is", WIDE, TRT_8_6, Typing(False)),
    ],
    ids=str,
)
def test_how_a_precision_is_put_to_a_version(precision, holds, traits, typing):
    assert decide(precision, holds, traits) == typing


def test_dla_takes_no_strongly_typed_network():
    assert decide("fp16", WIDE, TRT_10_3, dla=True) == Typing(False, ("FP16",))
    assert decide("bf16", WIDE, TRT_10_3, dla=True) == Typing(False, ("BF16",))


def test_a_model_in_16_bits_already_is_not_cast_again_and_that_is_said():
    typing = decide("fp16", HALF, TRT_11_4)
    assert typing.cast is None
    assert typing.note == "the model holds fp16 already and is taken as it is"


def test_the_float_rest_of_a_quantized_model_is_said_where_no_flag_can_narrow_it():
    assert "runs in FP32 on TensorRT 11.4.0" in decide("int8", QDQ8, TRT_11_4).note


@pytest.mark.parametrize("traits", ALL, ids=str)
@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_quantized_precisions_need_qdq_nodes_of_their_kind(precision, traits):
    with pytest.raises(EngineError, match=r"Make them: edge-run model quantize"):
        decide(precision, WIDE, traits)


@pytest.mark.parametrize(
    ("precision", "holds", "sentence"),
    [
        ("fp8", QDQF8, "TensorRT 8.6.0 has no FP8"),
        ("bf16", WIDE, "TensorRT 8.6.0 has no BF16"),
        ("as_is", Survey(frozenset({"bf16"}), frozenset()), "TensorRT 8.6.0 has not"),
    ],
)
def test_8_6_refuses_what_came_later(precision, holds, sentence):
    with pytest.raises(EngineError, match=sentence):
        decide(precision, holds, TRT_8_6)


# ---- what a model holds ----------------------------------------------------------------------------------------


def test_quantization_is_told_from_the_qdq_nodes_and_not_from_their_scales():
    assert survey(quantized_network()) == Survey(frozenset({"fp32"}), frozenset({"int8"}))
    assert survey(quantized_network(TensorProto.FLOAT8E4M3FN)).quantized == {"fp8"}
    assert survey(small_network()) == WIDE


def test_a_narrowed_model_counts_as_narrow_though_its_inputs_are_fp32():
    assert survey(narrow(small_network(), "float16")) == HALF


# ---- narrowing -------------------------------------------------------------------------------------------------


def outputs(proto, feed):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([entry.name for entry in session.get_outputs()], session.run(None, feed), strict=True))


def feed_of(proto, high):
    values = np.random.default_rng(3)
    shapes = {entry.name: [side.dim_value for side in entry.type.tensor_type.shape.dim] for entry in proto.graph.input}
    return {name: values.uniform(0, high, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize(("name", "high"), [(YOLOX, 255), (ADAS, 255), (TWINLITE, 1)])
def test_real_models_in_fp16_are_valid_onnx_and_close_to_fp32_with_fp32_at_the_edges(name, high):
    wide = onnx.load(material(name))
    feed = feed_of(wide, high)
    half = narrow(onnx.load(material(name)), "float16")
    onnx.checker.check_model(half)
    assert "fp16" in survey(half).floats
    for parity in compare(outputs(wide, feed), outputs(half, feed)):
        assert parity.within(cosine=0.9999, max_error=0.2), parity


def test_named_nodes_keep_their_fp32_weights():
    half = narrow(small_network(), "float16", keep_float32=("left",))
    kinds = {entry.name: entry.data_type for entry in half.graph.initializer}
    assert (kinds["wl"], kinds["wr"]) == (TensorProto.FLOAT, TensorProto.FLOAT16)
    onnx.checker.check_model(half)


def test_bfloat16_is_rounded_to_nearest_and_keeps_a_range_that_half_has_not():
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], name="conv")]
    values = np.array([1.0, 1.00390625, 1.01171875, 3e38, -1e-30, 0.0], np.float32).reshape(6, 1, 1, 1)
    held = onnx.numpy_helper.from_array(values, "w")
    brain = narrow(model(nodes, [tensor("x", [1, 1, 4, 4])], [tensor("y", [1, 6, 4, 4])], [held]), "bfloat16")
    onnx.checker.check_model(brain)
    (stored,) = brain.graph.initializer
    assert stored.data_type == TensorProto.BFLOAT16
    upper = np.frombuffer(stored.raw_data, np.uint16).astype(np.uint32) << 16
    back = upper.view(np.float32)
    assert list(back[:3]) == [1.0, 1.0, 1.015625]  # a tie goes to the even neighbour
    assert np.allclose(back[3:5], [3e38, -1e-30], rtol=1 / 256)
    assert {entry.type.tensor_type.elem_type for entry in (*brain.graph.input, *brain.graph.output)} == {1}


# ---- files -----------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_model_is_named():
    with pytest.raises(EngineError, match="this is not an ONNX model"):
        load_model(b"\xff\xff garbage")


def test_external_weights_are_found_and_their_absence_is_said(tmp_path):
    path = tmp_path / "net.onnx"
    proto = model(
        [helper.make_node("Add", ["x", "w"], ["y"], name="add")],
        [tensor("x", [1, 64])],
        [tensor("y", [1, 64])],
        [weights("w", 1, 64)],
    )
    onnx.save(proto, path, save_as_external_data=True, location="net.bin", size_threshold=0)
    read = OnnxFile.read(path)
    assert read.external == (tmp_path / "net.bin",)
    assert read.digests().keys() == {"onnx", "weights net.bin"}
    assert len(read.model().graph.initializer[0].raw_data) == 256
    (tmp_path / "net.bin").unlink()
    with pytest.raises(EngineError, match=r"keeps weights in .*net.bin, which is not there"):
        OnnxFile.read(path)


def test_a_model_in_one_file_has_no_external_weights(tmp_path):
    assert saved(small_network(), tmp_path).external == ()
    with pytest.raises(EngineError, match="cannot read the model"):
        OnnxFile.read(tmp_path / "gone.onnx")
