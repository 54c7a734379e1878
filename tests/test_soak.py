"""A few thousand frames with everything on leave no handle, thread or memory behind: `scripts/soak.py`, in short."""

from __future__ import annotations

import socket
import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import groupby
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "soak.py"
FRAMES, EVERY, ANEW = 3000, 300, 1500
# Both are far above what comes and goes, and far below what these frames would add if each left a picture behind (46 KB
# of pixels), or a few dozen objects.
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
        return unused.getsockname()[1]


def test_handles_threads_and_memory_are_flat_from_frame_to_frame_and_from_run_to_run(soak, tmp_path):
    loaded = soak.pipeline(tmp_path, fps=400.0, seconds=600, port=free_port())
    rows = list(soak.soak(loaded, tmp_path, FRAMES, EVERY, ANEW))
    for row in rows:
        print(row)
    runs = [list(rows_of) for _, rows_of in groupby(rows, key=lambda row: row.run)]
    assert len(runs) == FRAMES // ANEW
    assert [len(rows_of) for rows_of in runs] == [ANEW // EVERY] * len(runs)
    settled = [row for rows_of in runs for row in rows_of[1:]]
    assert len({row.handles for row in settled}) == 1
    assert len({row.threads for row in settled}) == 1
    last = runs[-1][1:]  # a first row still fills caches
    assert last[-1].rss_mb - last[0].rss_mb < MOST_MB
    assert last[-1].blocks - last[0].blocks < MOST_BLOCKS


def test_a_line_is_fitted_through_all_but_the_beginning(soak):
    rows = [soak.Row(n * 1000, 0, 0.0, 500.0 if n < 2 else 100.0 + n, 0, 10, 5) for n in range(10)]
    assert soak.slope_mb(rows) == pytest.approx(100.0)
