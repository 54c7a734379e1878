import sys
from pathlib import Path

import pytest

from edge_runtime.config.schema import TelemetryBlock
from edge_runtime.core import SystemClock
from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry import choice, open_telemetry
from tests.jetson_emulator.machine import until


def test_a_jetson_is_measured_by_its_files_beside_jtop(board, monkeypatch):
    monkeypatch.setattr(choice, "has_jtop", lambda: True)
    clock = SystemClock()
    with open_telemetry(TelemetryBlock(), clock, root=board.root) as telemetry:
        assert telemetry.name == "sysfs+jtop"
        assert until(lambda: telemetry.read(clock.now_ns()) is not None)
        assert telemetry.read(clock.now_ns()).power_w == pytest.approx(7.011, abs=1e-3)


def test_a_jetson_without_jetson_stats_is_measured_by_its_files(board, monkeypatch):
    monkeypatch.setattr(choice, "has_jtop", lambda: False)
    with open_telemetry(TelemetryBlock(), SystemClock(), root=board.root) as telemetry:
        assert telemetry.name == "sysfs"


def test_a_machine_with_nothing_better_is_measured_by_its_own_counters(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with open_telemetry(TelemetryBlock(), SystemClock(), root=tmp_path) as telemetry:
        assert telemetry.name == "host"


@pytest.mark.parametrize("source", ["jtop", "sysfs", "nvml"])
def test_a_source_asked_for_by_name_must_be_there(tmp_path, monkeypatch, source):
    monkeypatch.setattr(choice, "has_jtop", lambda: False)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(TelemetryError):
        open_telemetry(TelemetryBlock(source=source), SystemClock(), root=tmp_path)


def test_a_recording_is_played(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"t_ns": 0, "source": "sysfs", "power_w": 21.5}\n')
    with open_telemetry(TelemetryBlock(source="recorded", log=log), SystemClock()) as telemetry:
        assert telemetry.read(123).power_w == 21.5


def test_looking_for_jetson_stats_does_not_import_it():
    choice.has_jtop()
    assert "jtop" not in sys.modules


def test_jetson_stats_is_imported_in_one_file_only():
    package = Path(choice.__file__).parents[1]
    importing = [path.name for path in package.rglob("*.py") if "from jtop import" in path.read_text()]
    assert importing == ["jtop_child.py"]
