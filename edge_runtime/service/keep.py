"""The disk of a vehicle: the oldest runs give way, the one that is running stays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edge_runtime.config.schema import ServiceBlock

GB = 1e9
# However much may be kept, so much of the disk stays free: a full one takes the rest of the machine down too.
FREE_GB, FREE_SHARE = 1.0, 0.05


class RunStore:
    """The run folders of one service, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Names in the order in which the runs began: times of files go astray with the clock.
        self._order_file = folder.with_name(f"{folder.name}.order")
        self._ended: dict[str, int] = {}

    def began(self, run: Path) -> None:
        """A run began, which is the newest whatever the clock says."""
        known = [name for name in self._order() if name != run.name and (self.folder / name).is_dir()]
        with suppress(OSError):  # a full disk: the times of the folders must do
            self._order_file.write_text("\n".join([*known, run.name]) + "\n", encoding="utf-8")

    def _order(self) -> list[str]:
        with suppress(OSError, UnicodeDecodeError):
            return self._order_file.read_text(encoding="utf-8").splitlines()
        return []

    def has_room(self) -> bool:
        """Whether as much is free as shall be: a new run can write for a while."""
        try:
            disk = shutil.disk_usage(self.folder)
        except OSError:
            return False
        return disk.free >= _least_free(disk.total)

    def prune(self, keep: ServiceBlock, running: Path | None) -> list[str]:
        """Delete the oldest ended runs until what is kept is within bounds; returns their names."""
        sizes = self._sizes(running)
        free, least_free = 0, 0.0
        if self.folder.is_dir():
            disk = shutil.disk_usage(self.folder)
            free, least_free = disk.free, _least_free(disk.total)
        gone = surplus(sizes, None if running is None else running.name, keep, free, least_free)
        for name in gone:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            self._ended.pop(name, None)
        return gone

    def _sizes(self, running: Path | None) -> dict[str, int]:
        """Bytes of every run, oldest first; an ended run is measured once."""
        ended = []
        with suppress(OSError):
            ended = [entry for entry in os.scandir(self.folder) if entry.is_dir(follow_symlinks=False)]
        place = {name: number for number, name in enumerate(self._order())}
        ended.sort(key=lambda entry: (place.get(entry.name, -1), entry.stat().st_mtime_ns, entry.name))
        for entry in ended:
            if running is not None and entry.name == running.name:
                continue
            if entry.name not in self._ended:
                self._ended[entry.name] = size_of(Path(entry.path))
        sizes = {entry.name: self._ended[entry.name] for entry in ended if entry.name in self._ended}
        return sizes if running is None else {**sizes, running.name: size_of(running)}


def _least_free(total: float) -> float:
    """Bytes that stay free on a disk of so many."""
    return min(FREE_GB * GB, FREE_SHARE * total)


def surplus(
    sizes: Mapping[str, int], running: str | None, keep: ServiceBlock, free: float, least_free: float = FREE_GB * GB
) -> list[str]:
    """The names to give up, of runs with their bytes, oldest first, on a disk with so many bytes free."""
    gone = []
    left, total = len(sizes), float(sum(sizes.values()))
    for name, size in sizes.items():
        if left <= keep.keep_runs and total <= keep.keep_gb * GB and free >= least_free:
            break
        if name == running:
            continue
        gone.append(name)
        left, total, free = left - 1, total - size, free + size
    return gone


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, those that vanish meanwhile left out."""
    size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(where, name)).st_size
    return size
