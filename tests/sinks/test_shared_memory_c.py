"""The C reader of docs/: compiled with every warning, it reads a live ring, and finds the next one."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.core import SystemClock
from edge_runtime.sinks.ring import RingWriter
from edge_runtime.sinks.ring_layout import FOLDER

from .ring_process import frame, result, shape

SOURCE = Path(__file__).parents[2] / "docs" / "shared_memory_reader.c"
pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")
LINE = re.compile(r"record (\d+) frame (\d+) camera (\w+) age_ms [\d.]+ boxes (\d+)(.*)")
BOX = re.compile(r" \| (class \d) ([\d.]+) track (-?\d+) at ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = tmp_path_factory.mktemp("c") / "ring"
    options = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    done = subprocess.run(["gcc", *options, "-o", program, SOURCE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture
def reading(program, name):
    """The program at work on the ring, its lines one by one; ended in the end."""
    child = subprocess.Popen([program, name], stdout=subprocess.PIPE, text=True)
    yield child.stdout
    child.kill()
    child.wait()
    child.stdout.close()


def test_what_it_prints_of_a_fast_writer_is_of_one_piece(program, name, process):
    boxes, records = 500, 400
    process("fast", slots=2, boxes=boxes)
    done = subprocess.run([program, name, str(records)], capture_output=True, text=True, check=True, timeout=60)
    lines = [line for line in map(LINE.fullmatch, done.stdout.splitlines()) if line]
    assert len(lines) == records
    last = -1
    for line in lines:
        n, found = int(line[2]), BOX.findall(line[5])
        assert n > last
        assert int(line[1]) == n + 1
        assert line[3] == "front"
        assert int(line[4]) == len(found) == n % boxes + 1
        assert set(found) == {
            (
                f"class {n % 7}",
                f"{np.float32(n % 997 / 997):.3f}",
                f"{n % 2**30}",
                *[f"{np.float32(n % 2**20):.1f}"] * 4,
            )
        }
        last = n


def test_it_comes_first_sees_the_writer_go_and_follows_to_another_ring(reading, name):
    writer = RingWriter(Path(FOLDER, name), shape(), SystemClock())
    assert reading.readline() == "a writer is at work\n"
    writer.write(frame(3), result(3, 8))
    assert LINE.match(reading.readline())[2] == "3"
    writer.close()
    assert reading.readline() == "the writer is gone\n"
    writer = RingWriter(Path(FOLDER, name), shape(slots=9), SystemClock())
    assert reading.readline() == "a writer is at work\n"
    writer.write(frame(4), result(4, 8))
    assert LINE.match(reading.readline()).groups()[:2] == ("1", "4")
    writer.close()
