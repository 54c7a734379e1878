"""Every row of the table in docs/faults.md names tests that pytest knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
TABLE = CHECKOUT / "docs" / "faults.md"
ON_PURPOSE = "tests/integration/test_faults.py"
COLUMNS = ("fault", "what is seen", "what is kept", "time to recover", "what the operator reads", "test")
# The rows that the table must have, by their first words.
DEMANDED = (
    *("camera lost", "camera frozen", "pictures damaged", "engine raises", "engine hangs", "network returns NaN"),
    *("GPU out of memory", "telemetry dead", "disk full", "disk read-only", "clock set", "process killed"),
    *("power cut while writing", "malformed pipeline on reload", "an optional model", "frames for a day"),
)


def rows() -> dict[str, list[str]]:
    """The cells of each row of the survived faults, by the first."""
    section = TABLE.read_text(encoding="utf-8").partition("## What is survived")[2].partition("\n## ")[0]
    lines = section.splitlines()
    table = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    head, rule, *cells = ([cell.strip() for cell in row] for row in table)
    assert tuple(head) == COLUMNS
    assert set("".join(rule)) == {"-"}
    return {row[0]: row for row in cells}


def named_in(cell: str) -> list[str]:
    """The tests that a last cell names; one without a file is "on purpose"."""
    named = re.findall(r"`([^`]+)`", cell)
    return [name if "::" in name else f"{ON_PURPOSE}::{name}" for name in named]


def test_every_fault_is_in_the_table_with_all_that_is_to_be_said_of_it():
    for name, row in rows().items():
        assert len(row) == len(COLUMNS), name
        assert all(row), f"{name}: an empty cell says nothing"
        assert named_in(row[-1]), f"{name}: names no test"
    for words in DEMANDED:
        assert any(name.startswith(words) for name in rows()), words


def test_every_test_that_the_table_names_is_collected():
    named = sorted({test for row in rows().values() for test in named_in(row[-1])})
    assert len(named) > 30
    # A name without its parameters stands for all of them.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        "addopts=",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        *named,
    ]
    collected = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert collected.returncode == 0, collected.stdout[-3000:] + collected.stderr[-3000:]
    there = {line.partition("[")[0] for line in collected.stdout.splitlines() if "::" in line}
    assert there == set(named)
