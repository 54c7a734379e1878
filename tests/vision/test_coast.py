import numpy as np

from edge_runtime.core import Detections
from edge_runtime.vision.coast import LONGEST_NS, Coast

MS = 1_000_000


def tracks(*rows):
    """Rows of (track, x0, y0, x1, y1)."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections.of(table[:, 1:], np.full(len(table), 0.8), np.full(len(table), 2), table[:, 0].astype(np.int32))


def test_an_object_goes_on_as_it_moved_and_grew():
    coast = Coast()
    coast.seen(0, tracks((7, 100, 50, 120, 70)))
    coast.seen(40 * MS, tracks((7, 104, 50, 128, 74)))
    found = coast.at(80 * MS, 640, 360)
    assert found.track_id.tolist() == [7]
    assert np.allclose(found.xyxy, [[108, 50, 136, 78]], atol=1e-3)
    assert found.class_id.tolist() == [2]


def test_an_object_that_was_seen_once_stays_where_it_was():
    coast = Coast()
    coast.seen(0, tracks((1, 10, 10, 20, 20)))
    coast.seen(40 * MS, tracks((1, 10, 10, 20, 20), (2, 50, 50, 60, 60)))
    assert coast.at(80 * MS, 640, 360).xyxy.tolist() == [[10, 10, 20, 20], [50, 50, 60, 60]]


def test_what_leaves_the_frame_is_cut_at_its_edge_and_then_gone():
    coast = Coast()
    coast.seen(0, tracks((1, 600, 10, 620, 20)))
    coast.seen(10 * MS, tracks((1, 610, 10, 630, 20)))
    assert coast.at(25 * MS, 640, 360).xyxy.tolist() == [[625, 10, 640, 20]]
    assert len(coast.at(50 * MS, 640, 360)) == 0


def test_nothing_is_carried_on_for_ever_and_nothing_out_of_nothing():
    coast = Coast()
    assert len(coast.at(0, 640, 360)) == 0
    coast.seen(0, tracks((1, 10, 10, 20, 20)))
    assert len(coast.at(LONGEST_NS, 640, 360)) == 1
    assert len(coast.at(LONGEST_NS + 1, 640, 360)) == 0
