import numpy as np
import pytest

from edge_runtime.config.schema import DetectDecodeBlock
from edge_runtime.core import ClassTable
from edge_runtime.vision.decode.class_map import DROPPED, ClassMap

from .blocks import VIEW, decoder


def class_map(classes, keep=None, table=None):
    return ClassMap(DetectDecodeBlock(classes=classes, keep=keep), ClassTable() if table is None else table, keep)


def test_two_networks_give_one_name_one_id():
    table = ClassTable()
    coco = class_map("coco", table=table)
    own = class_map(("truck", "trailer", "car"), table=table)
    np.testing.assert_array_equal(own.ids, [7, 80, 2])
    np.testing.assert_array_equal(coco.ids, np.arange(80))


def test_names_come_from_a_file_too(tmp_path):
    (tmp_path / "names.txt").write_text("car\ntruck\n")
    assert class_map(tmp_path / "names.txt").ids.tolist() == [0, 1]


def test_only_named_indices_compete_whichever_order_they_are_named_in():
    scores = np.array([[0.9, 0.1, 0.3, 0.2], [0.9, 0.4, 0.3, 0.5]])
    for classes in ({3: "bus", 1: "car"}, {1: "car", 3: "bus"}):
        best, ids = class_map(classes).best(scores)
        assert (best.tolist(), ids.tolist()) == ([0.2, 0.5], [1, 1])
    best, ids = class_map({1: "car", 2: "van"}).best(scores)
    assert (best.tolist(), ids.tolist()) == ([0.3, 0.4], [1, 0])


def test_a_box_whose_best_class_is_not_kept_is_dropped_and_not_renamed():
    table = ClassTable()
    chosen = class_map(("car", "truck"), keep=("car",), table=table)
    best, ids = chosen.best(np.array([[0.5, 0.6], [0.5, 0.4]]))
    assert (best.tolist(), ids.tolist()) == ([0.6, 0.5], [DROPPED, 0])
    assert table.names == ("car", "truck"), "ids stay those of the network's own list"


def test_keep_reaches_the_decoded_boxes():
    output = np.array([[[32, 16, 16, 8, 0.6, 0.3]] * 8 + [[8, 16, 8, 8, 0.1, 0.7]] * 8], np.float32).transpose(0, 2, 1)
    found = decoder(family="yolov8", keep=("truck",)).decode({"o": output}, 0, VIEW)
    np.testing.assert_allclose(found.xyxy, [[8, 48, 24, 80]])
    assert len(decoder(family="yolov8").decode({"o": output}, 0, VIEW)) == 2


def test_keeping_a_class_that_is_not_named_is_refused():
    with pytest.raises(ValueError, match=r"keep names lorry, which decode\.classes does not"):
        class_map(("car", "truck"), keep=("lorry",))


def test_a_box_in_the_padding_is_dropped():
    from edge_runtime.vision.resize import plan_view

    view = plan_view((0, 0, 64, 16), (64, 32), "letterbox_top_left")
    output = np.array([[[32, 28, 8, 6, 0.9, 0], [32, 14, 8, 8, 0.8, 0]]], np.float32).transpose(0, 2, 1)
    output = np.concatenate([output, np.zeros((1, 6, 9), np.float32)], axis=2)
    np.testing.assert_allclose(decoder(family="yolov8").decode({"o": output}, 0, view).xyxy, [[28, 10, 36, 16]])
