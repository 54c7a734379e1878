import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edge_runtime.config.schema import OnnxRuntimeBlock
from edge_runtime.core import SystemClock
from edge_runtime.engines.ort import OnnxRuntimeEngine, open_session, tensors
from edge_runtime.errors import EngineError
from edge_runtime.pipeline.lane import Lane
from tests.material import YOLOX, material

CPU = OnnxRuntimeBlock()


def doubling_model(path, batch):
    """y = x + x on (batch, 3, 4, 5)."""
    shape = [batch, 3, 4, 5]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def engine(path, **options):
    return OnnxRuntimeEngine("double", open_session(path, CPU), input_shape=(3, 4, 5), clock=SystemClock(), **options)


def test_a_free_batch_axis_runs_as_many_rows_as_asked(tmp_path):
    with engine(doubling_model(tmp_path / "d.onnx", "n"), max_batch=4) as double:
        double.input_buffer(0)[:] = np.arange(4).reshape(4, 1, 1, 1)
        double.enqueue(0, 3)
        outputs = double.collect(0)
        assert outputs["y"].shape == (3, 3, 4, 5)
        assert outputs["y"][2, 0, 0, 0] == 4
        with pytest.raises(EngineError, match="batch 5 is outside 1 to 4"):
            double.enqueue(0, 5)


def test_a_fixed_batch_sets_the_limit(tmp_path):
    with engine(doubling_model(tmp_path / "d.onnx", 2), max_batch=9) as double:
        assert double.max_batch == 2
        assert double.outputs[0].shape == (2, 3, 4, 5)


def test_slots_keep_their_own_outputs_until_they_are_used_again(tmp_path):
    lane = Lane("test")
    with engine(doubling_model(tmp_path / "d.onnx", 1), slots=2, submit=lane.submit) as double:
        for slot in (0, 1):
            double.input_buffer(slot)[:] = slot + 1
            double.enqueue(slot, 1)
        first, second = double.collect(0)["y"], double.collect(1)["y"]
        assert (first == 2).all()
        assert (second == 4).all()
        assert double.took_ms(1) > 0
    lane.close()


def test_a_failing_call_names_the_network_at_collect(tmp_path, monkeypatch):
    with engine(doubling_model(tmp_path / "d.onnx", 1)) as double:
        monkeypatch.setattr(double, "_run", lambda batch: (_ for _ in ()).throw(RuntimeError("boom")))
        double.enqueue(0, 1)
        with pytest.raises(EngineError, match="double: the network call failed: boom"):
            double.collect(0)


def test_what_is_not_onnx_is_said_to_be_so(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"this is a text file, not a network")
    with pytest.raises(EngineError, match="is not an ONNX file"):
        open_session(path, CPU)


def test_a_provider_that_is_not_there_is_named_with_those_that_are(tmp_path):
    path = doubling_model(tmp_path / "d.onnx", 1)
    with pytest.raises(EngineError, match=r"no NopeExecutionProvider; it has .*CPUExecutionProvider"):
        open_session(path, OnnxRuntimeBlock(providers=("NopeExecutionProvider",)))


def test_a_real_detector_gives_the_same_as_a_plain_session(tmp_path):
    session = open_session(material(YOLOX), CPU)
    assert tensors(session.get_inputs())[0].shape == (1, 3, 416, 416)
    rows = np.random.default_rng(0).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)
    expected = session.run(None, {"images": rows})[0]
    with OnnxRuntimeEngine("road", session, input_shape=(3, 416, 416), clock=SystemClock()) as road:
        road.input_buffer(0)[:] = rows
        road.enqueue(0, 1)
        assert np.array_equal(road.collect(0)["output"], expected)
