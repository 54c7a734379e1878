"""How each command of the pages is tried: shortened, or, where it cannot run here, only read."""

from __future__ import annotations

import re

# What names one of these needs the material beside the checkout.
MATERIAL = (
    r"yolox_nano|detector\.onnx|adas|twinlitenet|mine\.yaml|runs/mine|far\.yaml|new\.yaml|drive\.mp4|steered|udacity"
)

PROFILE = ["--seconds", "0.2", "--repeats", "1", "--frames", "10", "--max-points", "2"]
# The first pattern that is found says what is put behind the command, so that it takes seconds.
SHORTER = [
    (r"^edge-run demo_governed", ["--seconds", "4"]),
    (r"^edge-run (pipelines/)?demo", ["--frames", "8", "--pace", "fast", "--set", "source.fps=5"]),
    (r"^edge-run (run )?(mine\.yaml|highway_video)", ["--seconds", "3"]),
    # At 2 pictures a second what is found is still there when it is found, also on a slow machine.
    (r"^edge-run profile pipelines/demo", [*PROFILE, "--set", "source.fps=2"]),
    (r"^edge-run profile", PROFILE),
    (r"^edge-run bench", ["--repeats", "1", "--seconds", "0.3", "--frames", "20"]),
    (r"^edge-run eval", ["--frames", "12"]),
    (r"^edge-run replay .*--jobs", ["--jobs", "2"]),
]

# Why the commands in which the pattern is found cannot run here. They are read all the same: see `test_commands.py`.
NOT_HERE = [
    (
        r"^sudo(edit)? ",
        "root, systemd or a package manager: tests/integration/test_service_systemd.py installs services",
    ),
    (r"^edge-run service ", "a service that runs: tests/integration/test_service_systemd.py"),
    (
        r"^(pip3?|git|source|ruff|echo|cc|bash|scripts/(?!demo)\S+)\b",
        "installs, compiles, or runs the tests: those of CI, and tests/integration/test_wheel.py",
    ),
    (r"^python scripts/", "minutes, or a GPU; each has a test of its own or is a measurement"),
    (r"^python -m pytest tests/gpu", "a GPU"),
    (r"backend=tensorrt", "TensorRT and a GPU"),
    (r"\.engine\b", "an engine, which is built on a GPU"),
    (r"^edge-run model inspect", "minutes: tests/cli/test_model_inspect.py builds with TensorRT-RTX"),
    (r"^edge-run model quantize", "half a minute: tests/cli/test_model.py does so"),
    (r"--cluster|s3://", "a cluster: tests/integration/test_many_drives.py starts one"),
]

# Commands whose output is that of another machine: they run, and only that is looked at.
ELSEWHERE = [
    (r"^edge-run (doctor|build) pipelines/demo\.yaml", "a Jetson's: tests/cli/test_doctor_orin.py emulates one"),
    (r"^edge-run report runs/motorway", "the verdict of a drive that is over"),
]

# Python that waits for messages for ever: `tests/test_outputs_guide.py` lets it receive some.
WAITING = ("outputs.md",)

# What does not end with 0, as its page says.
CODES = [(r"^edge-run mistaken\.yaml", 2), (r"--against \S+ .*--html changed\.html", 3)]


def first(command: str, table: list[tuple[str, object]]) -> object | None:
    return next((value for pattern, value in table if re.search(pattern, command)), None)
