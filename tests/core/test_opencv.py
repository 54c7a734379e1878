"""OpenCV's log level belongs to the process, and several cameras want silence at once."""

import threading

import cv2
import pytest

from edge_runtime.core.opencv import quiet_opencv

LOG = getattr(cv2.utils, "logging", cv2)
LOUD = 3


@pytest.fixture(autouse=True)
def loud():
    before = LOG.getLogLevel()
    LOG.setLogLevel(LOUD)
    yield
    LOG.setLogLevel(before)


def test_it_is_silent_inside_and_as_it_was_outside():
    with quiet_opencv(), quiet_opencv():
        assert LOG.getLogLevel() == 0
    assert LOG.getLogLevel() == LOUD


def test_silence_lasts_until_the_last_thread_leaves_and_not_for_ever():
    inside, leave, seen = threading.Event(), threading.Event(), []

    def reader():
        with quiet_opencv():
            inside.set()
            assert leave.wait(10)
            seen.append(LOG.getLogLevel())

    other = threading.Thread(target=reader)
    with quiet_opencv():
        other.start()
        assert inside.wait(10)
    leave.set()  # the first to come has left before the second
    other.join(10)
    assert seen == [0]
    assert LOG.getLogLevel() == LOUD
