"""Waiting for what comes by itself."""

import time


def until(what, within_s=60):
    """Ask again and again until the answer is true, and return it."""
    end = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.001)
    return found
