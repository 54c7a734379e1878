"""The process that changes settings of the board, and sets them back when whoever asked for them is gone.

    python -m edge_runtime.telemetry.guardian ROOT

It reads wishes as JSON lines from stdin, {"serial", "power_mode", "gpu_cap_mhz", "cpu_cap_mhz"}, and answers with what
it read back, {"serial", "power_mode", "capped", "problem"}. Of wishes that came while it was busy only the last counts.
When stdin ends, because the runtime closed it, crashed or was killed, it restores and ends. It leads a session of its
own and does not heed the signals that end the runtime. A mode that somebody else chose in the meantime is left alone.

Power modes are set through the jtop service, in a child process of its own for each change, or where that does not
answer by nvpmodel, as root. Neither is ever forced, and nvpmodel's question for a reboot finds nobody to answer it.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .clock_caps import ClockCaps
from .power_modes import power_modes, refusal

JTOP = (sys.executable, "-m", "edge_runtime.telemetry.jtop_child", "mode")
SET_S = 20.0


class Outcome(NamedTuple):
    """The mode before and after, as read back, and why it is not the one that was wanted."""

    was: str | None
    now: str | None
    problem: str | None = None


# (wanted mode, change only from one of these, or from any where there are none) -> outcome
SetMode = Callable[[str, Sequence[str]], Outcome]


class Guardian:
    """What was changed, and the way back."""

    def __init__(self, set_mode: SetMode, caps: ClockCaps) -> None:
        self._set_mode, self._caps = set_mode, caps
        self._original: str | None = None
        self._now: str | None = None
        self._asked: list[str] = []

    def fulfil(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Bring the board to a wish: its mode first, because a mode brings clock limits of its own."""
        problem = None
        mode = wish.get("power_mode") or self._original
        if mode is not None and mode != self._now:
            self._caps.restore()
            self._asked.append(mode)
            was, now, problem = self._set_mode(mode, ())
            self._original = self._original or was
            self._now = now or was or self._now
        refused = self._caps.set(wish.get("gpu_cap_mhz"), wish.get("cpu_cap_mhz"))
        return {
            "serial": wish["serial"],
            "power_mode": self._now,
            "capped": self._caps.active,
            "problem": problem or refused,
        }

    def restore(self) -> str | None:
        """Set back what was changed; returns what could not be."""
        refused = self._caps.restore()
        # Also a mode that was asked for in vain may have come about since.
        ours = [mode for mode in dict.fromkeys(self._asked) if mode != self._original]
        if self._original is None or not ours:
            return refused
        return self._set_mode(self._original, ours).problem or refused


def set_mode(root: Path, wanted: str, only_from: Sequence[str]) -> Outcome:
    """Through jtop; as root by nvpmodel where jtop is not there or has no answer."""
    outcome, is_final = _by_jtop(wanted, only_from)
    return outcome if is_final or os.geteuid() != 0 else _by_nvpmodel(root, wanted, only_from)


def _by_jtop(wanted: str, only_from: Sequence[str]) -> tuple[Outcome, bool]:
    """Also tells whether the answer is final, or another way may be tried."""
    answer = _ask([*JTOP, wanted, *only_from])
    if "problem" in answer:
        return Outcome(answer.get("was"), answer.get("was"), answer["text"]), answer["problem"] == "refused"
    return _judged(wanted, only_from, answer["was"], answer["mode"]), True


def _by_nvpmodel(root: Path, wanted: str, only_from: Sequence[str]) -> Outcome:
    was = _nvpmodel_now()
    if was is None:
        return Outcome(None, None, "neither jtop nor nvpmodel -q tells the power mode: run edge-run doctor telemetry")
    if only_from and was not in only_from:
        return Outcome(was, was)
    modes = power_modes(root)
    if why_not := refusal(modes, was, wanted):
        return Outcome(was, was, why_not)
    _run("nvpmodel", "-m", str(modes[wanted].number))
    return _judged(wanted, only_from, was, _nvpmodel_now())


def _judged(wanted: str, only_from: Sequence[str], was: str, now: str | None) -> Outcome:
    if now == wanted or (only_from and was not in only_from):
        return Outcome(was, now)
    return Outcome(was, now, f"power mode {wanted} was asked for, {now} is read back")


def _ask(command: list[str]) -> dict[str, Any]:
    """What a child says, its lines taken together. Its stdin stays open: it ends when we do."""
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True)
    assert child.stdout is not None
    answer: dict[str, Any] = {}
    said = b""
    try:
        while not answer.keys() & {"mode", "problem"} and select.select([child.stdout], [], [], SET_S)[0]:
            if not (chunk := os.read(child.stdout.fileno(), 65536)):
                break
            *lines, said = (said + chunk).split(b"\n")
            for line in lines:
                answer.update(json.loads(line))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return answer if "mode" in answer else {"problem": "other", "text": "the jtop client gave no answer", **answer}


def _nvpmodel_now() -> str | None:
    found = re.search(r"NV Power Mode:\s*(\S+)", _run("nvpmodel", "-q"))
    return found[1] if found else None


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SET_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def main(root: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT):  # the last: systemd's watchdog
        signal.signal(number, signal.SIG_IGN)
    guardian = Guardian(partial(set_mode, Path(root)), ClockCaps(Path(root)))
    rest = b""
    try:
        while chunk := os.read(0, 65536):
            *wishes, rest = (rest + chunk).split(b"\n")
            if wishes:
                os.write(1, json.dumps(guardian.fulfil(json.loads(wishes[-1]))).encode() + b"\n")
    except BrokenPipeError:
        pass
    finally:
        guardian.restore()


if __name__ == "__main__":
    main(*sys.argv[1:])
