"""Pictures are decoded before their turn, and nothing changes places by it."""

import threading

import numpy as np
import pytest

from edge_runtime.core import TelemetrySample
from edge_runtime.errors import SourceError
from edge_runtime.pipeline.decode_ahead import DECODERS, decoded
from edge_runtime.recording.reader import RecordedFrame


class Stored:
    """Decodes when the ones before it may, too: the first is the last to be done."""

    def __init__(self, n, gate=None):
        self.n, self.gate = n, gate

    def decode(self):
        if self.gate is not None:
            assert self.gate.wait(30)
        if self.n < 0:
            raise SourceError("a recorded picture does not decode")
        return np.full((2, 2, 3), self.n, np.uint8)


def frame(n, stored=True, gate=None):
    return RecordedFrame(n, "front", n, None, None, "published", picture=Stored(n, gate) if stored else None)


def test_entries_keep_their_order_with_their_own_pictures():
    entries = [frame(0), TelemetrySample(5, "sysfs"), *(frame(n, stored=n % 3 > 0) for n in range(1, 40))]
    read = list(decoded(entries))
    assert [entry for entry, _ in read] == entries
    for entry, image in read:
        stored = isinstance(entry, RecordedFrame) and entry.picture is not None
        assert (image is not None) == stored
        assert not stored or int(image[0, 0, 0]) == entry.frame_id


def test_no_more_pictures_are_held_than_there_are_decoders():
    asked = []

    def entries():
        for n in range(100):
            asked.append(n)
            yield frame(n)

    reading = decoded(entries())
    for _ in range(3):
        next(reading)
    assert len(asked) <= 3 + DECODERS
    reading.close()


@pytest.mark.skipif(DECODERS < 2, reason="this machine has one core")
def test_a_slow_picture_does_not_keep_the_next_from_being_decoded():
    gate, done = threading.Event(), threading.Event()

    class Second(Stored):
        def decode(self):
            done.set()
            return super().decode()

    second = RecordedFrame(1, "front", 1, None, None, "published", picture=Second(1))
    reading = threading.Thread(target=lambda: list(decoded([frame(0, gate=gate), second, frame(2)])), daemon=True)
    reading.start()
    assert done.wait(30)
    gate.set()
    reading.join(30)


def test_a_broken_picture_is_told_in_its_turn():
    reading = decoded([frame(0), frame(-1), frame(2)])
    assert int(next(reading)[1][0, 0, 0]) == 0
    with pytest.raises(SourceError, match="does not decode"):
        next(reading)
