import builtins

import numpy as np
import onnx
import pytest

from edge_runtime.engines.onnx_models.agreement import Tolerance
from edge_runtime.engines.onnx_models.batch import Batch
from edge_runtime.engines.onnx_models.edit import Fold, Half
from edge_runtime.engines.onnx_models.files import Misuse, NotTheSame, need, read_model, require_free
from edge_runtime.engines.onnx_models.outputs import AddOutputs, Cut, KeepOutputs
from edge_runtime.engines.onnx_models.running import Sampler
from edge_runtime.engines.onnx_models.uint8_input import Uint8Input
from edge_runtime.errors import EngineError
from tests.material import YOLOX, material

from .makers import conv_net, edited, info, network, node, run, shape


def test_steps_are_made_in_their_order_whatever_the_order_given():
    model, steps = edited(conv_net(), Uint8Input("rgb", 1 / 255), Half(), Batch(None), AddOutputs(("r1",)))
    assert [step.name for step in steps] == ["add-outputs", "batch", "fp16", "uint8-input"]
    assert shape(model, "image") == ["batch", 8, 8, 3]
    assert shape(model, "r1")[0] == "batch"


def test_dropping_an_output_drops_what_only_it_needed():
    model, _ = edited(conv_net(), AddOutputs(("r1",)), KeepOutputs(("r1",)))
    assert [entry.op_type for entry in model.graph.node] == ["Conv", "Relu"]


def test_a_cut_computes_the_part_between_the_tensors():
    model, (step,) = edited(conv_net(), Cut(("r1",), ("c3",)))
    assert [entry.name for entry in model.graph.input] == ["r1"]
    assert shape(model, "c3") == [1, 4, 8, 8]
    assert step.parity[0].max_error == 0


@pytest.mark.parametrize(
    ("text", "begin", "end"), [("r1:c3", ("r1",), ("c3",)), (":c2", (), ("c2",)), ("in:0:out:0", ("in:0",), ("out:0",))]
)
def test_a_cut_is_split_at_the_colon_that_makes_known_names(text, begin, end):
    model = conv_net()
    if "in:0" in text:
        model = network([node("Relu", "in:0", "out:0")], [info("in:0", [1, 3])], [info("out:0", [1, 3])])
    assert Cut.parse(text, model) == Cut(begin, end)


@pytest.mark.parametrize(("text", "says"), [("r1", "FROM:TO"), ("r1:c33", "c3"), ("c3:r1", "also needs image")])
def test_a_cut_that_cannot_be_says_why(text, says):
    with pytest.raises(Misuse, match=says):
        edited(conv_net(), Cut.parse(text, conv_net()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (KeepOutputs(("r1",)), "--add-outputs r1"),
        (KeepOutputs(("rowz",)), "the outputs are rows"),
        (AddOutputs(("r7",)), "no tensor 'r7'"),
        (AddOutputs(("rows",)), "already"),
    ],
)
def test_names_that_are_not_there_are_answered_with_those_that_are(change, says):
    with pytest.raises(Misuse, match=says):
        edited(conv_net(), change)


def test_folding_computes_constants_once():
    pytest.importorskip("onnxscript", reason="folding needs onnxscript: pip install 'edge-runtime[models]'")
    model = network(
        [node("Add", "a b", "sum"), node("Mul", "x sum", "y")],
        [info("x", [1, 3])],
        [info("y", [1, 3])],
        {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)},
    )
    folded, _ = edited(model, Fold())
    assert [entry.op_type for entry in folded.graph.node] == ["Mul"]
    assert folded.ir_version == 8


def test_fp16_keeps_float32_at_the_borders():
    model, (step,) = edited(conv_net(), Half())
    assert {entry.type.tensor_type.elem_type for entry in [*model.graph.input, *model.graph.output]} == {1}
    assert step.parity[0].cosine > 0.999


def test_fp16_beyond_the_tolerance_is_refused_with_the_output():
    model = network(
        [node("Mul", "x big", "y")], [info("x", [1, 3])], [info("y", [1, 3])], {"big": np.float32([1e5 / 3])}
    )
    with pytest.raises(NotTheSame, match=r"fp16: .*'y' has"):
        edited(model, Half(Tolerance(1.0, 1e-6)))


def test_fp16_twice_is_refused():
    model, _ = edited(conv_net(), Half())
    with pytest.raises(Misuse, match="holds fp16"):
        edited(model, Half())


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_pixels_go_in_as_the_camera_gives_them(layout, color):
    before = conv_net()
    change = Uint8Input(color, 1 / 255, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), layout)
    after, _ = edited(conv_net(), change)
    pixels = np.random.default_rng(1).integers(0, 256, (1, 8, 8, 3), np.uint8)
    ordered = pixels[..., ::-1] if color == "rgb" else pixels
    values = (ordered / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.6, 0.7]
    expected = run(before, image=values.transpose(0, 3, 1, 2).astype(np.float32))["rows"]
    given = pixels if layout == "nhwc" else pixels.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(run(after, image=np.ascontiguousarray(given))["rows"], expected, rtol=1e-3, atol=1e-4)
    first = next(entry for entry in after.graph.node if "image" in entry.input)
    assert first.op_type == "Cast", "TensorRT does nothing else to uint8"


def test_pixels_that_need_nothing_cost_nothing():
    after, _ = edited(conv_net(), Uint8Input("bgr", 1.0, layout="nchw"))
    assert [entry.op_type for entry in after.graph.node][:2] == ["Cast", "Conv"]


def test_pixels_into_something_that_is_no_picture_are_refused():
    model = network([node("Relu", "x", "y")], [info("x", [1, 7])], [info("y", [1, 7])])
    with pytest.raises(Misuse, match="three channels"):
        edited(model, Uint8Input("bgr", 1.0))


def test_a_model_with_free_sides_asks_for_a_size():
    model = network([node("Relu", "x", "y")], [info("x", [1, 3, "h", "w"])], [info("y", [1, 3, "h", "w"])])
    with pytest.raises(Misuse, match="--size"):
        edited(model, Batch(None))
    edited(model, Batch(None), sampler=Sampler(size=(16, 8)))


@pytest.mark.parametrize("content", [b"", b"name: x\n", b"\x08\x07"])
def test_what_is_no_model_is_named(content, tmp_path):
    (tmp_path / "no.onnx").write_bytes(content)
    with pytest.raises(Misuse, match=r"no\.onnx"):
        read_model(tmp_path / "no.onnx")


def test_an_output_in_the_way_needs_force(tmp_path):
    (tmp_path / "there.onnx").touch()
    with pytest.raises(Misuse, match="--force"):
        require_free(tmp_path / "there.onnx", force=False)
    require_free(tmp_path / "there.onnx", force=True)
    with pytest.raises(Misuse, match="mkdir -p"):
        require_free(tmp_path / "no" / "new.onnx", force=False)


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch):
    real = builtins.__import__
    monkeypatch.setattr("importlib.import_module", lambda name: real(f"no_{name}"))
    with pytest.raises(EngineError, match=r"needs no_torch, which is not.*pip install 'edge-runtime\[export\]'"):
        need("torch", "exporting")


def test_yolox_takes_pixels_in_fp16_with_any_batch():
    changes = [Batch(None), Half(), Uint8Input("bgr", 1.0)]
    model, steps = edited(read_model(material(YOLOX)), *changes, sampler=Sampler(scale=1.0))
    onnx.checker.check_model(model)
    assert [round(step.parity[0].cosine, 2) for step in steps] == [1.0, 1.0, 1.0]
