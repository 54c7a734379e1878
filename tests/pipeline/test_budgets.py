import pytest

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.schema import Budgets, FpsFloor
from edge_runtime.pipeline.budgets import BudgetWindows

NS = 1_000_000_000


def run(budgets, times_s, latency_ms=10.0, speed_mps=None):
    windows = BudgetWindows(budgets)
    for time_s in times_s:
        windows.published(int(time_s * NS), latency_ms, speed_mps)
    return windows.accounts()


def test_a_steady_stream_at_exactly_the_floor_holds_it():
    account = run(Budgets(fps_floor=25), [n / 25 + (n % 3) * 0.004 for n in range(25 * 8)])["fps_floor"]
    assert account.windows == 7
    assert account.held == 7


def test_a_gap_is_counted_with_its_length():
    times = [n / 20 for n in range(60)] + [6 + n / 20 for n in range(60)]
    account = run(Budgets(fps_floor=15), times)["fps_floor"]
    assert account.held < account.windows
    assert account.longest_violation_s == 4


def test_latency_is_judged_by_the_worst_of_a_short_window():
    windows = BudgetWindows(Budgets(latency_ms=50))
    for n in range(60):
        windows.published(n * NS // 20, 80.0 if n == 30 else 20.0, None)
    account = windows.accounts()["latency_ms"]
    assert (account.windows, account.held) == (2, 1)


@pytest.mark.parametrize(("speed_kmh", "floor"), [(50, 15), (80, 15), (81, 30), (None, 30)])
def test_the_floor_follows_the_speed_and_an_unknown_speed_is_highway(speed_kmh, floor):
    block = FpsFloor(city=15, highway=30)
    assert demanded_fps(Budgets(fps_floor=block), None if speed_kmh is None else speed_kmh / 3.6) == floor


def test_budgets_that_were_not_stated_are_not_judged():
    assert run(Budgets(), [0, 1, 2, 3]) == {}


def of_two(left_until_s, *, ended):
    """A front at 20 a second for 8 s, and a left that stops before."""
    windows = BudgetWindows(Budgets(fps_floor=15))
    for n in range(20 * 8):
        t_ns = n * NS // 20
        windows.published(t_ns, 10.0, None, "front")
        if t_ns < left_until_s * NS:
            windows.published(t_ns, 10.0, None, "left")
        elif ended:
            windows.ended("left")
    return windows.accounts()["fps_floor"]


def test_the_slowest_of_several_cameras_counts_also_where_one_has_stopped():
    assert of_two(8, ended=False).held == of_two(8, ended=False).windows == 7
    stopped = of_two(3, ended=False)
    assert (stopped.windows, stopped.held) == (7, 3)


def test_a_camera_that_has_given_all_it_was_to_give_breaks_no_floor():
    ended = of_two(3, ended=True)
    assert (ended.windows, ended.held) == (7, 7)
