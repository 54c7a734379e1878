"""The disk's bounds: the oldest runs go first, the running one never."""

from __future__ import annotations

import os

import pytest

from edge_runtime.config.schema import ServiceBlock
from edge_runtime.service.keep import RunStore, surplus

GB = 10**9
PLENTY = 500 * GB
RUNS = {"monday": 8 * GB, "tuesday": 6 * GB, "wednesday": 4 * GB, "now": 2 * GB}


@pytest.mark.parametrize(
    ("keep", "free", "gone"),
    [
        (ServiceBlock(), PLENTY, []),
        (ServiceBlock(keep_runs=2), PLENTY, ["monday", "tuesday"]),
        (ServiceBlock(keep_gb=12), PLENTY, ["monday"]),
        (ServiceBlock(keep_gb=5), PLENTY, ["monday", "tuesday", "wednesday"]),
        (ServiceBlock(keep_gb=0.5), PLENTY, ["monday", "tuesday", "wednesday"]),
        (ServiceBlock(), 0.5 * GB, ["monday"]),
    ],
)
def test_the_oldest_runs_go_until_number_size_and_free_disk_are_right(keep, free, gone):
    assert surplus(RUNS, "now", keep, free) == gone


def run(folder, name, size, day):
    (folder / name / "masks").mkdir(parents=True)
    (folder / name / "masks" / "0.png").write_bytes(bytes(size))
    os.utime(folder / name, (day, day))
    return folder / name


def test_deleted_runs_are_gone_from_the_disk_and_what_is_no_run_stays(tmp_path):
    for day, name in enumerate(("first", "second", "third")):
        run(tmp_path, name, 1000, day)
    running = run(tmp_path, "running", 1000, 0)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "third")
    assert RunStore(tmp_path).prune(ServiceBlock(keep_runs=2), running) == ["first", "second"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "notes.txt", "running", "third"]


def test_a_clock_that_was_set_back_does_not_make_the_newest_run_the_oldest(tmp_path):
    runs = tmp_path / "runs"
    run(runs, "before", 1000, 50)
    for name, day in (("first", 100), ("second", 1), ("third", 2), ("second", 1)):
        if not (runs / name).exists():
            run(runs, name, 1000, day)
        RunStore(runs).began(runs / name)
    assert RunStore(runs).prune(ServiceBlock(keep_runs=1), None) == ["before", "first", "third"]
    (tmp_path / "runs.order").write_bytes(b"\xff")
    RunStore(runs).began(runs / "second")
    assert (tmp_path / "runs.order").read_text() == "second\n"


def test_a_folder_that_is_not_there_has_nothing_to_delete(tmp_path):
    assert RunStore(tmp_path / "runs").prune(ServiceBlock(keep_runs=1), None) == []
