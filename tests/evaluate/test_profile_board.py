"""What a board can be turned to, and the power that is read while it is held there."""

from edge_runtime.core import OperatingPoint, SystemClock, TelemetrySample
from edge_runtime.evaluate.profile_board import Turner, settings_of, turn_of
from edge_runtime.evaluate.profile_result import Figures
from edge_runtime.evaluate.profile_session import PowerWatch
from edge_runtime.evaluate.profile_span import AS_IT_IS, Turn
from edge_runtime.telemetry.control import BoardSetting, BoardStatus
from tests.jetson_emulator import tree

MS = 1_000_000


def test_modes_that_need_a_reboot_are_not_spanned_and_caps_are_clocks_of_the_table(tmp_path):
    board = tree.build(tmp_path / "board")
    settings = settings_of(board.root, "MODE_50W")
    assert {setting.power_mode for setting in settings} == {"MAXN", "MODE_50W"}
    clocks = {setting.gpu_cap_mhz for setting in settings}
    assert clocks - {None} <= {hertz / 1e6 for hertz in tree.GPU_HZ}
    assert len(clocks) == 3


def test_a_board_whose_mode_nothing_tells_may_try_them_all(tmp_path):
    board = tree.build(tmp_path / "board")
    assert {setting.power_mode for setting in settings_of(board.root, None)} == set(tree.MODES)


class Slow:
    """Answers the third time it is asked."""

    def __init__(self):
        self.settings, self.asked = [], 0

    def apply(self, setting):
        self.settings.append(setting)

    def status(self):
        self.asked += 1
        return BoardStatus(pending=self.asked < 3)

    def close(self):
        pass


def test_a_setting_is_waited_for_and_the_same_again_is_not_asked_for():
    board = Slow()
    turner = Turner(board, SystemClock())
    point = OperatingPoint("p", power_mode="MODE_30W", gpu_cap_mhz=612.0)
    assert turner.to(turn_of(point)) is None
    assert turner.to(Turn("MODE_30W", 612.0)) is None
    assert board.settings == [BoardSetting("MODE_30W", 612.0)]
    assert board.asked == 3
    turner.to(AS_IT_IS)
    assert board.settings[-1] == BoardSetting()


class Sensor:
    name, problem = "plant", None

    def __init__(self, *readings):
        self.readings = list(readings)

    def read(self, now_ns):
        t_ms, power_w, *throttled = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        return TelemetrySample(t_ms * MS, "plant", power_w, throttled=tuple(throttled))


def test_power_is_the_mean_of_fresh_readings_of_a_visit_alone():
    watch = PowerWatch(Sensor((0, 99.0), (100, 10.0), (100, 10.0), (200, 20.0, "thermal"), (300, 99.0)))
    for now_ms in range(0, 500, 100):
        watch.look(now_ms * MS)
    drawn = watch.between(50 * MS, 250 * MS)
    assert drawn.power_w == 15.0
    assert drawn.throttled == ("thermal",)


def test_a_source_without_watts_is_known_after_a_few_readings():
    watch = PowerWatch(Sensor(*((n, None) for n in range(9))))
    asked = 0
    while not watch.knows:
        watch.look(asked)
        asked += 1
    assert asked < 9
    assert not watch.reads_power


def visit(number, **more):
    figures = {"fps": 50.0, "latency_p50_ms": 10.0, "latency_p99_ms": 12.0, "gpu_ms": 8.0, "host_ms": 2.0}
    return {"round": number, **figures, "power_w": None, **more}


def test_watts_are_above_the_rest_of_the_same_round_so_that_warming_up_does_not_count():
    fast = [visit(0, power_w=30.0), visit(1, power_w=34.0), visit(2, power_w=35.0)]
    figures = Figures.of(OperatingPoint("p"), fast, [visit(0)], {0: 10.0, 1: 14.0, 2: 14.0})
    assert figures.watts is not None
    assert (figures.watts.median, figures.watts.low, figures.watts.high) == (20.0, 20.0, 21.0)
    assert figures.rung(0.5).joules_per_frame == 0.4


def test_a_round_without_a_reading_leaves_the_watts_unknown():
    fast = [visit(0, power_w=30.0), visit(1)]
    figures = Figures.of(OperatingPoint("p"), fast, [visit(0)], {0: 10.0, 1: 10.0})
    assert figures.watts is None
    assert figures.rung(0.5).watts is None
