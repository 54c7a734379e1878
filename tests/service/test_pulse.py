"""A stuck engine stops the watchdog's food; a silent camera does not."""

from __future__ import annotations

from edge_runtime.pipeline.accounts import FrameCounts
from edge_runtime.service.pulse import Pulse

S = 1_000_000_000


def test_frames_that_come_out_are_a_pulse():
    pulse = Pulse()
    looks = [FrameCounts(captured=30 * n + 2, published=30 * n) for n in range(1, 5)]
    assert all(pulse.beats(counts, n * S) for n, counts in enumerate(looks))
    assert pulse.silent_s == 0


def test_failed_frames_come_out_too():
    pulse = Pulse()
    pulse.beats(FrameCounts(captured=3, published=1), 0)
    assert pulse.beats(FrameCounts(captured=9, published=1, failed=6), S)


def test_a_stuck_engine_has_no_pulse_however_much_the_camera_sends():
    pulse = Pulse()
    assert pulse.beats(FrameCounts(captured=10, published=8), 0)
    assert not pulse.beats(FrameCounts(captured=40, published=8, overwritten=29), S)
    assert not pulse.beats(FrameCounts(captured=70, published=8, overwritten=59, shed=1), 2 * S)
    assert pulse.beats(FrameCounts(captured=71, published=10, overwritten=60, shed=1), 3 * S)


def test_a_silent_camera_is_waited_for_and_counted():
    pulse = Pulse()
    counts = FrameCounts(captured=10, published=7, overwritten=2, shed=1)
    assert all(pulse.beats(counts, second * S) for second in range(100))
    assert pulse.silent_s == 99


def test_nothing_captured_yet_is_no_illness():
    pulse = Pulse()
    assert pulse.beats(FrameCounts(), 5 * S)
    assert pulse.beats(FrameCounts(), 9 * S)
    assert pulse.silent_s == 4
