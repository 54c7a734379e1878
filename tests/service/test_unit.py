"""The drop-in: what an installation knows of its machine, and no more rights than the pipeline needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.service import places
from edge_runtime.service.unit import Facts, drop_in_text, existing
from tests.service.machine import CHECKOUT

FACTS = Facts(Path("/opt/edge runtime/bin/python"), "edge-runtime", ("video", "jtop"), ("/dev/nvmap",))
LADDER = """\
board: test
idle_w: 5.0
points:
  - {name: all, knobs: KNOBS, fps: 30, latency_ms: {p50: 9, p99: 12}, busy_ms: {gpu: 9, host: 2}, watts: 9,
     usefulness: 1}
"""


def drop_in(*overrides: str) -> list[str]:
    return drop_in_text("demo", FACTS, load_pipeline(CHECKOUT / "pipelines/demo.yaml", overrides)).splitlines()


def test_it_runs_this_interpreter_as_the_user_in_the_groups_there_are():
    lines = drop_in()
    assert 'ExecStart="/opt/edge runtime/bin/python" -m edge_runtime service run demo' in lines
    assert 'ExecReload="/opt/edge runtime/bin/python" -m edge_runtime.service.swap demo' in lines
    assert lines.index("ExecStart=") < lines.index(next(line for line in lines if line.startswith('ExecStart="')))
    assert {"User=edge-runtime", "SupplementaryGroups=video jtop", "DeviceAllow=/dev/nvmap rw"} <= set(lines)


def test_groups_that_the_machine_lacks_are_left_out():
    assert existing(("video", "render", "jtop"), ["root", "jtop", "video"]) == ("video", "jtop")


@pytest.mark.parametrize(
    ("device", "waits"), [("rtsp://camera/stream", True), ("/dev/video0", False), ("videotestsrc ! appsink", False)]
)
def test_the_network_is_waited_for_only_where_a_camera_is_on_it(device, waits):
    lines = drop_in(f"source={{kind: camera, device: '{device}'}}")
    assert ("After=network-online.target" in lines) == waits


@pytest.mark.parametrize(
    ("control", "knobs", "capable"),
    [(True, "{gpu_cap_mhz: 900}", True), (True, "{}", False), (False, "{gpu_cap_mhz: 900}", False)],
)
def test_a_capability_is_given_only_where_clocks_are_to_be_capped(tmp_path, control, knobs, capable):
    (tmp_path / "ladder.yaml").write_text(LADDER.replace("KNOBS", knobs))
    lines = drop_in(f"governor.ladder={tmp_path}/ladder.yaml", f"board.control={str(control).lower()}")
    assert ("AmbientCapabilities=CAP_DAC_OVERRIDE" in lines) == capable


def test_the_unit_that_ships_lies_in_configs():
    assert places.template_text() == (CHECKOUT / "configs" / places.TEMPLATE).read_text()
