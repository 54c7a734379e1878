import io
from pathlib import Path

import pytest
from rich.console import Console

from edge_runtime.core.quantiles import Quantiles
from edge_runtime.governor.deadline import DeadlineCounts
from edge_runtime.pipeline.accounts import FrameCounts, Snapshot
from edge_runtime.pipeline.alarms import Alarm
from edge_runtime.pipeline.budgets import BudgetAccount
from edge_runtime.pipeline.cameras import CameraVitals
from edge_runtime.pipeline.outages import CameraAccount
from edge_runtime.pipeline.steered import SteeringAccount, SteeringState
from edge_runtime.pipeline.summary import CameraSummary, RunSummary, SinkAccount, Spread
from edge_runtime.report.terminal import clock_text, status_line, status_panel, summary_panel


def camera(outages):
    return CameraSummary(FrameCounts(9, 9), 30.0, Spread(9.0, 10.0, 11.0), outages)


SNAPSHOT = Snapshot(
    FrameCounts(108, 100, 7, 0, 1), 4.3, 24.96, 12.2, 14.8, {"source": 1.1, "objects": 10.0, "objects.decode": 0.4}
)


def rendered(thing, width=100):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(thing)
    return console.file.getvalue()


def summary(**changes):
    values = {
        "name": "highway",
        "folder": Path("runs/x"),
        "frames": FrameCounts(221, 221),
        "seconds": 8.8,
        "fps": 25.0,
        "latency_ms": Spread(10.0, 12.0, 15.0),
        "stage_ms": {"objects": Spread(8.0, 9.0, 10.0)},
        "budgets": {"fps_floor": BudgetAccount(15.0, 8, 8, 0.0)},
        "sinks": {},
        "warnings": (),
        "failures": {},
        "error": None,
        "backends": {},
        "versions": {},
        "config": {},
        "power_w": None,
        "regions_shed": {},
    }
    return RunSummary(**{**values, **changes})


HELD = SteeringState(31.25, 40.0, "medium-r2", "power", None)
BLIND = SteeringState(None, 40.0, "nano", "telemetry", "telemetry is stale: the last reading is 1.2 s old")


def test_a_governed_run_shows_its_point_its_power_and_its_alarm():
    assert status_line(SNAPSHOT, HELD).endswith("failed=1 point=medium-r2 power_w=31.2")
    assert status_line(SNAPSHOT, BLIND).endswith('point=nano alarm="telemetry is stale: the last reading is 1.2 s old"')
    panel = rendered(status_panel("highway", SNAPSHOT, 221, steering=HELD))
    assert "point medium-r2    power 31.2 of 40 W    kept there by power" in panel
    assert "ALARM telemetry is stale: the last reading" in rendered(status_panel("x", SNAPSHOT, 221, steering=BLIND))


def test_the_summary_tells_what_the_governor_did():
    alarm = Alarm("no telemetry", 2, 3.25, 12.0)
    points = {f"p{n}": 10.0 - n for n in range(8)}
    text = rendered(summary_panel(summary(governor=SteeringAccount(7, points, (alarm,)))))
    assert "governor: 7 changes of the point; p0 10 s, p1 9 s" in text
    assert "and 2 more" in text
    assert "alarm at 12 s, 2 times, 3.2 s in all: no telemetry" in text


def test_the_log_line_can_be_searched_by_key():
    assert status_line(SNAPSHOT) == (
        "00:04 fps=25.0 latency_p50_ms=12.2 latency_p99_ms=14.8 captured=108 published=100 overwritten=7 failed=1"
    )


def test_nothing_measured_yet_is_a_dash_and_not_a_zero():
    empty = Snapshot(FrameCounts(), 0.0, None, None, None, {})
    assert "fps=–" in status_line(empty)
    assert "– fps" in rendered(status_panel("highway", empty, 10))


@pytest.mark.parametrize("width", [40, 76, 200])
def test_the_live_panel_fits_any_terminal(width):
    text = rendered(status_panel("highway", SNAPSHOT, 221, ["sink video ended: the disk is full" * 5]), width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_the_live_panel_shows_progress_and_notices():
    text = rendered(status_panel("highway", SNAPSHOT, 221, ["sink video ended: the disk is full"]))
    assert "108 of 221 frames" in text
    assert "the disk is full" in text
    assert "network" in text


def test_the_summary_names_what_was_not_held_and_what_ended():
    text = rendered(
        summary_panel(
            summary(
                budgets={"latency_ms": BudgetAccount(100.0, 8, 5, 2.0)},
                sinks={"jsonl a": SinkAccount(3, 218, "No space left on device")},
                error="the camera is gone",
            )
        )
    )
    assert "held in 5 of 8 seconds, longest violation 2 s" in text
    assert "218 dropped; ended: No space left on device" in text
    assert "the run ended early: the camera is gone" in text


def test_a_run_too_short_to_judge_says_so_instead_of_zero_of_zero():
    text = rendered(summary_panel(summary(budgets={"fps_floor": BudgetAccount(15.0, 0, 0, 0.0)})))
    assert "not judged, the run was shorter than a second" in text


def test_times_of_an_hour_and_more_show_hours():
    assert clock_text(59.9) == "00:59"
    assert clock_text(4325) == "1:12:05"


def test_regions_that_were_shed_and_the_power_drawn_are_said():
    shed = {"far": DeadlineCounts(planned=40, shed=7, protected_shed=0, frames=5)}
    text = rendered(summary_panel(summary(regions_shed=shed, power_w={"mean": 31.25, "max": 44.0})))
    assert "7 of 40 regions shed in 5 frames" in text
    assert "power 31.2 W, 44.0 W at most" in text


def test_a_power_budget_that_nobody_measured_was_not_held():
    unmeasured = summary(budgets={"power_w": BudgetAccount(30.0, 0, 0, 0.0)})
    assert not unmeasured.budgets_held
    assert "not judged, it was not measured" in rendered(summary_panel(unmeasured))


def test_a_camera_that_is_away_is_an_alarm_and_in_the_end_a_sum():
    alarm = "no picture from front for 12 s: rtsp://cam/1: no stream there"
    assert status_line(SNAPSHOT, no_picture=alarm).endswith(f'camera="{alarm}"')
    assert "ALARM no picture from front for 12 s" in rendered(status_panel("x", SNAPSHOT, None, no_picture=alarm))
    told = rendered(summary_panel(summary(cameras={"front": camera(CameraAccount(2, 12.04, 13.0))})))
    assert "camera front was away 2 times, 12.0 s at the longest" in told
    assert "away" not in rendered(summary_panel(summary(cameras={"front": camera(CameraAccount(0, 0.0, 0.0))})))


NOW = {
    "front": CameraVitals(FrameCounts(120, 118, 2), 29.97, Quantiles(), CameraAccount(0, 0.0, 0.0), None, 14.21),
    "left": CameraVitals(
        FrameCounts(80, 74, 6),
        None,
        Quantiles(),
        CameraAccount(1, 0.0, 0.0),
        "no picture from left for 12 s: rtsp://cam/2: no stream there",
        None,
        12.2,
    ),
    "rear_wide_angle": CameraVitals(
        FrameCounts(9, 9), None, Quantiles(), CameraAccount(0, 0.0, 0.0), "camera rear_wide_angle ended: given up"
    ),
}
SEVERAL = [alarm for each in NOW.values() if (alarm := each.no_picture)]


def test_the_log_line_has_the_figures_of_each_of_several_cameras():
    line = status_line(SNAPSHOT, no_picture="; ".join(SEVERAL), cameras=NOW)
    assert " front.fps=30.0 front.p99_ms=14.2 front.lost=2 left.fps=– left.p99_ms=– left.lost=6 left.away_s=12 " in line
    assert " rear_wide_angle.lost=0 rear_wide_angle.ended=yes camera=" in line
    assert "front" not in status_line(SNAPSHOT, cameras={"front": NOW["front"]}), "of one everything is said already"


@pytest.mark.parametrize("width", [40, 76])
def test_the_panel_has_a_row_for_each_of_several_cameras_on_any_terminal(width):
    text = rendered(status_panel("surround", SNAPSHOT, None, no_picture="; ".join(SEVERAL), cameras=NOW), width)
    rows = {line.split()[1]: line.split()[2:-1] for line in text.splitlines() if "│" in line and len(line.split()) > 2}
    assert rows["camera"] == ["fps", "p99", "ms", "lost", "away"]
    assert rows["front"] == ["30.0", "14.2", "2"]
    assert rows["left"] == ["–", "–", "6", "12", "s"]
    assert next(line for line in text.splitlines() if "rear" in line and "ALARM" not in line).split()[-2] == "ended"
    assert text.count("ALARM") == 2, "each camera that is away is an alarm of its own"
    assert max(len(line) for line in text.splitlines()) <= width
    alone = rendered(status_panel("surround", SNAPSHOT, None, cameras={"front": NOW["front"]}), width)
    assert "p99 ms" not in alone


@pytest.mark.parametrize("width", [40, 76])
def test_the_summary_has_a_row_for_each_of_several_cameras(width):
    well, away = CameraAccount(0, 0.0, 0.0), CameraAccount(2, 12.04, 13.0)
    text = rendered(summary_panel(summary(cameras={"front": camera(well), "left": camera(away)})), width)
    rows = [line.split()[1:-1] for line in text.splitlines()]
    assert ["camera", "fps", "p99", "ms", "frames", "lost"] in rows
    assert ["front", "30.0", "11.0", "9", "0"] in rows
    assert "frames" not in rendered(summary_panel(summary(cameras={"front": camera(well)})), width)


def test_of_many_things_worth_knowing_the_newest_are_shown():
    text = rendered(status_panel("x", SNAPSHOT, None, [f"thing {n}" for n in range(20)]))
    assert "12 more before" in text
    assert "! thing 19" in text
    assert "thing 11" not in text
