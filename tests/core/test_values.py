import numpy as np
import pytest

from edge_runtime.core import COCO, UNTRACKED, ClassTable, Detections, Frame, Masks, Region


def picture(height=4, width=6):
    return np.zeros((height, width, 3), np.uint8)


def test_a_frame_cannot_be_drawn_on_by_whoever_gets_it():
    frame = Frame(0, "front", 0, picture())
    with pytest.raises(ValueError, match="read-only"):
        frame.image[0, 0] = 1


def test_a_frame_refuses_a_picture_that_is_not_bgr_bytes():
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        Frame(0, "front", 0, np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match="ego_speed_mps"):
        Frame(0, "front", 0, picture(), ego_speed_mps=float("nan"))


@pytest.mark.parametrize("wrong", ["confidence", "class_id", "track_id", "label"])
def test_detections_check_their_columns_at_birth(wrong):
    columns = {name: np.zeros(1, np.int32) for name in ("confidence", "class_id", "track_id", "label")}
    with pytest.raises(ValueError, match=rf"{wrong} must be \(1,\), got \(2,\)"):
        Detections(np.zeros((1, 4), np.float32), **{**columns, wrong: np.zeros(2, np.int32)})


@pytest.mark.parametrize("shape", [(4,), (3, 5), (1, 4, 4)])
def test_detections_refuse_boxes_that_are_not_rows_of_four(shape):
    nothing = np.zeros(shape[0], np.int32)
    with pytest.raises(ValueError, match="xyxy must be"):
        Detections(np.zeros(shape, np.float32), nothing, nothing, nothing)


def test_concatenated_detections_keep_every_row():
    one = Detections.of([[0, 0, 1, 1]], [0.5], [2])
    two = Detections.of([[1, 1, 2, 2]], [0.6], [3], [7])
    both = Detections.concatenate([one, two])
    assert both.class_id.tolist() == [2, 3]
    assert both.track_id.tolist() == [UNTRACKED, 7]
    assert len(Detections.concatenate([])) == 0


def test_two_networks_that_name_the_same_thing_share_its_id():
    table = ClassTable(["car", "person"])
    assert table.add("person") == 1
    assert table.add("lane") == 2
    assert table.names == ("car", "person", "lane")
    assert len(COCO) == 80
    assert COCO[9] == "traffic light"


def test_regions_and_masks_refuse_nonsense():
    with pytest.raises(ValueError, match="empty"):
        Region((5, 5, 5, 9))
    with pytest.raises(ValueError, match="planes"):
        Masks(np.zeros((4, 4), np.uint8), np.zeros(1, np.int32), (0, 0, 4, 4))
