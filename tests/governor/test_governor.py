import math
from dataclasses import replace

import pytest

from edge_runtime.config.ladder import Ladder
from edge_runtime.config.schema import Budgets, FpsFloor, GovernorBlock
from edge_runtime.core import Decision
from edge_runtime.governor import Governor, safe_rung

from .board import LADDER, NS, PERIOD_NS, Board, rung

POWER = Budgets(power_w=30.0, fps_floor=25.0, latency_ms=100.0)


def names(decisions: list[Decision]) -> list[str]:
    return [decision.point.name for decision in decisions]


def changes(decisions: list[Decision]) -> int:
    return sum(one != other for one, other in zip(names(decisions), names(decisions)[1:], strict=False))


def test_it_runs_the_most_useful_point_whose_power_fits_and_says_what_keeps_the_next_one_away():
    board = Board(POWER)
    last = board.run(10)[-1]
    assert last.point.name == "medium"
    assert last.point.regions == 2
    assert last.binding == "power"
    assert last.feasible
    assert last.alarm is None
    assert "large is more useful" in last.reason
    assert "of 30 W" in last.reason


def test_with_room_for_everything_nothing_binds():
    board = Board(Budgets(power_w=80.0, fps_floor=15.0))
    last = board.run(10)[-1]
    assert (last.point.name, last.binding) == ("large", None)


def test_without_any_budget_it_needs_no_telemetry():
    board = Board(Budgets())
    for _ in range(20):
        last = board.step(None)
    assert last.point.name == "large"
    assert last.alarm is None


def test_another_consumer_on_the_supply_makes_it_step_down_within_a_second_and_up_again_later():
    board = Board(POWER)
    board.run(10)
    board.extra_w = 8.0
    assert names(board.run(1))[-1] == "small"
    board.extra_w = 0.0
    up = names(board.run(60))
    assert up[-1] == "medium"
    assert up.index("medium") >= 5  # careful up: not before a second has passed


def test_a_board_that_draws_more_than_the_ladder_says_is_learned():
    board = Board(POWER)
    board.extra_w = 5.0  # all the time: idle is not what the ladder says
    decisions = board.run(40)
    assert names(decisions[-100:]) == ["small"] * 100
    assert changes(decisions[-150:]) == 0


def test_a_slower_board_is_given_a_lighter_point_at_once_when_the_frame_rate_would_not_hold():
    board = Board(Budgets(fps_floor=25.0, power_w=90.0))
    board.run(10)
    assert board.point == "large"
    board.slow = 1.8
    assert names(board.run(0.6))[-1] == "medium"


def test_the_latency_bound_rules_points_out():
    board = Board(Budgets(latency_ms=18.0, power_w=90.0))
    last = board.run(10)[-1]
    assert (last.point.name, last.binding) == ("small", "latency")


def test_the_floor_follows_the_speed():
    budgets = Budgets(fps_floor=FpsFloor(city=15.0, highway=30.0, highway_above_kmh=80.0), power_w=90.0)
    board = Board(budgets)
    board.slow = 1.15
    board.speed_mps = 10.0
    assert board.run(10)[-1].point.name == "large"  # 29 frames a second are enough in town
    board.speed_mps = 30.0
    assert board.step().point.name == "medium"


def test_metres_per_frame_demand_a_rate_that_grows_with_the_speed():
    board = Board(Budgets(max_metres_per_frame=1.35, power_w=90.0))
    board.slow = 1.15
    board.speed_mps = 20.0
    assert board.run(10)[-1].point.name == "large"
    board.speed_mps = 40.0
    assert board.step().point.name == "medium"


def test_a_warming_board_steps_down_before_the_limit_and_stays_below_it():
    board = Board(Budgets(thermal_c=70.0), heat_j_per_c=60.0)
    ambient_c, r_c_per_w, hottest = 30.0, 1.4, 0.0
    for _ in range(5 * 600):
        board.temp_c += 0.2 / 60.0 * (board.power_w() - (board.temp_c - ambient_c) / r_c_per_w)
        hottest = max(hottest, board.temp_c)
        board.step()
    assert 66.0 < hottest < 70.0
    assert board.point == "medium"  # large would end at 79 °C, medium at 66


def test_when_nothing_holds_every_budget_the_order_decides_and_an_alarm_says_so():
    impossible = Budgets(power_w=15.0, fps_floor=30.0)
    board = Board(impossible)
    board.slow = 6.0  # nano does 33 fps, and draws more than 13 W
    board.extra_w = 6.0
    last = board.run(5)[-1]
    assert (last.point.name, last.feasible, last.binding) == ("nano", False, "power")
    assert last.alarm is not None
    assert "power" in last.alarm


def test_the_order_of_the_file_decides_between_budgets():
    budgets = Budgets(power_w=16.0, latency_ms=11.0)
    by_power = Board(budgets)
    by_power.extra_w = 2.0
    assert by_power.run(5)[-1].point.name == "nano"
    useful_first = Board(budgets, order=["usefulness"])
    assert useful_first.run(5)[-1].point.name == "large"


def test_no_budget_is_given_up_for_the_sake_of_a_margin():
    board = Board(Budgets(power_w=18.05, fps_floor=25.0))  # small draws 18.0 W
    last = board.run(20)[-1]
    assert last.feasible
    assert last.point.name in ("small", "nano")


def test_a_little_usefulness_is_given_for_much_power_and_not_for_little():
    budgets = Budgets(power_w=90.0)
    assert Board(budgets).run(10)[-1].point.name == "large"
    board = Board(budgets, economy=0.15)
    assert board.run(10)[-1].point.name == "large"  # medium: 12 % less useful for a quarter of the power
    near = rung("near", 20.0, 12.0, 0.83)
    frugal = Board(budgets, ladder=Ladder(board="test", idle_w=10.0, points=(*LADDER.points, near)), economy=0.15)
    assert frugal.run(10)[-1].point.name == "near"  # 2 % less useful for more than a third


def test_a_point_on_the_edge_is_not_tried_again_and_again():
    board = Board(POWER)
    board.run(10)
    changed = []
    for second in range(240):
        board.extra_w = 2.2 if second % 9 < 5 else -1.0  # medium fits only now and then
        changed += board.run(1)
    assert max(changes(changed[start : start + 300]) for start in range(0, 900, 50)) <= 6


@pytest.mark.parametrize("settings", [{}, {"safe_point": "small"}])
def test_the_first_decision_without_a_reading_is_the_safe_point(settings):
    decision = Board(POWER, **settings).step(None)
    assert decision.point.name == settings.get("safe_point", "nano")
    assert (decision.binding, decision.alarm) == ("telemetry", "no telemetry")


def test_the_safe_point_is_the_cheapest_that_holds_the_highest_floor():
    assert safe_rung(LADDER, Budgets(fps_floor=250.0), None).name == "nano"
    capped = LADDER.points[0].model_copy(update={"knobs": LADDER.points[0].knobs.model_copy(update={"fps_cap": 15.0})})
    ladder = Ladder(board="test", idle_w=10.0, points=(capped, *LADDER.points[1:]))
    floor = Budgets(fps_floor=FpsFloor(city=15.0, highway=30.0))
    assert safe_rung(ladder, floor, None).name == "small"


FAULTS = {
    "negative": {"power_w": -5.0},
    "zero": {"power_w": 0.0},
    "not a number": {"power_w": math.nan},
    "ten times more": {"power_w": 300.0},
    "ten times less": {"power_w": 2.0},
    "no power": {"power_w": None},
    "no temperature": {"temp_c": {}},
    "a zone that is off": {"temp_c": {"tj": -256.0}},
    "temperature not a number": {"temp_c": {"tj": math.nan}},
    "over-current": {"throttle_events": {"oc3": 2}},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_impossible_reading_leads_to_the_safe_point_at_once(fault):
    board = Board(Budgets(power_w=30.0, thermal_c=90.0))
    board.run(10)
    assert board.point == "medium"
    decision = board.step(replace(board.sample(), t_ns=board.t_ns + PERIOD_NS, **fault))
    assert decision.point.name == "nano"
    assert decision.binding == "telemetry"
    assert decision.alarm


def test_a_rise_beyond_belief_that_lasts_is_believed_and_a_fall_is_not():
    board = Board(POWER)
    board.run(10)
    board.extra_w = 600.0
    high = board.run(10)
    assert {decision.binding for decision in high[:20]} == {"telemetry"}
    assert high[-1].alarm.startswith("no point holds every budget")
    board.extra_w = -10.0 - 2.9
    low = board.run(30)
    assert {decision.binding for decision in low} == {"telemetry"}


def test_a_reading_that_grows_old_leads_to_the_safe_point():
    board = Board(POWER)
    board.run(10)
    old = board.sample()
    decisions = [board.step(old) for _ in range(10)]
    assert names(decisions)[3] == "medium"
    assert names(decisions)[-1] == "nano"
    assert "stale" in (decisions[-1].alarm or "")


def test_a_reading_that_never_changes_leads_to_the_safe_point_within_two_seconds():
    board = Board(POWER)
    board.run(10)
    frozen = board.sample()
    decisions = [board.step(replace(frozen, t_ns=board.t_ns + PERIOD_NS)) for _ in range(10)]
    assert names(decisions)[-1] == "nano"
    assert "frozen" in (decisions[-1].alarm or "")


def test_without_telemetry_the_cheapest_point_that_holds_the_floor_of_the_moment_runs():
    slow_but_cheap = rung("town", 50.0, 2.0, 0.3)
    ladder = Ladder(board="test", idle_w=10.0, points=(slow_but_cheap, *LADDER.points))
    board = Board(Budgets(power_w=30.0, fps_floor=FpsFloor(city=15.0, highway=30.0)), ladder=ladder)
    board.speed_mps = 10.0
    board.run(10)
    assert board.step(None).point.name == "town"
    board.speed_mps = 30.0
    assert board.step(None).point.name == "nano"


def test_telemetry_that_comes_back_is_trusted_again_after_a_while():
    board = Board(POWER)
    board.run(10)
    for _ in range(5):
        board.step(None)
    assert board.point == "nano"
    back = board.run(20)
    assert names(back)[3] == "nano"
    assert names(back)[-1] == "medium"


def test_normal_over_current_bursts_can_be_allowed_for():
    board = Board(Budgets(power_w=30.0), over_current_per_s=10.0)
    for _ in range(100):
        board.events += 1
        board.step()
    assert board.point == "medium"


def test_a_recording_replays_to_identical_decisions():
    board = Board(POWER)
    decisions = []
    for second in range(60):
        board.extra_w, board.slow = (second % 20) * 0.5, 1.0 + (second % 13) / 20
        decisions += board.run(1)
    again = Governor(LADDER, POWER, GovernorBlock.model_validate({"ladder": "test.yaml", "economy": 0.0}))
    assert [again.decide(*recorded) for recorded in board.inputs] == decisions


def test_decisions_carry_the_time_of_the_statistics_they_were_made_from():
    board = Board(POWER)
    decision = board.step()
    assert decision.t_ns == board.t_ns == NS // 5


def two_modes() -> Ladder:
    slow = rung("light", 20.0, 4.0, 0.4, power_mode="15W")
    fast = rung("heavy", 25.0, 12.0, 0.8, power_mode="MAXN")
    return Ladder(board="test", idle_w=10.0, points=(slow, fast))


def test_a_heavier_point_waits_until_the_faster_mode_it_is_for_has_been_read_back():
    board = Board(Budgets(power_w=60.0), ladder=two_modes())
    board.point = "light"
    for _ in range(15):
        asked = board.step(replace(board.sample(), t_ns=board.t_ns + PERIOD_NS, power_mode="15W"))
    assert (asked.point.name, asked.point.power_mode) == ("light", "MAXN")
    arrived = board.step(replace(board.sample(), t_ns=board.t_ns + PERIOD_NS, power_mode="MAXN"))
    assert (arrived.point.name, arrived.point.power_mode) == ("heavy", "MAXN")


def test_a_mode_that_is_never_reached_is_given_up():
    board = Board(Budgets(power_w=60.0), ladder=two_modes())
    board.point = "light"
    for _ in range(60):
        last = board.step(replace(board.sample(), t_ns=board.t_ns + PERIOD_NS, power_mode="15W"))
    assert (last.point.name, last.point.power_mode) == ("light", "15W")


def test_what_runs_while_a_mode_is_awaited_is_what_the_power_is_learned_from():
    board = Board(Budgets(power_w=60.0), ladder=two_modes())
    board.point, mode, decisions = "light", "15W", []
    for _ in range(60):
        decisions.append(board.step(replace(board.sample(), t_ns=board.t_ns + PERIOD_NS, power_mode=mode)))
        if len(decisions) > 25:  # the faster mode takes its time, and something else starts to draw when it is there
            board.extra_w, mode = 45.0, decisions[-1].point.power_mode
    assert decisions[25].point == replace(decisions[5].point, power_mode="MAXN")
    assert decisions[25].reason.startswith("light, until heavy has MAXN: ")
    assert "heavy" not in names(decisions[32:]), "the light point was known to draw less"


def test_what_is_left_out_for_a_while_is_said_with_the_budget_that_it_would_break():
    board = Board(POWER)
    board.run(10)
    board.extra_w = 8.0
    told = board.run(5)[-1]
    assert (told.point.name, told.binding) == ("small", "power")
    assert told.reason.startswith("small: medium is more useful, but would draw 3")


def test_what_is_waited_for_is_said():
    first = Board(Budgets(power_w=80.0)).step()
    assert first.reason == "nano: large fits, and is run if that lasts"


def test_frames_that_are_seen_to_come_late_count_whatever_was_expected():
    board = Board(Budgets(latency_ms=60.0, power_w=90.0))
    board.run(10)
    assert board.point == "large"
    late = replace(board.stats(), t_ns=board.t_ns + PERIOD_NS, missed=5)
    decision = board.governor.decide(replace(board.sample(), t_ns=board.t_ns + PERIOD_NS), late, 10.0)
    assert decision.point.name == "medium"
