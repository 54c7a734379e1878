import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock, SegmentationDecode
from edge_runtime.core import ClassTable
from edge_runtime.errors import OutputError
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.resize import plan_view
from tests.material import TWINLITE, material

from ..reference import picture, run_network
from .blocks import VIEW, complaints

HEADS = ({"output": "drivable", "classes": {1: "drivable"}}, {"output": "lane", "classes": {1: "lane"}})


def segmenter(*heads, input_block=None, table=None):
    block = SegmentationDecode(family="segmentation", heads=heads)
    size = InputBlock(size=(64, 32), resize="stretch", color="rgb", scale=1.0) if input_block is None else input_block
    return make_decoder(block, size, ClassTable() if table is None else table)


def head(*names, output="o"):
    return {"output": output, "classes": names}


def test_the_real_network_decodes_as_argmax_does_and_the_road_is_below():
    settings = InputBlock(size=(640, 360), resize="stretch", color="rgb", scale="1/255")
    image = picture(material("images/bdd_0ace96c3-48481887.jpg"))
    outputs, view = run_network(material(TWINLITE), image, settings)
    table = ClassTable()
    decoding = segmenter(*HEADS, input_block=settings, table=table)
    assert decoding.check({name: value.shape for name, value in outputs.items()}) == []
    masks = decoding.decode(outputs, 0, view)
    assert [table[index] for index in masks.class_id] == ["drivable", "lane"]
    for plane, name in zip(masks.planes, ("drivable", "lane"), strict=True):
        np.testing.assert_array_equal(plane, outputs[name][0].argmax(axis=0))
    assert masks.xyxy == (0, 0, 1280, 720)
    drivable = masks.planes[0]
    assert drivable[:150].sum() == 0
    assert drivable[245:270, 220:400].mean() > 0.9


def test_a_head_of_many_classes_gives_a_plane_a_class_with_ties_to_the_first():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 4, (2, 5, 8, 16)).astype(np.float32)
    masks = segmenter(head("a", "b", "c", "d", "e")).decode({"o": values}, 1, VIEW)
    winner = values[1].argmax(axis=0)
    np.testing.assert_array_equal(masks.planes, [winner == index for index in range(5)])
    assert masks.planes.dtype == np.uint8
    assert masks.class_id.tolist() == [0, 1, 2, 3, 4]


def test_the_padding_is_cut_off():
    view = plan_view((100, 0, 228, 128), (64, 32), "letterbox")
    assert view.picture == (16, 0, 48, 32)
    values = np.zeros((1, 2, 32, 64), np.float32)
    values[0, 1, :, 16:48] = 1
    masks = segmenter(head("no", "yes")).decode({"o": values}, 0, view)
    assert masks.planes.shape == (2, 32, 32)
    assert masks.planes[1].all()
    assert masks.xyxy == (100, 0, 228, 128)


def test_at_a_coarser_resolution_only_whole_cells_of_the_picture_stay_and_are_placed_right():
    view = plan_view((0, 0, 120, 64), (64, 32), "letterbox_top_left")
    assert view.picture == (0, 0, 60, 32)
    values = np.zeros((1, 2, 4, 8), np.float32)  # cells of 8 input pixels, 16 frame pixels
    masks = segmenter(head("no", "yes")).decode({"o": values}, 0, view)
    assert masks.planes.shape == (2, 4, 7)
    np.testing.assert_allclose(masks.xyxy, (0, 0, 112, 64), atol=1e-3)


def test_masks_do_not_change_with_the_next_call_of_the_network():
    values = np.zeros((1, 2, 8, 16), np.float32)
    masks = segmenter(head("no", "yes")).decode({"o": values}, 0, VIEW)
    values[0, 1] = 5
    assert masks.planes[0].all()


def test_nan_fails_the_frame_and_its_head_is_named():
    values = np.zeros((1, 2, 8, 16), np.float32)
    bad = values.copy()
    bad[0, 0, 3, 3:6] = np.nan
    with pytest.raises(OutputError, match="output 'lane' has 3 of 256 values"):
        segmenter(*HEADS).decode({"drivable": values, "lane": bad}, 0, VIEW)


def test_each_head_says_its_own_contradiction():
    told = complaints(segmenter(*HEADS), drivable=(1, 1, 8, 16), lanes=(1, 2, 8, 16))
    assert [(key, what) for key, what, _ in told] == [
        ("decode.heads.0.classes", "decode.heads.0.classes names class 1, output 'drivable' has 1 class columns"),
        ("decode.heads.1.output", "the network has no output 'lane'"),
    ]


def test_heads_of_different_sizes_are_refused():
    [(key, what, _)] = complaints(segmenter(*HEADS), drivable=(1, 2, 8, 16), lane=(1, 2, 4, 8))
    assert (key, what) == (
        "decode.heads",
        "the heads differ in height and width: 'drivable' (8, 16), 'lane' (4, 8)",
    )
