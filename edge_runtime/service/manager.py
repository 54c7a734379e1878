"""systemd as this program asks it: systemctl and journalctl, and what they answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import RunError

from .places import unit

_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "Result", "StatusText", "MainPID", "NRestarts", "UnitFileState",
    "ActiveEnterTimestampMonotonic", "ActiveEnterTimestamp", "ExecMainStatus", "MemoryCurrent", "User",
)  # fmt: skip
_RESULTS = {
    "start-limit-hit": "it was started too often in a row",
    "watchdog": "frames stopped coming out, and the watchdog killed it",
    "timeout": "no result was out in time",
    "exit-code": "it ended with an error",
    "signal": "a signal killed it",
    "core-dump": "it crashed",
    "oom-kill": "it took more memory than there is",
    "resources": "the machine could not give what it needs",
}


@dataclass(frozen=True, slots=True)
class UnitState:
    """A unit as systemd sees it. `started_us` is on the monotonic clock, None when it never was active."""

    name: str
    active: str
    sub: str
    result: str
    status: str
    pid: int | None
    restarts: int
    at_boot: bool
    started_us: int | None
    exit_code: int
    memory_mb: float | None
    user: str

    @property
    def failed(self) -> bool:
        return self.active == "failed"

    @property
    def why(self) -> str:
        """The reason of a failure, in words."""
        if self.result == "exit-code" and self.exit_code == 2:
            return "its pipeline file cannot run"
        return _RESULTS.get(self.result, self.result)

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "state": self.active,
            "sub_state": self.sub,
            "status": self.status,
            "failed_because": self.why if self.failed else None,
            "pid": self.pid,
            "restarts": self.restarts,
            "starts_at_boot": self.at_boot,
            "memory_mb": self.memory_mb,
            "user": self.user,
        }


def ask(*arguments: str, check: bool = True) -> str:
    """Run systemctl; raises `RunError` with what it said."""
    if shutil.which("systemctl") is None:
        raise RunError("this machine has no systemd; run the pipeline with edge-run PIPELINE.yaml")
    done = subprocess.run(["systemctl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if check and done.returncode:
        raise RunError(f"systemctl {' '.join(arguments)}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


def state_of(name: str) -> UnitState:
    text = ask("show", unit(name), *(f"--property={name}" for name in _PROPERTIES))
    return parsed(name, dict(line.partition("=")[::2] for line in text.splitlines()))


def parsed(name: str, values: Mapping[str, str]) -> UnitState:
    """The answer of `systemctl show`; numbers it does not have are 0, empty or `[not set]`."""

    def number(key: str) -> int:
        text = values.get(key, "")
        return int(text) if text.isdecimal() and int(text) < 2**63 else 0

    memory = number("MemoryCurrent")
    return UnitState(
        name=name,
        active=values.get("ActiveState", "unknown"),
        sub=values.get("SubState", ""),
        result=values.get("Result", ""),
        status=values.get("StatusText", ""),
        pid=number("MainPID") or None,
        restarts=number("NRestarts"),
        at_boot=values.get("UnitFileState") in ("enabled", "enabled-runtime"),
        started_us=number("ActiveEnterTimestampMonotonic") or None,
        exit_code=number("ExecMainStatus"),
        memory_mb=round(memory / 1e6, 1) if memory else None,
        user=values.get("User", ""),
    )


def journal_command(name: str, lines: int, *extra: str) -> list[str]:
    """Lines of the service and what systemd says about it."""
    if shutil.which("journalctl") is None:
        raise RunError("this machine has no journalctl, so there are no logs to show")
    return ["journalctl", f"--unit={unit(name)}", f"--lines={lines}", *extra]


def journal_entries(name: str, lines: int, *extra: str) -> list[dict[str, Any]]:
    """The last lines as values: `time_us`, `priority` 0 to 7, `message`, and of a frame `camera` and `frame`."""
    command = journal_command(name, lines, "--output=json", "--no-pager", *extra)
    text = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    return [_entry(json.loads(line)) for line in text.splitlines() if line.startswith("{")]


def _entry(fields: Mapping[str, Any]) -> dict[str, Any]:
    message = fields.get("MESSAGE")
    if isinstance(message, list):  # bytes that are no UTF-8
        message = bytes(message).decode("utf-8", "replace")
    return {
        "time_us": int(fields.get("__REALTIME_TIMESTAMP", 0)),
        "priority": int(fields.get("PRIORITY", 6)),
        "message": message,
        "camera": fields.get("CAMERA"),
        "frame": int(fields["FRAME"]) if "FRAME" in fields else None,
    }
