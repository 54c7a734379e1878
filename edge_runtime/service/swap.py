"""What systemd runs to reload: it asks the service to swap its pipeline, and ends when that is decided.

MAINPID=PID python -m edge_runtime.service.swap NAME
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_runtime.errors import RunError

from . import places

STEP_S = 0.05
# Less than systemd gives a reload (TimeoutStartSec=), so that the answer comes from here.
PATIENCE_S = 100.0


def reloads(live: Path) -> Mapping[str, Any]:
    """What a service says of its reloads and its run; empty where it says nothing, or not to us."""
    try:
        document: Mapping[str, Any] = json.loads((live / "reloads.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document


def swap(pid: int, live: Path) -> None:
    """Ask the service with this process id, and wait. Raises `RunError` when it refuses, ends, or needs too long."""
    before = reloads(live).get("asked", 0)
    pause = threading.Event()
    try:
        os.kill(pid, signal.SIGHUP)
        for _ in range(round(PATIENCE_S / STEP_S)):
            answer = reloads(live)
            if answer.get("asked", 0) > before:
                if answer["refused"] is not None:
                    raise RunError(f"refused, the old pipeline runs on:\n{answer['refused']}")
                return
            pause.wait(STEP_S)
            os.kill(pid, 0)
    except ProcessLookupError:
        raise RunError("the service ended before it had reloaded; edge-run service status says why") from None
    raise RunError("the new pipeline is still being made ready; edge-run service status shows how far it is")


if __name__ == "__main__":
    try:
        swap(int(os.environ["MAINPID"]), places.LIVE / sys.argv[1])
    except RunError as refusal:
        sys.exit(str(refusal))
