"""What a shell offers, asked as bash asks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def offered(line: str, folder) -> list[str]:
    words = line.split(" ")
    environment = {
        **os.environ, "_EDGE_RUN_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
    }  # fmt: skip
    code = "from edge_runtime.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    return [entry.partition(",")[2] for entry in done.stdout.splitlines() if entry.startswith("plain,")]


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("edge-run d", {"doctor", "demo"}),
        ("edge-run run dem", {"demo"}),
        ("edge-run demo --str", {"--strict"}),
        ("edge-run doctor t", {"telemetry"}),
        ("edge-run simulate demo --plant th", {"thor"}),
        ("edge-run demo --pace l", {"live"}),
        ("edge-run run demo --set models.road.de", {"models.road.decode.confidence=", "models.road.decode.family="}),
        ("edge-run demo --set stages.far.regions.m", {"stages.far.regions.max="}),
        ("edge-run demo --set governor.l", {"governor.ladder="}),
        ("edge-run bench --set budgets.", {"budgets.latency_ms=", "budgets.power_w="}),
    ],
)
def test_verbs_names_options_and_keys_are_offered(line, among, tmp_path):
    found = offered(line, tmp_path)
    assert among <= set(found)
    assert all(entry.startswith(line.split(" ")[-1]) for entry in found)


def test_nothing_is_offered_for_a_value(tmp_path):
    assert offered("edge-run demo --set source.seed=", tmp_path) == []
