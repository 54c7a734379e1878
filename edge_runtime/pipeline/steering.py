"""The second loop: several times a second the governor is asked, and the answer holds from the next frame on.

Measuring goes on without a governor too: what a run drew belongs into its books.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.ladder import Ladder, ladder_of
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import Budgets, TrackStage
from edge_runtime.config.words import did_you_mean
from edge_runtime.core import Clock, Decision, FrameStats, OperatingPoint, TelemetrySample
from edge_runtime.core.trace import TraceLog
from edge_runtime.errors import ConfigError, RunError, TelemetryError
from edge_runtime.governor.governor import Governor
from edge_runtime.recording.power_log import PowerLog, Second
from edge_runtime.telemetry import open_telemetry
from edge_runtime.telemetry.base import Telemetry
from edge_runtime.telemetry.control import BoardControl, BoardSetting

from .budgets import BudgetWindows
from .meter import NS, FrameMeter


def make_steering(
    loaded: LoadedPipeline,
    meter: FrameMeter,
    windows: BudgetWindows,
    clock: Clock,
    folder: Path,
    *,
    trace: TraceLog | None,
) -> Steering:
    """What a pipeline file says of measuring and steering. Raises `ConfigError` or `TelemetryError`."""
    config = loaded.config
    governor, period_ms = None, 200
    if config.governor is not None:
        ladder, settings = ladder_of(loaded)
        _check_knobs(loaded, ladder)
        governor, period_ms = Governor(ladder, config.budgets, settings), settings.period_ms
    telemetry = open_telemetry(config.telemetry, clock)
    board = BoardControl() if config.board.control else None
    return Steering(
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
    )


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
    ) -> None:
        self.point = OperatingPoint()
        self.decision: Decision | None = None
        self.changes = 0
        self.notices: dict[str, None] = {}
        self._telemetry, self._meter, self._windows, self._budgets = telemetry, meter, windows, budgets
        self._clock, self._governor, self._board, self._trace = clock, governor, board, trace
        self._period_ns, self._reading_ns = period_ms * 1_000_000, min(reading_ms, period_ms) * 1_000_000
        self._decide_ns = 0
        self._powers: list[float] = []
        self._since: list[float] = []
        self._watts_sum, self._seconds, self._most_w = 0.0, 0, 0.0
        self._sampled_ns: int | None = None
        self._second_ns: int | None = None
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
                self.notices[f"a decision failed: {type(error).__name__}: {error}"] = None
            due_ns = max(due_ns + self._reading_ns, now_ns)

    def step(self, now_ns: int) -> None:
        """Read the sensors; decide when it is time to, and end the second when one has passed.

        A decision is given the mean of all power readings since the one before: frames come in a rhythm, and single
        readings taken in another would see it as waves.
        """
        sample = self._telemetry.read(now_ns)
        if sample is not None and sample.t_ns != self._sampled_ns:
            self._sampled_ns = sample.t_ns
            if sample.power_w is not None:
                self._powers.append(sample.power_w)
                self._since.append(sample.power_w)
                if self._trace is not None:
                    self._trace.counter("watts", sample.t_ns, sample.power_w)
        if now_ns < self._decide_ns:
            return
        self._decide_ns = max(self._decide_ns + self._period_ns, now_ns)
        stats = self._meter.take(now_ns)
        if sample is not None and self._since:
            sample = replace(sample, power_w=fmean(self._since))
            self._since.clear()
        if self._governor is not None:
            self._decide(self._governor, sample, stats)
        if self._second_ns is None:
            self._second_ns = now_ns
        elif now_ns - self._second_ns >= NS:
            self._second_ns += NS
            self._end_second(now_ns, sample, stats)

    def _decide(self, governor: Governor, sample: TelemetrySample | None, stats: FrameStats) -> None:
        decision = governor.decide(sample, stats, self._meter.ego_speed_mps)
        if decision.point != self.point:
            self.changes += 1
        self.decision, self.point = decision, decision.point
        if decision.alarm is not None:
            self.notices[f"governor: {decision.alarm}"] = None
        if self._board is not None:
            try:
                self._board.apply(BoardSetting(power_mode=decision.point.power_mode))
                if (problem := self._board.status().problem) is not None:
                    self.notices[problem] = None
            except TelemetryError as error:
                self.notices[str(error)] = None
        if self._decisions is not None:
            line = {
                "t_ns": decision.t_ns,
                "point": decision.point.name,
                "binding": decision.binding,
                "feasible": decision.feasible,
                "alarm": decision.alarm,
                "reason": decision.reason,
            }
            try:
                self._decisions.write(json.dumps(line, ensure_ascii=False) + "\n")
            except OSError as error:
                self.notices[f"decisions.jsonl: {error.strerror}"] = None

    def _end_second(self, now_ns: int, sample: TelemetrySample | None, stats: FrameStats) -> None:
        power_w = fmean(self._powers) if self._powers else None
        self._powers.clear()
        if power_w is not None:
            self._watts_sum, self._seconds = self._watts_sum + power_w, self._seconds + 1
            self._most_w = max(self._most_w, power_w)
        self._windows.measured(power_w, None if sample is None else max(sample.temp_c.values(), default=None))
        floor = demanded_fps(self._budgets, self._meter.ego_speed_mps)
        budget_w = self._budgets.power_w
        row = Second(now_ns, stats.fps, floor, stats.latency_p99_ms, power_w, budget_w, sample, self.decision)
        try:
            self._log.write(row)
        except RunError as error:
            self.notices[str(error)] = None
        if (problem := self._telemetry.problem) is not None:
            self.notices[problem] = None

    @property
    def power_w(self) -> dict[str, float] | None:
        """Mean and highest second; None when power was never measured."""
        if not self._seconds:
            return None
        return {"mean": round(self._watts_sum / self._seconds, 2), "max": round(self._most_w, 2)}

    def close(self) -> None:
        """End the thread, give the board back as it was, close the logs. May be called twice."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._board is not None:
            try:
                self._board.close()
            except TelemetryError as error:
                self.notices[str(error)] = None
        self._telemetry.close()
        self._log.close()
        if self._decisions is not None:
            self._decisions.close()
