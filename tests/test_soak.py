"""A few thousand frames with everything on leave no handle, thread or memory behind: `scripts/soak.py`, in short."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import groupby
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SCRIPT = CHECKOUT / "scripts" / "soak.py"
UNIT = CHECKOUT / "configs" / "edge-runtime@.service"
FRAMES, EVERY, ANEW = 3000, 300, 1500
# Far above what comes and goes, and far below what the last 900 frames would add if each left its picture behind (46 KB
# each, so 41 MB), or a few dozen objects.
MOST_MB, MOST_BLOCKS = 16.0, 20_000


@pytest.fixture(scope="module")
def soak():
    spec = spec_from_file_location("soak", SCRIPT)
    module = sys.modules["soak"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return str(unused.getsockname()[1])


def test_handles_threads_and_memory_are_flat_from_frame_to_frame_and_from_run_to_run():
    """In a process of its own, in which no other test has left anything and glibc keeps little for new threads."""
    numbers = ("--frames", str(FRAMES), "--every", str(EVERY), "--anew", str(ANEW), "--port", free_port())
    bound = re.search(r"^Environment=(MALLOC_ARENA_MAX)=(\d+)$", UNIT.read_text(), re.M)
    assert bound is not None, "a service's memory would rise with every new thread"
    environment = {**os.environ, bound[1]: bound[2], "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, str(SCRIPT), *numbers, "--json"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode in (0, 3), ended.stderr  # so few frames are no slope
    print(ended.stderr)
    rows = json.loads(ended.stdout)["rows"]
    runs = [list(rows_of) for _, rows_of in groupby(rows, key=lambda row: row["run"])]
    assert [len(rows_of) for rows_of in runs] == [ANEW // EVERY] * (FRAMES // ANEW)
    settled = [row for rows_of in runs for row in rows_of[1:]]  # a first row still fills caches
    assert len({row["handles"] for row in settled}) == 1
    assert len({row["threads"] for row in settled}) == 1
    first, *_, last = runs[-1][1:]
    assert last["held_mb"] - first["held_mb"] < MOST_MB
    assert last["blocks"] - first["blocks"] < MOST_BLOCKS


def test_a_line_is_fitted_through_all_but_the_beginning(soak):
    rows = [soak.Row(n * 1000, 0, 0.0, 900.0, 500.0 if n < 2 else 100.0 + n, 0, 10, 5) for n in range(10)]
    assert soak.slope_mb(rows) == pytest.approx(100.0)
