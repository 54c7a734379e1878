import numpy as np
import pytest

from edge_runtime.config.schema import BoxesScoresDecode, End2EndDecode, InputBlock, Yolov8Decode, YoloxDecode
from edge_runtime.core import ClassTable
from edge_runtime.engines.onnx_models.batch import Batch
from edge_runtime.engines.onnx_models.files import Misuse, NotTheSame, read_model
from edge_runtime.engines.onnx_models.nms import QUARTET, AppendNms
from edge_runtime.engines.onnx_models.running import Sampler
from edge_runtime.errors import OutputError
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.resize import ViewTransform
from tests.material import ADAS, YOLOX, material

from .makers import edited, info, network, node, run

SIZE = (32, 16)


def reader(block, size=SIZE):
    whole = InputBlock(size=size, resize="stretch", color="bgr", scale=1.0)
    view = ViewTransform((0, 0, *size), (0, 0, *size), size)

    def read(outputs, row, confidence):
        decoder = make_decoder(block.model_copy(update={"confidence": confidence}), whole, ClassTable())
        found = decoder.decode(outputs, row, view)
        return np.column_stack([found.xyxy, found.confidence, found.class_id])

    return read


def append(block, size=SIZE):
    after = End2EndDecode(
        family="end2end", classes=block.classes, keep=block.keep, outputs=QUARTET, max_detections=block.max_detections
    )
    return AppendNms(block, size, reader(block, size), reader(after, size))


def passing(*shapes):
    """A network that gives out what goes in, so that a test chooses the raw outputs."""
    names = ["a", "b"][: len(shapes)]
    outputs = ["boxes", "scores"] if len(shapes) == 2 else ["raw"]
    nodes = [node("Identity", name, output) for name, output in zip(names, outputs, strict=True)]
    inputs = [info(name, shape) for name, shape in zip(names, shapes, strict=True)]
    return network(nodes, inputs, [info(name, shape) for name, shape in zip(outputs, shapes, strict=True)], opset=11)


def pairs(random, n, rows=2):
    """Boxes that overlap a lot, some beyond the input, as fractions of it."""
    corner = random.uniform(-0.1, 0.8, (rows, n, 2))
    return np.concatenate([corner, corner + random.uniform(0.05, 0.6, (rows, n, 2))], axis=2).astype(np.float32)


@pytest.mark.parametrize("box_format", ["xyxy", "cxcywh"])
@pytest.mark.parametrize(
    "more",
    [
        {"classes": ["a", "b", "c", "d"]},
        {"classes": {1: "a", 3: "b"}},
        {"classes": {1: "a", 2: "a", 3: "b"}},
        {"classes": ["a", "b", "c", "d"], "keep": ["b", "d"]},
        {"classes": ["a", "b", "c", "d"], "max_detections": 5},
    ],
)
def test_the_graph_finds_what_the_decoder_finds(box_format, more):
    block = BoxesScoresDecode(family="boxes_scores", box_format=box_format, confidence=0.4, **more)
    change = append(block)
    model, _ = edited(passing(["n", 60, 4], ["n", 60, 4]), change)
    random = np.random.default_rng(5)
    boxes, scores = pairs(random, 60), random.random((2, 60, 4), np.float32)
    outputs = run(model, a=boxes, b=scores)
    for row in range(2):
        expected = change.before({"boxes": boxes, "scores": scores}, row, 0.4)
        got = change.after(outputs, row, 0.4)
        assert len(expected) >= 3
        np.testing.assert_allclose(got, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (YoloxDecode(family="yolox", classes=["a", "b"], strides=(8, 16)), ["n", 10, 7]),
        (Yolov8Decode(family="yolov8", classes=["a", "b"]), ["n", 6, 40]),
    ],
)
def test_raw_heads_are_decoded_in_the_graph(block, shape):
    change = append(block)
    model, _ = edited(passing(shape), change)
    values = np.random.default_rng(2).random((2, *shape[1:]), np.float32)
    if block.family == "yolov8":
        values[:, :4] *= 16
    outputs = run(model, a=values)
    for row in range(2):
        expected = change.before({"raw": values}, row, block.confidence)
        assert len(expected) >= 2
        np.testing.assert_allclose(change.after(outputs, row, block.confidence), expected, atol=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_raw_value_that_is_no_number_fails_the_frame_as_it_did_before(bad):
    change = append(YoloxDecode(family="yolox", classes=["a", "b"], strides=(8, 16)))
    model, _ = edited(passing(["n", 10, 7]), change)
    values = np.zeros((2, 10, 7), np.float32)
    values[1, 3, 2] = bad
    outputs = run(model, a=values)
    assert outputs["num_dets"].ravel().tolist() == [0, -1]
    with pytest.raises(OutputError):
        change.after(outputs, 1, 0.3)


def test_outputs_have_their_shapes_and_nothing_beyond_the_count():
    block = BoxesScoresDecode(family="boxes_scores", classes=["a"], max_detections=100)
    model, _ = edited(passing([1, 30, 4], [1, 30, 1]), append(block))
    outputs = run(model, a=pairs(np.random.default_rng(0), 30, 1), b=np.zeros((1, 30, 1), np.float32))
    assert {name: value.shape for name, value in outputs.items()} == {
        "num_dets": (1, 1),
        "det_boxes": (1, 30, 4),
        "det_scores": (1, 30),
        "det_classes": (1, 30),
    }
    assert all(not value.any() for value in outputs.values())


def test_a_check_that_finds_other_boxes_refuses():
    good = append(BoxesScoresDecode(family="boxes_scores", classes=["a"], confidence=0.1))
    wrong = AppendNms(good.block, good.size, lambda *given: good.before(*given)[1:], good.after)
    with pytest.raises(NotTheSame, match="new against the decoder"):
        edited(passing([1, 30, 4], [1, 30, 1]), wrong)


def test_strides_that_do_not_make_the_boxes_are_refused():
    with pytest.raises(Misuse, match="--strides"):
        edited(passing([1, 10, 7]), append(YoloxDecode(family="yolox", classes=["a", "b"])))


def test_an_unknown_number_of_boxes_is_refused():
    with pytest.raises(Misuse, match="known"):
        edited(passing([1, "n", 6]), append(YoloxDecode(family="yolox", classes=["a"])), sampler=Sampler())


@pytest.mark.parametrize(
    ("name", "size", "block"),
    [
        (YOLOX, (416, 416), YoloxDecode(family="yolox", classes="coco")),
        (ADAS, (672, 384), BoxesScoresDecode(family="boxes_scores", classes={1: "vehicle", 2: "pedestrian"})),
    ],
)
def test_real_detectors_with_any_batch(name, size, block):
    model, steps = edited(read_model(material(name)), Batch(None), append(block, size), sampler=Sampler(scale=1.0))
    assert steps[1].parity[0].max_error == 0
    assert [entry.name for entry in model.graph.output] == list(QUARTET)
