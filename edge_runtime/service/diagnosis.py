"""Whether this machine can hold a service: systemd, the user's groups, and room on the disk."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.core.check import Check
from edge_runtime.core.machine import Machine

from . import places
from .install import GROUPS

LOW_GB = 5.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a name, and the numbers of the groups that this login has."""

    name: str
    uid: int
    groups: Collection[int]

    @classmethod
    def here(cls) -> Person:
        uid = os.geteuid()
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return cls(name, uid, {*os.getgroups(), os.getegid()})


def systemd_check(machine: Machine) -> Check:
    """Whether systemd runs this machine, and what is installed as a service."""
    if not machine.has("run/systemd/system"):
        return Check("systemd", "warning", "does not run here: edge-run service needs it, edge-run PIPELINE does not")
    version = " ".join((machine.ask("systemctl", "--version") or "systemd").split()[:2])
    installed = sorted(
        path.parent.name[len("edge-runtime@") : -len(".service.d")]
        for path in (machine.root / places.UNITS.relative_to("/")).glob(places.drop_glob())
    )
    return Check("systemd", "ok", f"{version}; services installed: {', '.join(installed) or 'none'}")


def groups_check(machine: Machine, person: Person) -> Check:
    """Whether this user may open cameras, the GPU and jtop's socket, as far as the machine has groups for them."""
    lines = [line.split(":") for line in (machine.text("etc/group") or "").splitlines()]
    known = {fields[0]: (int(fields[2]), fields[3].split(",")) for fields in lines if len(fields) == 4}
    there = [group for group in GROUPS if group in known]
    if person.uid == 0:
        return Check("groups", "ok", "root needs none")
    absent = [group for group in there if known[group][0] not in person.groups]
    if not absent:
        return Check("groups", "ok", f"{person.name} is in {', '.join(there) or 'none, as there are none to be in'}")
    if all(person.name in known[group][1] for group in absent):
        found = f"{person.name} is in {', '.join(absent)} only from the next login on"
        return Check("groups", "warning", found, "log out and in again")
    found = f"{person.name} is not in {', '.join(absent)}: cameras, GPU or jtop may stay closed"
    return Check("groups", "warning", found, f"sudo usermod -aG {','.join(absent)} {person.name}, then log in again")


def disk_checks(runs: Path, engines: Path) -> Iterator[Check]:
    """Room where runs and engines are written; on one disk, one line."""
    folders = {"runs": runs, "engines": engines}
    by_disk: dict[int, list[str]] = {}
    for name, folder in folders.items():
        by_disk.setdefault(nearest(folder).stat().st_dev, []).append(name)
    for names in by_disk.values():
        folder = nearest(folders[names[0]])
        yield room(" and ".join(names), folder, shutil.disk_usage(folder).free / 1e9)


def room(what: str, folder: Path, free_gb: float) -> Check:
    if free_gb < LOW_GB:
        fix = f"du -xh --max-depth=1 {folder} | sort -h"
        return Check("disk", "warning", f"only {free_gb:.1f} GB are free for {what} at {folder}", fix)
    return Check("disk", "ok", f"{free_gb:.0f} GB are free for {what} at {folder}")


def nearest(folder: Path) -> Path:
    """The folder, or what of its path is there already."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())
