from __future__ import annotations

import json

import pytest

from edge_runtime.report.run_files import read_run
from edge_runtime.report.run_panels import panels, point_order
from edge_runtime.report.run_parts import seconds_of_frames
from edge_runtime.report.run_words import verdict
from edge_runtime.report.story import FrameLine, captured_per_second

from .run_folder import SECONDS, write_run


def test_a_whole_run_is_read_with_its_seconds_decisions_and_frames(tmp_path):
    story = read_run(write_run(tmp_path))
    assert story.whole
    assert story.name == "highway"
    assert len(story.moments) == SECONDS
    assert story.moments[5].rails_w == {"gpu": 51.0, "cpu": 10.0}
    assert story.moments[5].temp_c == {"tj": 55.5}
    assert [(one.name, one.begin_s, one.end_s) for one in story.points] == [("full", 0.0, 6.0), ("small", 6.0, 12.0)]
    assert story.points[1].reason == "small: because of second 7"
    assert [(one.name, one.begin_s) for one in story.alarms] == [("hot", 6.0)]
    assert captured_per_second(story.lines) == [(7.0, 2)]


def test_seconds_that_broke_a_budget_are_found_and_joined(tmp_path):
    story = read_run(write_run(tmp_path))
    assert [(one.name, one.begin_s, one.end_s) for one in story.violations()] == [("power_w", 5.0, 7.0)]
    assert story.violations("fps_floor") == []


def test_the_verdict_says_what_was_not_held_and_for_how_long(tmp_path):
    said = verdict(read_run(write_run(tmp_path)))
    assert (said.state, said.sentence) == ("broken", "not held: power in 2 of 12 seconds")


def test_a_killed_run_is_put_together_from_its_logs(tmp_path):
    story = read_run(write_run(tmp_path, whole=False))
    assert not story.whole
    assert len(story.moments) == SECONDS
    assert len(story.lines) == 120
    assert story.frames == {"captured": 122, "published": 120, "not published": 2, "failed": 0}
    assert story.budgets["power_w"].windows == 12
    assert story.budgets["power_w"].held == 10
    assert story.budgets["power_w"].longest_violation_s == 2.0
    assert story.latency_ms["p50"] == 40.0
    assert story.power_w == pytest.approx({"mean": 46.833333, "max": 61.0})
    assert verdict(story).sentence == "not held: power in 2 of 12 seconds, as far as its logs go"
    assert any("never wrote its summary" in gap for gap in story.gaps)


def test_the_password_of_a_camera_is_not_passed_on(tmp_path):
    assert "secret" not in str(read_run(write_run(tmp_path, whole=False)).config)


def test_a_fast_replay_has_no_log_of_seconds_and_gets_them_from_its_frames(tmp_path):
    folder = write_run(tmp_path)
    (folder / "power_fps.csv").unlink()
    (folder / "decisions.jsonl").unlink()
    story = read_run(folder)
    assert [moment.fps for moment in story.moments[1:4]] == pytest.approx([10.0, 10.0, 10.0])
    assert {moment.floor_fps for moment in story.moments} == {8.0}
    assert [panel.title for panel in panels(story)] == ["Frame rate", "Latency", "Frames without a result"]
    assert any("not measured" in gap for gap in story.gaps)


def test_seconds_in_which_nothing_came_out_have_a_rate_of_0_and_one_frame_more_or_less_is_none():
    def line(number, t_s):
        return FrameLine("front", number, number, t_s, 40.0, t_s, "full", None)

    # 15 a second, of which 16 or 14 fall into one when a frame comes a little early; then seconds of nothing
    times = [n / 15 + 0.01 - (0.02 if n in (30, 45) else 0.0) for n in range(60)] + [6.5, 6.6, 7.9]
    moments = seconds_of_frames([line(number, t_s) for number, t_s in enumerate(times)], {2: 15.0})
    assert [moment.t_s for moment in moments] == [1, 2, 3, 4, 5, 6, 7]
    assert [moment.fps for moment in moments[:4]] == pytest.approx([15, 15, 15, 15], rel=0.05)
    assert [moment.fps for moment in moments[4:6]] == [0.0, 0.0]
    assert [moment.floor_fps for moment in moments] == [None, None, 15.0, 15.0, 15.0, 15.0, 15.0]
    assert moments[4].latency_p99_ms is None


def test_an_evaluation_beside_the_run_is_found(tmp_path):
    folder = write_run(tmp_path)
    bands = [{"from_m": 0, "to_m": 20, "recall": 0.9, "count": 4}]
    (folder / "eval.json").write_text(json.dumps({"recall_by_distance": bands}))
    assert read_run(folder).evaluation == {"recall_by_distance": bands}


def test_points_stand_by_what_they_drew_where_the_ladder_is_gone(tmp_path):
    assert point_order(read_run(write_run(tmp_path))) == ["full", "small"]
