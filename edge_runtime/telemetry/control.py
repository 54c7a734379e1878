"""Power mode and clock caps of the board, for the length of a run: opt-in (`board.control` in the pipeline file).

The changing and the setting back are done by a guardian process (`guardian.py`), so that they also happen after this
process has crashed or was killed. A wish is handed over at once; a power mode takes one to three seconds until it is
read back, and only then does `status` show it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_runtime.errors import TelemetryError

COMMAND = (sys.executable, "-m", "edge_runtime.telemetry.guardian")
RESTORE_S = 60.0


@dataclass(frozen=True, slots=True)
class BoardSetting:
    """None leaves a setting as it was before the run."""

    power_mode: str | None = None
    gpu_cap_mhz: float | None = None
    cpu_cap_mhz: float | None = None

    def __post_init__(self) -> None:
        for name in ("gpu_cap_mhz", "cpu_cap_mhz"):
            if (mhz := getattr(self, name)) is not None and not mhz > 0:
                raise ValueError(f"{name} must be above 0, got {mhz}")


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """What was last read back, `pending` while a wish is not answered yet. `problem` says why a wish is not held."""

    power_mode: str | None = None
    capped: bool = False
    problem: str | None = None
    pending: bool = False


class BoardControl:
    """Holds the board at the last setting applied, until `close` or the end of this process. One thread uses it."""

    def __init__(self, root: Path = Path("/"), command: Sequence[str] = COMMAND) -> None:
        self._command = [*command, str(root)]
        self._guardian: subprocess.Popen[bytes] | None = None
        self._wanted = BoardSetting()
        self._answers: list[dict[str, Any]] = []
        self._sent = 0
        self._rest = b""

    def apply(self, setting: BoardSetting) -> None:
        """Ask for a setting; the same again costs nothing. Raises `TelemetryError` when the guardian is gone."""
        if setting == self._wanted:
            return
        if self._guardian is None:
            self._guardian = _start(self._command)
        self.status()  # the guardian must never wait for a reader of its answers
        wish = {**asdict(setting), "serial": self._sent + 1}
        assert self._guardian.stdin is not None
        try:
            os.write(self._guardian.stdin.fileno(), json.dumps(wish).encode() + b"\n")
        except BrokenPipeError as error:
            raise TelemetryError("the process that sets power modes is gone; start the run again") from error
        self._wanted, self._sent = setting, self._sent + 1

    def status(self) -> BoardStatus:
        """What the board reads back as by now; never waits."""
        if self._guardian is not None:
            assert self._guardian.stdout is not None
            with suppress(BlockingIOError):
                while chunk := os.read(self._guardian.stdout.fileno(), 65536):
                    *lines, self._rest = (self._rest + chunk).split(b"\n")
                    self._answers += map(json.loads, lines)
        if not self._answers:
            return BoardStatus(pending=self._sent > 0)
        self._answers = self._answers[-1:]
        last = self._answers[0]
        return BoardStatus(last["power_mode"], last["capped"], last["problem"], last["serial"] != self._sent)

    def __enter__(self) -> BoardControl:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Set everything back and wait until that is done; may be called twice."""
        guardian, self._guardian = self._guardian, None
        if guardian is None:
            return
        assert guardian.stdin is not None
        assert guardian.stdout is not None
        guardian.stdin.close()
        try:
            guardian.wait(RESTORE_S)
        except subprocess.TimeoutExpired:
            raise TelemetryError("the board's settings are not set back yet: check with nvpmodel -q") from None
        finally:
            guardian.stdout.close()


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, which Ctrl-C and the end of a terminal do not reach."""
    guardian = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert guardian.stdout is not None
    os.set_blocking(guardian.stdout.fileno(), False)
    return guardian
