import numpy as np
import pytest

from edge_runtime.engines.onnx_models.batch import Batch
from edge_runtime.engines.onnx_models.files import NotTheSame, read_model
from edge_runtime.engines.onnx_models.running import Runner, Sampler
from tests.material import ADAS, TWINLITE, YOLOX, material

from .makers import conv_net, edited, info, network, node, run, shape


def test_a_baked_in_batch_comes_out_of_reshapes_and_every_row_stays_its_own():
    before = conv_net()
    after, (step,) = edited(conv_net(), Batch(None))
    assert shape(after, "image")[0] == shape(after, "rows")[0] == "batch"
    assert "1 shapes" in step.what
    images = np.random.default_rng(0).random((5, 3, 8, 8), np.float32)
    rows = run(after, image=images)["rows"]
    for index in range(5):
        np.testing.assert_allclose(rows[index], run(before, image=images[index : index + 1])["rows"][0], rtol=1e-5)


def test_a_fixed_batch_is_written_into_inputs_and_outputs():
    after, _ = edited(conv_net(), Batch(4))
    assert shape(after, "image")[0] == shape(after, "rows")[0] == 4


def test_a_reshape_that_infers_another_side_copies_the_batch_from_its_input():
    model = network(
        [node("Reshape", "x shape", "y")],
        [info("x", [1, 4, 6])],
        [info("y", [1, 8, 3])],
        {"shape": np.array([1, 8, -1], np.int64)},
    )
    after, _ = edited(model, Batch(None))
    assert run(after, x=np.zeros((3, 4, 6), np.float32))["y"].shape == (3, 8, 3)


def test_a_resize_to_sizes_takes_the_batch_from_the_input():
    model = network(
        [node("Resize", "x   sizes".replace("   ", " roi roi "), "y", mode="nearest")],
        [info("x", [1, 3, 4, 4])],
        [info("y", [1, 3, 8, 8])],
        {"sizes": np.array([1, 3, 8, 8], np.int64), "roi": np.zeros(0, np.float32)},
    )
    after, _ = edited(model, Batch(None))
    assert run(after, x=np.ones((3, 3, 4, 4), np.float32))["y"].shape == (3, 3, 8, 8)


def test_a_batch_that_stays_is_refused_with_the_node_that_holds_it():
    model = network(
        [node("Relu", "x", "r"), node("Concat", "r token", "y", axis=1)],
        [info("x", [1, 4, 2])],
        [info("y", [1, 5, 2])],
        {"token": np.ones((1, 1, 2), np.float32)},
    )
    with pytest.raises(NotTheSame, match=r"Concat 'Concat_y'.*with 3 rows.*Export the model"):
        edited(model, Batch(None))


def test_rows_that_leak_into_each_other_are_refused_with_the_node_that_mixes_them():
    model = network(
        [node("ReduceMax", "x", "top", axes=[0], keepdims=1), node("Sub", "x top", "y")],
        [info("x", [1, 4])],
        [info("y", [1, 4])],
    )
    with pytest.raises(NotTheSame, match="ReduceMax 'ReduceMax_top'"):
        edited(model, Batch(None))


@pytest.mark.parametrize(("name", "scale"), [(YOLOX, 1.0), (ADAS, 1.0), (TWINLITE, 1 / 255)])
def test_real_networks_run_with_any_batch(name, scale):
    model, (step,) = edited(read_model(material(name)), Batch(None), sampler=Sampler(scale=scale))
    assert all(output.cosine > 0.999999 for output in step.parity)
    assert Runner(model).batch is None
