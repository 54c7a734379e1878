"""What faults make of the pictures of a source that is a camera, and of one that is a file."""

import contextlib

import numpy as np
import pytest

from edge_runtime.config.schema import CameraGapFault, CorruptFrameFault, JitterFault
from edge_runtime.pipeline.faults.camera import CameraFaults, FaultySource, damaged
from edge_runtime.pipeline.faults.tally import Tally
from edge_runtime.sources.base import CameraAway, Picture
from tests.pipeline.test_feed import MS, FakeClock, FakeSource


class FakeCamera(FakeSource):
    """A picture every 40 ms of the clock, without a time of its own."""

    paced = True

    def read(self):
        picture = super().read()
        self.clock.now = (self.given - 1) * 40 * MS
        return None if picture is None else Picture(picture.image, None)


def read_all(source):
    """Every picture and the clock at it; None where the camera was away."""
    seen = []
    while True:
        try:
            picture = source.read()
        except CameraAway:
            seen.append(None)
            continue
        if picture is None:
            return seen
        seen.append((picture, source._clock.now_ns()))


def faulty(source, *faults):
    return FaultySource(source, CameraFaults([(fault, Tally()) for fault in faults]), source.clock)


def test_a_camera_is_away_in_its_gap_though_its_pictures_are_fetched():
    camera = FakeCamera(FakeClock(), 10)
    seen = read_all(faulty(camera, CameraGapFault(kind="camera_gap", t="80ms", d="120ms")))
    assert [each is None for each in seen] == [False, False, True, True, True, False, False, False, False, False]
    assert camera.given == 10


def test_a_cameras_pictures_only_come_late_and_a_files_move_in_the_stream():
    fault = JitterFault(kind="jitter", ms=5)
    camera = FakeCamera(FakeClock(), 200)
    late_ms = [at_ns / MS - 40 * n for n, (_, at_ns) in enumerate(read_all(faulty(camera, fault)))]
    assert min(late_ms) == 0
    assert 0.2 < np.mean([late > 0 for late in late_ms]) < 0.8
    moved = read_all(faulty(FakeSource(FakeClock(), 200), fault))
    moved_ms = [picture.t_stream_ns / MS - 40 * n for n, (picture, _) in enumerate(moved)]
    assert np.std(moved_ms) == pytest.approx(5, rel=0.3)
    assert abs(np.mean(moved_ms)) < 1.5


def test_wild_jitter_never_swaps_two_pictures():
    moved = read_all(faulty(FakeSource(FakeClock(), 200), JitterFault(kind="jitter", ms=500)))
    times_ns = [picture.t_stream_ns for picture, _ in moved]
    assert times_ns == sorted(set(times_ns))


def test_the_share_of_damaged_pictures_is_the_one_asked_for_and_two_faults_differ():
    fault = CorruptFrameFault(kind="corrupt_frame", share="25%")
    tallies = [Tally(), Tally()]
    faults = CameraFaults([(fault, tally) for tally in tallies])
    for n in range(1000):
        faults.see(n * 40 * MS)
    one, other = (tally.counts()["pictures_damaged"] for tally in tallies)
    assert 200 < one < 300
    assert one != other


def test_what_does_not_come_is_neither_moved_nor_damaged():
    faults = [
        CorruptFrameFault(kind="corrupt_frame"),
        CameraGapFault(kind="camera_gap", d=1),
        JitterFault(kind="jitter", ms=5),
    ]
    tallied = [(fault, Tally()) for fault in faults]
    camera = CameraFaults(tallied)
    for n in range(50):
        with contextlib.suppress(CameraAway):
            assert camera.see(n * 40 * MS).t_ns > 0
    counts = [tally.counts() for _, tally in tallied]
    assert counts == [{"pictures_damaged": 25}, {"pictures_left_out": 25}, {"times_moved": 25}]


@pytest.mark.parametrize("size", [(1, 1), (17, 15), (240, 320)])
def test_damage_is_blocks_or_a_cut_and_leaves_the_original_alone(size):
    image = np.full((*size, 3), 200, np.uint8)
    kinds = set()
    for seed in range(16):
        broken = damaged(image, np.random.default_rng(seed))
        changed = (broken != image).any(axis=2)
        assert changed.any()
        kinds.add(bool((broken[changed] == 128).all()))
    assert (image == 200).all()
    assert kinds == {True, False}
