"""A disk that fills up or breaks in the middle of a drive: a real file system in a file, that nothing else is on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.service.machine import CHECKOUT, until
from tests.tiny import tiny_video

from .test_service_daemon import Manager, lines

MB = 1_000_000


class Disk:
    """An ext4 of 24 MB at `path`; `fill` takes all of it, `free` gives it back, `break_down` makes it read-only."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0 or not all(map(shutil.which, ("mkfs.ext4", "losetup", "mount"))):
            pytest.skip("a disk of its own needs root, e2fsprogs and mount")
        image, self.path = folder / "disk.img", folder / "disk"
        self.path.mkdir()
        with image.open("wb") as file:
            file.truncate(24 * MB)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
        mounted = subprocess.run(
            ["mount", "-o", "loop,errors=remount-ro", image, self.path], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"this root may not mount a file (a container without loop devices?): {mounted.stderr.strip()}")
        self._filler = self.path / "filler"

    def fill(self) -> None:
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        self._filler.unlink()

    def break_down(self) -> None:
        """As the kernel does when it finds an error in the file system."""
        number = os.stat(self.path).st_dev
        (device,) = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().parts[-1:]
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", self.path], check=True)


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path)
    yield disk
    disk.close()


def endless(tiny: Path) -> Path:
    text = tiny.read_text().replace("pace: fast", "pace: live, loop: yes")
    tiny.write_text(text + "record: {path: drive.mcap, keep_seconds: 5}\n")
    return tiny


def test_a_service_goes_on_without_room_and_its_results_in_a_new_run_when_there_is_some(tiny, tmp_path, disk):
    manager = Manager(tmp_path, endless(tiny), "1", state=disk.path / "state")
    try:
        manager.hear("READY=1")
        disk.fill()
        assert until(lambda: "sink jsonl detections.jsonl ended" in manager.journal())
        assert until(lambda: "sink recording drive.mcap ended" in manager.journal())
        assert "No space left" in manager.journal()
        manager.catch_up()
        manager.hear("WATCHDOG=1")
        manager.hear("fps")
        (before,) = manager.runs()
        manager.catch_up()
        assert "No space left" in manager.reload(), "refused, and the old run goes on"
        assert manager.runs() == [before]
        disk.free()
        assert until(lambda: "a new run goes on, to open again what had ended: jsonl" in manager.journal())
        assert until(lambda: len(manager.runs()) == 2)
        after = manager.runs()[-1]
        assert until(lambda: (after / "detections.jsonl").exists() and len(lines(after)) > 20)
        assert (after / "drive.ring").is_dir()
        assert manager.stop() == 0
    finally:
        manager.close()
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (before, after)]
    assert "No space left" in summaries[0]["sinks"]["jsonl detections.jsonl"]["error"]
    assert summaries[0]["error"] is None
    assert {sink["error"] for sink in summaries[1]["sinks"].values()} == {None}
    assert len(lines(before)) == summaries[0]["sinks"]["jsonl detections.jsonl"]["written"]


def test_a_disk_that_breaks_in_the_middle_ends_its_sinks_and_not_the_run(tiny, tmp_path, disk):
    tiny_video(tiny.parent / "drive.avi", frames=125)
    tiny.write_text(tiny.read_text().replace("pace: fast", "pace: live") + "record: {path: drive.mcap}\n")
    out = disk.path / "run"
    command = [sys.executable, "-m", "edge_runtime", str(tiny), "--json", "--out", str(out)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert until(lambda: (out / "detections.jsonl").exists() and len(lines(out)) > 20)
    disk.break_down()
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    summary = json.loads(said)
    assert summary["frames"]["captured"] == 125
    assert summary["frames"]["failed"] == 0
    for sink in summary["sinks"].values():
        assert "Read-only file system" in sink["error"]
    assert any("summary.json: Read-only file system" in text for text in summary["warnings"])
    assert len(lines(out)) == summary["sinks"]["jsonl detections.jsonl"]["written"], "whole lines"
