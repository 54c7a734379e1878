"""The second loop: several times a second the governor is asked, and the answer holds from the next frame on.

Measuring goes on without a governor too: what a run drew belongs into its books.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.ladder import Ladder, ladder_of
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import Budgets, TrackStage
from edge_runtime.config.words import did_you_mean
from edge_runtime.core import Clock, Decision, FrameStats, OperatingPoint, TelemetrySample
from edge_runtime.core.trace import TraceLog
from edge_runtime.errors import ConfigError, RunError, TelemetryError
from edge_runtime.governor.governor import Governor
from edge_runtime.governor.readings import one_for_all
from edge_runtime.recording.power_log import PowerLog, Second
from edge_runtime.telemetry import open_telemetry
from edge_runtime.telemetry.base import Telemetry
from edge_runtime.telemetry.control import BoardControl, BoardSetting

from .alarms import AlarmBook
from .budgets import BudgetWindows
from .faults import Faults
from .meter import NS, FrameMeter
from .recorder import Recorder
from .seconds import Seconds
from .steered import SteeringAccount, SteeringState
from .traced import TracedDecisions

# A source that has just been started may be silent for so long: the safe point holds, but that is no news.
_START_NS = 5 * NS
NOTICES = 50


def make_steering(
    loaded: LoadedPipeline,
    meter: FrameMeter,
    windows: BudgetWindows,
    clock: Clock,
    folder: Path,
    *,
    trace: TraceLog | None,
    recorder: Recorder | None = None,
    faults: Faults,
) -> Steering:
    """What a pipeline file says of measuring and steering. Raises `ConfigError` or `TelemetryError`."""
    config = loaded.config
    governor = make_governor(loaded)
    period_ms = 200 if config.governor is None else config.governor.period_ms
    telemetry = faults.telemetry(open_telemetry(config.telemetry, clock, work=meter.work_ms))
    board = BoardControl() if config.board.control else None
    steering = Steering(
        telemetry,
        meter,
        windows,
        config.budgets,
        clock,
        folder,
        governor=governor,
        board=board,
        period_ms=period_ms,
        reading_ms=config.telemetry.period_ms,
        trace=trace,
        recorder=recorder,
    )
    if config.telemetry.source == "plant":
        steering.notices["power and temperature are those of a simulated board: nothing was measured"] = None
    return steering


def make_governor(loaded: LoadedPipeline) -> Governor | None:
    """What a pipeline file says of choosing operating points. Raises `ConfigError`."""
    if loaded.config.governor is None:
        return None
    ladder, settings = ladder_of(loaded)
    _check_knobs(loaded, ladder)
    return Governor(ladder, loaded.config.budgets, settings)


def _check_knobs(loaded: LoadedPipeline, ladder: Ladder) -> None:
    """Whether the pipeline has what the points of its ladder turn. Raises `ConfigError`."""
    config = loaded.config
    tracks = any(isinstance(stage, TrackStage) for stage in config.stages)
    for rung in ladder.points:
        what = fix = ""
        if rung.knobs.detector_period > 1 and not tracks:
            what = f"point '{rung.name}' lets the detector rest, and no stage tracks what it found"
            fix = "add a stage such as `- {name: tracked, kind: track, of: objects}`"
        variants = {name for model in config.models.values() for name in model.variants}
        if rung.knobs.variant is not None and rung.knobs.variant not in variants:
            what = f"point '{rung.name}' runs variant '{rung.knobs.variant}', which no model has"
            fix = did_you_mean(rung.knobs.variant, variants) or "add it under `models: MODEL: variants:`"
        if what:
            raise ConfigError([loaded.problem(("governor", "ladder"), what, fix)])


def decision_line(decision: Decision) -> str:
    """A line of `decisions.jsonl`."""
    line = {
        "t_ns": decision.t_ns,
        "point": decision.point.name,
        "binding": decision.binding,
        "feasible": decision.feasible,
        "alarm": decision.alarm,
        "reason": decision.reason,
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


class Steering:
    """Holds the operating point, on a thread of its own from `start` to `close`; any thread may read `point`.

    Every decision is a line of `decisions.jsonl`, every second a row of `power_fps.csv`, both in `folder`. A log that
    cannot be written and a board that does not obey are said in `notices`, and the drive goes on.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        meter: FrameMeter,
        windows: BudgetWindows,
        budgets: Budgets,
        clock: Clock,
        folder: Path,
        *,
        governor: Governor | None,
        board: BoardControl | None,
        period_ms: int,
        reading_ms: int,
        trace: TraceLog | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.point = OperatingPoint()
        self.decision: Decision | None = None
        self.changes = 0
        self.notices: dict[str, None] = {}
        self._telemetry, self._meter, self._windows, self._budgets = telemetry, meter, windows, budgets
        self._clock, self._governor, self._board = clock, governor, board
        self._trace, self._recorder = trace, recorder
        self._traced = None if trace is None else TracedDecisions(trace)
        self._period_ns, self._reading_ns = period_ms * 1_000_000, min(reading_ms, period_ms) * 1_000_000
        self._decide_ns = 0
        self._seconds = Seconds(budgets)
        self._since: list[float | None] = []
        self._power_w: float | None = None
        self._alarms = AlarmBook()
        self._started_ns: int | None = None
        self._decided_ns: int | None = None
        self._at: Counter[str] = Counter()
        self._watts_sum, self._measured, self._most_w = 0.0, 0, 0.0
        self._sample: TelemetrySample | None = None
        self._sampled_ns: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="steering", daemon=True)
        self._log = PowerLog(folder / "power_fps.csv")
        self._decisions = None if governor is None else (folder / "decisions.jsonl").open("w", 1, encoding="utf-8")

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        due_ns = self._clock.now_ns()
        while self._clock.wait_until_ns(due_ns, self._ended):
            now_ns = self._clock.now_ns()
            try:
                self.step(now_ns)
            except Exception as error:  # a defect here must not end the drive, nor leave it steered by nobody unsaid
                self._notice(f"a decision failed: {type(error).__name__}: {error}")
            due_ns = max(due_ns + self._reading_ns, now_ns)

    def step(self, now_ns: int) -> None:
        """Read the sensors; decide when it is time to, and end the second when one has passed.

        A decision is given the mean of all power readings since the one before: frames come in a rhythm, and single
        readings taken in another would see it as waves.
        """
        sample = self._telemetry.read(now_ns)
        if sample is not None and sample.t_ns != self._sampled_ns:
            self._sample, self._sampled_ns = sample, sample.t_ns
            if self._recorder is not None:
                self._recorder.telemetry(sample)
            self._since.append(sample.power_w)
            counts = self._seconds.read(sample)
            if self._trace is not None and counts and sample.power_w is not None:
                self._trace.counter("watts", sample.t_ns, sample.power_w)
            if self._trace is not None and sample.temp_c:
                self._trace.counter("°C of the hottest zone", sample.t_ns, max(sample.temp_c.values()))
        if now_ns < self._decide_ns:
            return
        self._decide_ns = max(self._decide_ns + self._period_ns, now_ns)
        stats = self._meter.take(now_ns)
        if sample is not None and self._since:
            sample = replace(sample, power_w=one_for_all(self._since, self._seconds.usual_w))
            self._since.clear()
        ego_speed_mps = self._meter.ego_speed_mps
        if self._recorder is not None:
            self._recorder.told(sample, stats, ego_speed_mps)
        if self._governor is not None:
            self._decide(self._governor, sample, stats, ego_speed_mps)
        if (second := self._seconds.end(now_ns, sample, stats, ego_speed_mps)) is not None:
            self._end_second(second)

    def _decide(
        self, governor: Governor, sample: TelemetrySample | None, stats: FrameStats, ego_speed_mps: float | None
    ) -> None:
        decision = governor.decide(sample, stats, ego_speed_mps)
        if self._recorder is not None:
            self._recorder.decided(decision)
        if self._traced is not None:
            self._traced.decided(decision)
        self._seconds.decided(decision, sample)
        self._note(decision)
        self.decision, self.point = decision, decision.point
        if self._board is not None:
            try:
                self._board.apply(BoardSetting(decision.point.power_mode, decision.point.gpu_cap_mhz))
                if (problem := self._board.status().problem) is not None:
                    self._notice(problem)
            except TelemetryError as error:
                self._notice(str(error))
        if self._decisions is not None:
            try:
                self._decisions.write(decision_line(decision))
            except OSError as error:
                self._notice(f"decisions.jsonl: {error.strerror}")

    def _note(self, decision: Decision) -> None:
        """Into the books of the run."""
        now_ns = decision.t_ns
        if self._decided_ns is None or self._started_ns is None:
            self._started_ns = self._decided_ns = now_ns
        self._at[self.point.name] += now_ns - self._decided_ns
        self.changes += self._decided_ns < now_ns and decision.point.name != self.point.name
        self._decided_ns = now_ns
        starting = self._sampled_ns is None and now_ns - self._started_ns < _START_NS
        self._alarms.see(now_ns, None if starting else decision.alarm)

    def _end_second(self, second: Second) -> None:
        power_w, sample = second.power_w, second.sample
        self._power_w = power_w
        if power_w is not None:
            self._watts_sum, self._measured = self._watts_sum + power_w, self._measured + 1
            self._most_w = max(self._most_w, power_w)
        hottest_c = max(sample.temp_c.values(), default=None) if sample is not None and second.fresh else None
        self._windows.measured(power_w, hottest_c)
        try:
            self._log.write(second)
        except RunError as error:
            self._notice(str(error))
        if (problem := self._telemetry.problem) is not None:
            self._notice(problem)

    def _notice(self, text: str) -> None:
        """Said once, however often it happens; the newest are kept."""
        self.notices[text] = None
        if len(self.notices) > NOTICES:
            del self.notices[next(iter(self.notices))]

    @property
    def state(self) -> SteeringState:
        decision = self.decision
        return SteeringState(
            self._power_w,
            self._budgets.power_w,
            None if decision is None else decision.point.name,
            None if decision is None else decision.binding,
            None if decision is None else decision.alarm,
            None if decision is None else decision.reason,
            demanded_fps(self._budgets, self._meter.ego_speed_mps),
            self._sample,
            tuple(self._alarms.alarms.values()),
        )

    @property
    def account(self) -> SteeringAccount | None:
        """Of the governor, once the run has ended; None where none ran."""
        if self._governor is None:
            return None
        seconds_at = {name: round(spent_ns / NS, 1) for name, spent_ns in self._at.items() if spent_ns}
        return SteeringAccount(self.changes, seconds_at, tuple(self._alarms.alarms.values()))

    @property
    def power_w(self) -> dict[str, float] | None:
        """Mean and highest second; None when power was never measured."""
        if not self._measured:
            return None
        return {"mean": round(self._watts_sum / self._measured, 2), "max": round(self._most_w, 2)}

    def close(self) -> None:
        """End the thread, give the board back as it was, close the logs. May be called twice."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._board is not None:
            try:
                self._board.close()
            except TelemetryError as error:
                self._notice(str(error))
        if self._traced is not None:
            self._traced.end(self._clock.now_ns())
        self._telemetry.close()
        for file in (self._log, self._decisions):
            if file is not None:
                try:
                    file.close()
                except OSError as error:  # what a full disk did not take goes with it
                    self._notice(f"{file.name}: {error.strerror}")
