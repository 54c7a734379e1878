"""Two processes that want the same engine: one builds, the other waits and takes it."""

import subprocess
import sys

import pytest

CHILD = """
import sys
from pathlib import Path
from edge_runtime.core import SystemClock
from edge_runtime.engines.tensorrt.build import Built
from edge_runtime.engines.tensorrt.cache import EngineCache
from edge_runtime.engines.tensorrt.manifest import EngineKey

def build():
    print("building", flush=True)
    sys.stdin.readline()
    return Built(sys.argv[2].encode(), 1.0)

key = EngineKey({"option.precision": "fp16"})
entry = EngineCache(Path(sys.argv[1])).obtain("road", key, build, date="today", clock=SystemClock(),
                                              say=lambda sentence: print("said", sentence, flush=True))
print("has", entry.engine.decode(), flush=True)
"""


@pytest.fixture
def child(tmp_path):
    running = []

    def start(name):
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def until(process, word):
    """Read its lines up to the one that starts with `word`."""
    for line in process.stdout:
        if line.startswith(word):
            return line.strip()
    raise AssertionError(f"it ended without saying {word}")


def test_the_second_waits_and_takes_what_the_first_built(child):
    first = child("one")
    until(first, "building")
    second = child("two")
    assert "another process is building road-fp16-" in until(second, "said")
    first.stdin.write("\n")
    first.stdin.flush()
    assert until(first, "has") == "has one"
    assert until(second, "has") == "has one"


def test_when_the_first_dies_the_second_builds(child):
    first = child("one")
    until(first, "building")
    second = child("two")
    until(second, "said another process")
    first.kill()
    until(second, "building")
    second.stdin.write("\n")
    second.stdin.flush()
    assert until(second, "has") == "has two"
