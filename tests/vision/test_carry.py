"""Tracks that only a region shows, while no region looks at them."""

import numpy as np
import pytest

from edge_runtime.core import Detections
from edge_runtime.vision.carry import Carry

SIZE, WINDOW = (1920, 1080), (800, 400, 1120, 592)
ELSEWHERE = (0, 0, 320, 192)
FRAME_NS = 50_000_000


def tracks(**boxes):
    """`t7=(x, y, width, height)`: a track's middle and size."""
    if not boxes:
        return Detections.empty()
    x, y, width, height = np.array(list(boxes.values()), np.float32).T
    xyxy = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    ids = np.array([int(name[1:]) for name in boxes], np.int32)
    return Detections.of(xyxy, np.full(len(ids), 0.8, np.float32), np.zeros(len(ids), np.int32), ids)


def drive(carry, frames):
    """What is carried in the last of `frames`, each (seen, regions)."""
    carried = Detections.empty()
    for number, (seen, regions) in enumerate(frames):
        carried = carry.update(number * FRAME_NS, seen, regions, SIZE)
    return carried


def test_what_a_region_showed_is_carried_on_while_none_looks_there():
    found = drive(Carry(500), [(tracks(t7=(900, 500, 10, 20)), [WINDOW]), (tracks(), [ELSEWHERE])])
    assert found.track_id.tolist() == [7]
    assert found.xyxy[0].tolist() == [895, 490, 905, 510]
    assert found.confidence[0] == pytest.approx(0.8)


def test_what_a_region_looks_at_and_does_not_find_is_gone():
    assert not len(drive(Carry(500), [(tracks(t7=(900, 500, 10, 20)), [WINDOW]), (tracks(), [WINDOW])]))


def test_what_the_whole_frame_showed_and_lost_is_not_carried():
    assert not len(drive(Carry(500), [(tracks(t7=(900, 500, 10, 20)), [ELSEWHERE]), (tracks(), [ELSEWHERE])]))


@pytest.mark.parametrize(("longest_ms", "carried"), [(0, 0), (90, 1), (200, 4)])
def test_nothing_is_carried_for_longer_than_asked(longest_ms, carried):
    carry = Carry(longest_ms)
    carry.update(0, tracks(t7=(900, 500, 10, 20)), [WINDOW], SIZE)
    counts = [len(carry.update(number * FRAME_NS, tracks(), [ELSEWHERE], SIZE)) for number in range(1, 10)]
    assert sum(counts) == carried


def test_it_moves_on_as_it_moved():
    frames = [(tracks(t7=(900 + 2 * number, 500, 10, 20)), [WINDOW]) for number in range(20)]
    found = drive(Carry(500), [*frames, (tracks(), [ELSEWHERE]), (tracks(), [ELSEWHERE])])
    assert found.xyxy[0, 0] == pytest.approx(900 + 2 * 21 - 5, abs=0.3)


def test_when_the_camera_nods_what_nobody_sees_nods_with_it():
    far = {f"t{number}": (820 + 40 * number, 500, 10, 20) for number in range(5)}
    nodded = {name: (x, y - 6, width, height) for name, (x, y, width, height) in far.items()}
    left = (800, 400, 1000, 592)
    seen = tracks(**{name: box for name, box in nodded.items() if box[0] < 1000})
    found = drive(Carry(500), [(tracks(**far, t9=(1050, 450, 10, 20)), [WINDOW]), (seen, [left])])
    assert found.track_id.tolist() == [9]
    assert found.xyxy[0].tolist() == [1045, 434, 1055, 454]


def test_what_has_left_the_picture_is_gone():
    frames = [(tracks(t7=(1880 + 10 * number, 500, 10, 20)), [(1600, 400, 1920, 592)]) for number in range(4)]
    assert not len(drive(Carry(5000), [*frames, *[(tracks(), [ELSEWHERE])] * 20]))
