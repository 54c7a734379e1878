"""Putting a pipeline on a machine as a service, and taking it away again. Needs root.

Everything is looked at before anything is written: the pipeline, systemd, the user, and whether that user can run this
interpreter and read what the pipeline names.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_runtime.config.export import to_document
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import CameraSource
from edge_runtime.errors import RunError
from edge_runtime.recording.run_folder import write_whole

from . import places
from .copy import standing_copy
from .manager import ask
from .unit import Facts, device_files, drop_in_text, existing

USER = "edge-runtime"
# Cameras, GPU and telemetry, as far as the machine has them.
GROUPS = ("video", "render", "jtop")
NOBODY = 65534
HIDDEN = ("/tmp/", "/var/tmp/")
# Run as the service's user: says which of the files cannot be read, after the package was found.
_LOOK = """
import os, sys
import edge_runtime.cli.main
print(*(path for path in sys.argv[1:] if not os.access(path, os.R_OK)), sep="\\n")
"""


def goes_on(loaded: LoadedPipeline) -> dict[str, bool]:
    """What keeps a service from ending with a file: `source.loop`, where the pipeline does not say."""
    several = loaded.config.sources is not None
    settings = {}
    for index, source in enumerate(loaded.config.cameras):
        place = f"sources.{index}.loop" if several else "source.loop"
        said = loaded.positions.get(("sources", index, "loop") if several else ("source", "loop")) is not None
        if not isinstance(source, CameraSource) and not source.loop and not said:
            settings[place] = True
    return settings


def install(loaded: LoadedPipeline, text: str, user: str | None) -> Facts:
    """Write the unit, its drop-in and the pipeline (`text` is the file's own), and let it start at boot.

    Raises `RunError` before anything was written when something is missing.
    """
    name = loaded.config.name
    ask("--version")
    known = [group.gr_name for group in grp.getgrall()]
    facts = Facts(Path(sys.executable), user or USER, existing(GROUPS, known), device_files())
    _check_user(facts, loaded, is_given=user is not None)
    if user is None and not _account(USER):
        _make_user()
    account = pwd.getpwnam(facts.user)
    places.ETC.mkdir(mode=0o755, exist_ok=True)
    places.drop_in(name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    target = places.pipeline(name)
    # A camera's address may hold a password.
    write_whole(target, standing_copy(text, loaded), mode=0o640)
    os.chown(target, 0, account.pw_gid)
    write_whole(places.UNITS / places.TEMPLATE, places.template_text())
    write_whole(places.drop_in(name), drop_in_text(name, facts, loaded))
    ask("daemon-reload")
    ask("enable", "--quiet", places.unit(name))
    return facts


def uninstall(name: str) -> None:
    """Stop the service and remove what `install` wrote; its runs stay."""
    ask("disable", "--quiet", "--now", places.unit(name), check=False)
    shutil.rmtree(places.drop_in(name).parent, ignore_errors=True)
    with suppress(FileNotFoundError):
        places.pipeline(name).unlink()
    if not places.installed():
        (places.UNITS / places.TEMPLATE).unlink(missing_ok=True)
        with suppress(OSError):
            places.ETC.rmdir()
    ask("daemon-reload")
    ask("reset-failed", places.unit(name), check=False)


def _account(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        return None


def _make_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--home-dir", str(places.STATE)]
    done = subprocess.run([*command, "--shell", "/usr/sbin/nologin", USER], capture_output=True, text=True)
    if done.returncode:
        raise RunError(f"the user {USER} cannot be made: {done.stderr.strip()}. Name one of yours with --user NAME")


def _check_user(facts: Facts, loaded: LoadedPipeline, *, is_given: bool) -> None:
    """Whether the service's user, as it will be, can do its work. Raises `RunError` with what to type."""
    account = _account(facts.user)
    if account is None and is_given:
        raise RunError(
            f"there is no user '{facts.user}'. Leave --user out and edge-runtime is made, or run: "
            f"sudo useradd --system {facts.user}"
        )
    uid, gid = (NOBODY, NOBODY) if account is None else (account.pw_uid, account.pw_gid)
    groups = [grp.getgrnam(group).gr_gid for group in facts.groups]
    files = sorted(set(_files(to_document(loaded.config))))
    if hidden := [path for path in (str(facts.python), *files) if path.startswith(HIDDEN)]:
        raise RunError(
            f"{', '.join(hidden)}: a service has a /tmp of its own and does not see this one, which the next boot "
            "empties. Put it where it stays, such as /opt"
        )
    try:
        done = subprocess.run(
            [facts.python, "-c", _LOOK, *files],
            cwd="/", env={"HOME": "/", "PATH": os.defpath}, user=uid, group=gid, extra_groups=groups,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
    except PermissionError:
        done = None
    if done is None or done.returncode:
        raise RunError(
            f"the user {facts.user} cannot run {facts.python}. Install where every user may read: "
            "sudo python3 -m venv /opt/edge-runtime && sudo /opt/edge-runtime/bin/pip install edge-runtime, "
            "or run the service as the owner: --user NAME"
        )
    if closed := done.stdout.strip().splitlines():
        raise RunError(
            f"the user {facts.user} cannot read {', '.join(closed)}. Put it where every user may read, such as "
            "/opt, or run the service as its owner: --user NAME"
        )


def _files(value: Any) -> Iterator[str]:
    """Whatever in a document is the path of something that is there."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _files(child)
    elif isinstance(value, str) and value.startswith("/") and os.path.exists(value):
        yield value
