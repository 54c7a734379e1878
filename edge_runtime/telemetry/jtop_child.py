"""The one file that imports jetson-stats: a process of its own that says in JSON lines what its client sees.

    python -m edge_runtime.telemetry.jtop_child watch INTERVAL_S      one line a sample, until stdin ends
    python -m edge_runtime.telemetry.jtop_child mode NAME [FROM ...]
        ask for a power mode and wait until it is read back; with FROM, only if one of those is the mode now

The client (AGPL-3.0, an optional extra, versions 4.2 to 7) may hang in `start()`, cannot reconnect while an older one
lives in its process, and changes how `multiprocessing` starts processes. So it is kept out of the runtime: whoever
starts this process reads its lines, and kills it with its whole process group when they no longer come.

Lines: {"uptime_s", "age_s", "rails_mw", "total_mw", "total_rail", "temp_c", "gpu_pct", "gpu_mhz", "cpu_pct", "mode"},
{"was", "mode"} or {"problem", "text"}. It reads no clock: the service stamps samples with /proc/uptime, and the
difference to a second reading of that file is a sample's age.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from .power_modes import PowerMode, power_modes, refusal

# Words of the client's exceptions, which have no types of their own.
PROBLEMS = {
    "not active": "service_down",
    "can't access": "no_permission",
    "Mismatch version": "version_mismatch",
    "Mismatch of Python": "version_mismatch",
    "Authentication": "version_mismatch",
    "Lost connection": "connection_lost",
    "Error connection": "connection_lost",
}
READ_BACK_S = 8.0
READ_BACK_STEP_S = 0.1
OFFLINE_C = -256


def main(arguments: list[str]) -> int:
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        from jtop import jtop
    except ImportError as error:
        return _say(problem="not_installed", text=str(error))
    try:
        if arguments[0] == "watch":
            return _watch(jtop(interval=float(arguments[1])))
        return _set_mode(jtop(interval=0.5), *arguments[1:])
    except EOFError:
        return _say(problem="sampler_dead", text="the service gives no data")
    except Exception as error:  # whatever the client raises, its text is all there is to go by
        kinds = [kind for words, kind in PROBLEMS.items() if words in str(error)]
        text = str(error).partition("Please run")[0] or type(error).__name__
        return _say(problem=kinds[0] if kinds else "other", text=text)


def _watch(client: Any) -> int:
    client.attach(lambda seen: _say(**_record(seen)))
    client.start()
    while client.is_alive():
        client.join(1.0)
    client.ok(spin=True)  # raises what ended the client's thread
    return _say(problem="connection_lost", text="the client ended")


def _set_mode(client: Any, wanted: str, *only_from: str) -> int:
    client.start()
    if client.nvpmodel is None:
        return _say(problem="refused", text="this board has no nvpmodel")
    was = str(client.nvpmodel.name)
    if only_from and was not in only_from:
        return _say(was=was, mode=was)
    if why_not := _refusal([str(name) for name in client.nvpmodel.models], was, wanted):
        return _say(problem="refused", text=why_not, was=was)
    # Never with force: that reboots the board. And no setter confirms, so only what is read back counts.
    _say(was=was)
    if was != wanted:
        client.nvpmodel.set_nvpmodel_name(wanted)
    pause = threading.Event()
    for _ in range(round(READ_BACK_S / READ_BACK_STEP_S)):
        if str(client.nvpmodel.name) == wanted or not client.is_alive():
            break
        pause.wait(READ_BACK_STEP_S)
    return _say(was=was, mode=str(client.nvpmodel.name))


def _refusal(models: list[str], was: str, wanted: str) -> str | None:
    modes = power_modes() or {name: PowerMode(number, name) for number, name in enumerate(models)}
    if wanted in models and wanted in modes and modes[wanted].number != models.index(wanted):
        # The client sends a mode's place in its list as its number; where they differ it would set another mode.
        return f"the numbers in /etc/nvpmodel.conf are not 0, 1, 2, ...: jtop would not set {wanted}"
    return refusal(modes, was, wanted)


def _record(client: Any) -> dict[str, Any]:
    stamp = client.uptime
    uptime_s = float(stamp.total_seconds() if hasattr(stamp, "total_seconds") else stamp)
    with open("/proc/uptime") as uptime:
        age_s = float(uptime.read().split()[0]) - uptime_s
    power = client.power or {}
    total = power.get("tot") or {}
    gpu: dict[str, Any] = next(iter((client.gpu or {}).values()), {})
    status, clock = gpu.get("status") or {}, gpu.get("freq") or {}
    cpu = (client.cpu or {}).get("total") or {}
    zones = (client.temperature or {}).items()
    rails = (power.get("rail") or {}).items()
    return {
        "uptime_s": uptime_s,
        "age_s": max(0.0, age_s),
        "rails_mw": {name: rail["power"] for name, rail in rails if rail.get("online", True)},
        "total_mw": total.get("power"),
        "total_rail": total.get("name"),
        "temp_c": {
            name.lower(): zone["temp"] for name, zone in zones if zone.get("online", True) and zone["temp"] > OFFLINE_C
        },
        "gpu_pct": status.get("load"),
        "gpu_mhz": clock["cur"] / 1e3 if "cur" in clock else None,
        "cpu_pct": 100 - cpu["idle"] if any(cpu.values()) else None,
        "mode": None if client.nvpmodel is None else str(client.nvpmodel.name),
    }


def _say(**line: Any) -> int:
    try:
        os.write(1, json.dumps(line).encode() + b"\n")
    except BrokenPipeError:
        _end_group()
    return 1 if "problem" in line else 0


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    _end_group()


def _end_group() -> None:
    """The client's helper processes do not end by themselves."""
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    os._exit(code)  # the client's threads and helpers would hold an ordinary exit up
