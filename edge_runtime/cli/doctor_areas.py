"""What `edge-run doctor` looks at, area by area and all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from edge_runtime.core import Clock, SystemClock
from edge_runtime.core.check import Check
from edge_runtime.core.machine import Machine
from edge_runtime.telemetry.diagnosis import BRIEF, diagnose

Look = Callable[[], Iterable[Check]]
PATIENCE_S = 10.0


def telemetry_checks() -> list[Check]:
    """The sensors alone, looked at for longer."""
    return diagnose(SystemClock())


def looks(target: str | None, overrides: tuple[str, ...]) -> dict[str, Look]:
    """What is looked at on this machine, by the title of its area."""
    machine, clock = Machine(), SystemClock()
    found: dict[str, Look] = {
        "Board": partial(_board, machine),
        "GPU and networks": partial(_networks, machine),
        "Cameras": partial(_cameras, machine),
        "Telemetry": partial(_telemetry, machine, clock),
        "Service": partial(_service, machine),
        "Disk": _disk,
    }
    if target is not None:
        found["Pipeline"] = partial(_pipeline, Path(target), overrides, machine, clock)
    return found


# Each of these imports its own subject, so that what is broken in one leaves the others standing.


def _board(machine: Machine) -> Iterable[Check]:
    from edge_runtime.telemetry.board import board_checks

    return board_checks(machine)


def _networks(machine: Machine) -> Iterable[Check]:
    from edge_runtime.cuda.diagnosis import gpu_check
    from edge_runtime.engines.diagnosis import runtime_checks

    check, gpu = gpu_check(machine)
    return [check, *runtime_checks(machine, gpu.compute_capability if gpu else None, is_wanted=check.state == "error")]


def _cameras(machine: Machine) -> Iterable[Check]:
    from edge_runtime.sources.diagnosis import camera_checks, opencv_check

    return [opencv_check(machine), *camera_checks(machine)]


def _telemetry(machine: Machine, clock: Clock) -> Iterable[Check]:
    """Without rails that are well, and without what stands under another title."""
    checks = diagnose(clock, machine.root, patience=BRIEF)
    return [
        check
        for check in checks
        if check.state != "ok" or not (check.name == "power mode" or check.name.startswith("rail "))
    ]


def _service(machine: Machine) -> Iterable[Check]:
    from edge_runtime.service.diagnosis import Person, groups_check, systemd_check

    return [systemd_check(machine), groups_check(machine, Person.here())]


def _disk() -> Iterable[Check]:
    from edge_runtime.pipeline.gpu import DEFAULT_FOLDER
    from edge_runtime.service.diagnosis import disk_checks

    return disk_checks(Path("runs"), DEFAULT_FOLDER.expanduser())


def _pipeline(path: Path, overrides: tuple[str, ...], machine: Machine, clock: Clock) -> Iterable[Check]:
    from edge_runtime.pipeline.diagnosis import pipeline_checks

    return pipeline_checks(path, overrides, machine, clock)


def looked_at(areas: Mapping[str, Look], clock: Clock, patience_s: float = PATIENCE_S) -> dict[str, list[Check]]:
    """Look at all areas at once; one that hangs or breaks is an error of its own and holds nothing up."""
    answers: dict[str, SimpleQueue[list[Check]]] = {title: SimpleQueue() for title in areas}
    for title, look in areas.items():
        Thread(target=_look, args=(look, answers[title]), name=f"doctor {title}", daemon=True).start()
    found: dict[str, list[Check]] = {}
    end_ns = clock.now_ns() + round(patience_s * 1e9)
    for title, answer in answers.items():
        try:
            found[title] = answer.get(timeout=max(0.0, (end_ns - clock.now_ns()) / 1e9))
        except Empty:
            found[title] = [Check("no answer", "error", f"nothing within {patience_s:g} s", "sudo dmesg | tail -n 30")]
    return found


def _look(look: Look, answer: SimpleQueue[list[Check]]) -> None:
    try:
        answer.put(list(look()))
    except Exception as error:  # a broken installation breaks in any way; the other areas are still worth seeing
        text = f"looking failed: {type(error).__name__}: {error}"
        answer.put([Check("broken", "error", " ".join(text.split()))])
