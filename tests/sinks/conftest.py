"""Rings in /dev/shm with names of their own, and their writers in other processes."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from edge_runtime.sinks.ring_layout import FOLDER

ROOT = Path(__file__).parents[2]


@pytest.fixture
def name():
    name = f"edge-test-{uuid4().hex}"
    yield name
    Path(FOLDER, name).unlink(missing_ok=True)


@pytest.fixture
def process(name):
    """Starts `ring_process`; whatever still runs is killed in the end."""
    started = []

    def start(what, slots=4, boxes=8):
        command = [sys.executable, "-m", "tests.sinks.ring_process", what, name, str(slots), str(boxes)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(child)
        assert child.stdout.readline() == "open\n"
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()
