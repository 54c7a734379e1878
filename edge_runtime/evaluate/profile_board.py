"""The board while its pipeline is profiled: what it can be turned to, and turning it; set back at the end."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Protocol

from edge_runtime.core import Clock, OperatingPoint
from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry.clock_caps import gpu_clocks_mhz
from edge_runtime.telemetry.control import BoardSetting, BoardStatus
from edge_runtime.telemetry.power_modes import power_modes, refusal

from .profile_session import NS
from .profile_span import AS_IT_IS, Turn, turns

# A power mode takes one to three seconds until it is read back.
PATIENCE_S = 30.0


class Board(Protocol):
    """What may be turned; `BoardControl` is one."""

    def apply(self, setting: BoardSetting) -> None: ...

    def status(self) -> BoardStatus: ...

    def close(self) -> None: ...


def settings_of(root: Path, now: str | None) -> tuple[Turn, ...]:
    """What a board in power mode `now` can be turned to without a reboot; where nothing tells the mode, all there is.

    Those that are then refused are left out when their turn comes.
    """
    modes = power_modes(root)
    reachable = [name for name in modes if now is None or refusal(modes, now, name) is None]
    return turns(reachable, gpu_clocks_mhz(root))


def turn_of(point: OperatingPoint) -> Turn:
    return Turn(point.power_mode, point.gpu_cap_mhz)


class Turner:
    """Owns a board and holds it at a setting; with None there is nothing to turn."""

    def __init__(self, board: Board | None, clock: Clock) -> None:
        self._board, self._clock = board, clock
        self._now = AS_IT_IS
        self._stop = threading.Event()

    def to(self, turn: Turn) -> str | None:
        """Turn and wait until that is read back; why it is not to be had, None when it is."""
        if self._board is None or turn == self._now:
            return None
        self._now = turn
        try:
            self._board.apply(BoardSetting(turn.power_mode, turn.gpu_cap_mhz))
            given_up_ns = self._clock.now_ns() + round(PATIENCE_S * NS)
            while (status := self._board.status()).pending:
                now_ns = self._clock.now_ns()
                if now_ns >= given_up_ns:
                    return f"the board did not answer within {PATIENCE_S:g} s"
                self._clock.wait_until_ns(now_ns + NS // 20, self._stop)
            return status.problem
        except TelemetryError as error:
            return str(error)

    def close(self) -> None:
        if self._board is not None:
            self._board.close()

    def __enter__(self) -> Turner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
