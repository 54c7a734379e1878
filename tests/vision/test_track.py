import numpy as np
import pytest

from edge_runtime.config.schema import DetectDecodeBlock, InputBlock, TrackStage, YoloxDecode
from edge_runtime.core import UNTRACKED, ClassGroups, ClassTable, Detections, Region
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.track import Tracker
from tests.material import HIGHWAY, YOLOX, material

CAR, TRUCK = 0, 1


def tracker(groups=None, **keys):
    return Tracker(TrackStage(name="tracked", kind="track", of="objects", **keys), groups)


def cars(*lefts, confidence=0.9, class_id=CAR, size=50.0):
    count = len(lefts)
    return Detections.of([[x, 100, x + size, 100 + size] for x in lefts], [confidence] * count, [class_id] * count)


def ids(detections):
    return detections.track_id.tolist()


def test_objects_are_named_from_one_in_the_first_frame_and_keep_their_names():
    tracking = tracker()
    assert ids(tracking.update(cars(0, 300))) == [1, 2]
    assert ids(tracking.update(cars(305, 4))) == [2, 1]
    assert ids(tracking.update(cars(8, 600, 310))) == [1, 3, 2]


def test_only_the_names_are_added():
    boxes = cars(0, 300)
    tracking = tracker()
    tracking.update(boxes)
    moved = cars(9, 309)
    named = tracking.update(moved)
    np.testing.assert_array_equal(named.xyxy, moved.xyxy)
    np.testing.assert_array_equal(named.confidence, moved.confidence)
    np.testing.assert_array_equal(named.class_id, moved.class_id)


def test_a_weak_box_extends_a_track_and_starts_none():
    tracking = tracker(confidence=0.4, new_track=0.5)
    assert ids(tracking.update(cars(0))) == [1]
    assert ids(tracking.update(cars(2, confidence=0.1))) == [1]
    assert ids(tracking.update(cars(4, 300, confidence=0.49))) == [1, UNTRACKED]
    assert ids(tracking.update(cars(6, 300, confidence=0.5))) == [1, 2]


@pytest.mark.parametrize("confidence", [0.9, 0.2], ids=["strong", "weak"])
def test_a_box_must_overlap_its_track_by_iou(confidence):
    near, far = 30.0, 36.0  # IoU 0.25 and 0.16 for boxes 50 wide
    for left, expected in ((near, 1), (far, UNTRACKED if confidence < 0.5 else 2)):
        tracking = tracker(iou=0.2)
        for _ in range(3):
            tracking.update(cars(0))
        assert ids(tracking.update(cars(left, confidence=confidence))) == [expected]


def test_an_object_hidden_for_keep_frames_comes_back_under_its_name():
    for hidden, expected in ((5, 1), (6, 2)):
        tracking = tracker(keep_frames=5)
        for _ in range(3):
            tracking.update(cars(0))
        for _ in range(hidden):
            tracking.update(Detections.empty())
        assert ids(tracking.update(cars(0))) == [expected]


def test_a_truck_where_a_car_was_is_another_object():
    tracking = tracker()
    assert ids(tracking.update(cars(0))) == [1]
    assert ids(tracking.update(cars(0, class_id=TRUCK))) == [2]
    assert ids(tracking.update(cars(0))) == [1]


def test_a_truck_where_a_car_was_is_the_same_object_where_both_are_of_one_group():
    tracking = tracker(ClassGroups({"vehicle": ("car", "truck")}, ClassTable(["car", "truck"])))
    seen = [tracking.update(cars(k, class_id=kind)) for k, kind in enumerate((CAR, TRUCK, TRUCK, CAR))]
    assert [ids(frame) for frame in seen] == [[1]] * 4
    assert [frame.class_id.tolist() for frame in seen] == [[CAR], [TRUCK], [TRUCK], [CAR]]


def test_names_are_unique_over_classes_and_the_same_in_every_run():
    frames = [Detections.concatenate([cars(k, 300), cars(600 + k, class_id=TRUCK)]) for k in range(5)]
    first, second = tracker(), tracker()
    seen = [ids(first.update(frame)) for frame in frames]
    assert seen == [[1, 2, 3]] * 5
    assert [ids(second.update(frame)) for frame in frames] == seen


def test_reset_forgets_everything():
    tracking = tracker()
    tracking.update(cars(0, 300))
    tracking.reset()
    assert ids(tracking.update(cars(300))) == [1]


def test_after_a_gap_the_objects_are_others_and_no_name_is_given_twice():
    tracking = tracker()
    assert ids(tracking.update(cars(0, 300))) == [1, 2]
    tracking.forget()
    assert ids(tracking.update(cars(0, 300))) == [3, 4]


def test_frames_without_boxes_are_fine():
    assert ids(tracker().update(Detections.empty())) == []


def test_a_long_drive_collects_no_names():
    tracking = tracker(keep_frames=5)
    rng = np.random.default_rng(0)
    for _ in range(300):
        tracking.update(cars(*rng.uniform(0, 1e5, 4)))
    assert tracking._last_id > 1000
    assert len(tracking._ids) <= 4 * (5 + 2)


def test_each_of_the_three_near_cars_on_the_motorway_keeps_one_name():
    """Three cars overtake on the left, entering at frames 0, 79 and 135, and stay in sight to the end."""
    import cv2
    import onnxruntime

    session = onnxruntime.InferenceSession(str(material(YOLOX)), providers=["CPUExecutionProvider"])
    video = cv2.VideoCapture(str(material(HIGHWAY)))
    block = InputBlock(size=(416, 416), resize="letterbox_top_left", color="bgr", scale=1.0)
    decode = YoloxDecode(family="yolox", classes="coco", keep=("car",))
    assert isinstance(decode, DetectDecodeBlock)
    preprocessor, decoder, tracking = Preprocessor(block), make_decoder(decode, block, ClassTable()), tracker()
    batch = np.empty((1, *preprocessor.row_shape), np.float32)
    nearest = {}
    frames = 0
    while True:
        more, image = video.read()
        if not more:
            break
        view = preprocessor.write(image, Region((0, 0, 960, 540)), batch[0])
        found = tracking.update(decoder.decode({"output": session.run(None, {"images": batch})[0]}, 0, view))
        wide = found.take((found.xyxy[:, 2] - found.xyxy[:, 0] > 55) & (found.track_id != UNTRACKED))
        for name in ids(wide):
            nearest[name] = nearest.get(name, 0) + 1
        frames += 1
    long = {name: count for name, count in nearest.items() if count > 20}
    assert frames == 221
    assert len(long) == 3, nearest
    assert sum(long.values()) >= 0.95 * sum(nearest.values())
