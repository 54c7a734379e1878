import numpy as np
import onnx
import pytest

from edge_runtime.engines.onnx_models.files import Misuse, NotTheSame, read_model
from edge_runtime.engines.onnx_models.graph import as_array, constants
from edge_runtime.engines.onnx_models.heads import distance_to_output, kept_float
from edge_runtime.engines.onnx_models.quantize import Recipe, check_quantizable, quantize, split
from edge_runtime.engines.onnx_models.running import Runner, Sampler
from edge_runtime.engines.onnx_models.sensitivity import in_float
from tests.material import ADAS, material

from .makers import conv_net, info, network, node


def rows(index):
    return np.random.default_rng(index).random((3, 8, 8), np.float32)


def quantized(model=None, recipe=None, count=6, load=rows, seen=None):
    seen = [] if seen is None else seen
    return quantize(
        model or conv_net(), recipe or Recipe(), range(count), [20, 21], load, lambda *step: seen.append(step)
    )


def test_the_last_layers_stay_in_float_and_the_others_become_int8():
    done = quantized()
    assert done.int8_layers == ("Conv_c1", "Conv_c2")
    assert done.float_layers == ("Conv_c3",)
    assert done.parity[0].cosine > 0.99


def test_all_is_symmetric_and_weights_have_a_scale_a_channel():
    model = quantized().model
    known = constants(model.graph)
    pairs = [entry for entry in model.graph.node if entry.op_type == "QuantizeLinear"]
    assert len(pairs) == 4
    zeros = [as_array(known[entry.input[2]]) for entry in pairs]
    assert all(value.dtype == np.int8 and not value.any() for value in zeros)
    assert sorted(as_array(known[entry.input[1]]).size for entry in pairs) == [1, 1, 6, 6]


def test_a_relu_stays_beside_its_convolution():
    model = quantized().model
    makers = {name: entry.op_type for entry in model.graph.node for name in entry.output}
    assert {makers[entry.input[0]] for entry in model.graph.node if entry.op_type == "Relu"} == {"Conv"}


def test_layers_are_told_apart_by_their_distance_to_an_output():
    assert distance_to_output(conv_net()) == {"Conv_c3": 1, "Conv_c2": 2, "Conv_c1": 3}


def test_a_layer_is_kept_in_float_by_name():
    assert quantized(recipe=Recipe(keep_float=("c1$",))).int8_layers == ("Conv_c2",)


@pytest.mark.parametrize(
    ("heads", "patterns", "says"),
    [(1, ["c9"], "matches none.*Conv_c3"), (1, ["("], "no regular expression"), (3, [], "nothing to quantize")],
)
def test_layers_that_cannot_be_kept_are_answered(heads, patterns, says):
    with pytest.raises(Misuse, match=says):
        kept_float(conv_net(), heads, patterns)


def sensitive():
    """Like `conv_net`, but one channel of the second convolution's input is a thousand times larger."""
    model = conv_net()
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = onnx.numpy_helper.to_array(tensors["w1"]).copy()
    weights[0] *= 1000
    tensors["w1"].CopyFrom(onnx.numpy_helper.from_array(weights, "w1"))
    weights = onnx.numpy_helper.to_array(tensors["w2"]).copy()
    weights[:, 0] = 0
    tensors["w2"].CopyFrom(onnx.numpy_helper.from_array(weights, "w2"))
    return model


def test_the_layer_that_costs_most_goes_back_to_float_until_the_goal_is_held():
    taken = quantized(sensitive(), Recipe(min_cosine=0))
    assert taken.parity[0].cosine < 0.99
    assert taken.costly_layers == ()
    held = quantized(sensitive(), Recipe(min_cosine=0.99))
    assert held.costly_layers == ("Conv_c2",)
    assert held.parity[0].cosine >= 0.99


def test_a_goal_that_no_layer_can_hold_is_refused():
    with pytest.raises(NotTheSame, match="--min-cosine"):
        quantized(recipe=Recipe(min_cosine=1.0))


def test_a_layer_in_float_leaves_no_trace_of_its_pairs():
    model = quantized().model
    plain = in_float(model, ["Conv_c1", "Conv_c2"])
    assert not [entry for entry in plain.graph.node if "Linear" in entry.op_type]
    feeds = next(Sampler().calls(Runner(plain)))
    np.testing.assert_allclose(Runner(plain).run(feeds)["rows"], Runner(conv_net()).run(feeds)["rows"], rtol=1e-4)


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_every_method_counts_its_pictures(method):
    seen = []
    quantized(recipe=Recipe(method=method), seen=seen)
    assert [step for step in seen if step[0] == "calibrating"] == [("calibrating", n, 6) for n in range(1, 7)]
    assert seen[-1] == ("comparing", 2, 2)


def test_an_old_opset_is_lifted_to_one_with_scales_a_channel():
    model = conv_net()
    model.opset_import[0].version = 11
    assert quantized(model).model.opset_import[0].version == 13


def test_a_model_that_cannot_be_quantized_says_why():
    with pytest.raises(Misuse, match="--size"):
        check_quantizable(conv_net(), np.zeros((3, 4, 4), np.float32))
    with pytest.raises(Misuse, match="int8 Q/DQ nodes already"):
        check_quantizable(quantized().model, rows(0))
    two = network([node("Add", "x y", "z")], [info("x", [1, 3]), info("y", [1, 3])], [info("z", [1, 3])])
    with pytest.raises(Misuse, match="2 inputs"):
        check_quantizable(two, np.zeros(3, np.float32))


@pytest.mark.parametrize(("count", "most", "held_out"), [(1, 200, 16), (2, 200, 16), (7, 200, 16), (5000, 200, 16)])
def test_held_out_pictures_are_spread_and_never_calibrated_with(count, most, held_out):
    chosen, held = split(count, most, held_out)
    assert 1 <= len(chosen) <= most
    assert 1 <= len(held) <= held_out
    assert max(chosen + held) < count
    if count == 1:
        assert chosen == held == [0]
    else:
        assert not set(chosen) & set(held)


def test_a_real_detector_stays_close():
    model = read_model(material(ADAS))
    made = next(Sampler(scale=1.0).calls(Runner(model)))["data"][0]
    recipe = Recipe(method="minmax", min_cosine=0.9)
    done = quantize(model, recipe, [0], [0], lambda index: made, lambda *step: None)
    assert len(done.int8_layers) == 39
    assert len(done.float_layers) == 20
