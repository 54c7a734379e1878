"""The governor: telemetry, frame statistics and speed in, the operating point to run at out. It reads no clock."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.ladder import Ladder, Rung
from edge_runtime.config.schema import Budgets, GovernorBlock
from edge_runtime.core import Decision, FrameStats, OperatingPoint, TelemetrySample

from .choice import ABOUT, ORDER, Choice, Outlook, choose, complete
from .heat import HeatModel
from .pace import FPS_TOLERANCE, Pace, PaceModel
from .power import PowerModel
from .readings import Readings
from .reasons import Limits, explained
from .safe import safe_rung

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Care:
    """How far from a budget a point must stay: deviations of power, share of the margin of heat, of the floor, of the
    latency bound."""

    deviations: float
    heat_share: float
    fps_share: float
    latency_share: float


# A point may be entered only with more room than it needs to be kept: hysteresis.
ENTER = Care(deviations=2.4, heat_share=1.2, fps_share=1.0 - 0.4 * FPS_TOLERANCE, latency_share=0.94)
STAY = Care(deviations=1.2, heat_share=0.8, fps_share=1.0 - FPS_TOLERANCE, latency_share=1.0)
# No budget is given up for the sake of a margin: where margins leave no point, they go first.
BARE_ENTER = Care(deviations=0.5, heat_share=0.5, fps_share=1.0 - FPS_TOLERANCE, latency_share=1.0)
BARE_STAY = Care(deviations=-0.5, heat_share=0.5, fps_share=0.99 - FPS_TOLERANCE, latency_share=1.05)

# Up only what has looked possible for so long, and so long after the last change.
_UP_AFTER_NS, _DWELL_NS = 1 * NS, 2 * NS
_CHEAPER_AFTER_NS = 4 * NS
# Where no point holds every budget, changes come no faster than this.
_HARD_PRESSED_NS = NS
_NEEDED_SHARE = 0.3
# A power mode that is not read back in this time is not to be had, and not asked for again for a while.
_MODE_PATIENCE_NS, _REFUSED_NS = 5 * NS, 300 * NS
# Heat is slow: what the last change did to it shows only after a while.
_HEAT_DWELL_NS = 3 * NS
# After a step down for heat nothing that draws more is tried for a while, each time twice as long.
_FIRST_COOLING_NS, _LONGEST_COOLING_NS = 15 * NS, 120 * NS
# A point that had to be left so soon after it was entered is not tried again for a while, each time twice as long,
# unless there is plenty of room: this share of each budget, and this slope of the temperature.
_TOO_SOON_NS, _FIRST_BAN_NS, _LONGEST_BAN_NS = 30 * NS, 15 * NS, 120 * NS
_PLENTY, _PLENTY_C_PER_S = 0.08, 0.05
# After so many changes within a minute too nothing goes up without plenty of room, and after more nothing at all,
# unless a budget needs it.
_MANY_CHANGES, _MOST_CHANGES, _MINUTE_NS = 3, 5, 60 * NS
# Saving less than this is not worth a change.
_WORTH_W, _WORTH_SHARE = 0.3, 0.03


@dataclass(frozen=True, slots=True)
class _Conditions:
    """What frames have to cope with."""

    floor_fps: float | None
    camera_fps: float | None
    slowdown: float

    def differ(self, other: _Conditions) -> bool:
        """Beyond what estimates wander by themselves."""
        camera_fps, before_fps = self.camera_fps or 0.0, other.camera_fps or 0.0
        return (
            self.floor_fps != other.floor_fps
            or abs(camera_fps - before_fps) > 0.1 * before_fps
            or abs(self.slowdown - other.slowdown) > 0.15 * other.slowdown
        )


class _Foreseen(NamedTuple):
    rung: Rung
    pace: Pace
    usefulness: float
    power_w: float
    deviation_w: float


class Governor:
    """Chooses the most useful point that holds every budget; fast down, careful up.

    Owned by one caller who asks for a decision 2 to 10 times a second; the same inputs give the same decisions.
    """

    def __init__(self, ladder: Ladder, budgets: Budgets, settings: GovernorBlock) -> None:
        self._ladder, self._budgets, self._settings = ladder, budgets, settings
        self._order = complete(settings.order)
        self._before_usefulness = self._order[: self._order.index("usefulness")]
        self._safe = safe_rung(ladder, budgets, settings.safe_point)
        self._readings = Readings(
            needs_power=budgets.power_w is not None,
            needs_heat=budgets.thermal_c is not None,
            stale_ms=settings.stale_ms,
            over_current_per_s=settings.over_current_per_s,
        )
        self._pace = PaceModel()
        self._power = PowerModel(ladder.rest_w)
        self._heat = None if budgets.thermal_c is None else HeatModel(budgets.thermal_c, settings.heat_j_per_c)
        self._current = self._left = self._safe
        self._refused: dict[str, int] = {}
        self._changed_ns: int | None = None
        self._went_up_ns: int | None = None
        self._wanted_since_ns: int | None = None
        self._bans: dict[str, tuple[int, int]] = {}
        self._changes: deque[int] = deque(maxlen=_MOST_CHANGES)
        self._cooling_ns, self._cool_at_ns = _FIRST_COOLING_NS, 0
        self._floor_fps: float | None = None
        self._conditions: _Conditions | None = None
        self._blind = True
        self._blind_at = self._safe
        self._mode_reached = True
        self._late = False

    def decide(self, sample: TelemetrySample | None, stats: FrameStats, ego_speed_mps: float | None) -> Decision:
        """The point from now on; `sample` is the newest reading, seen before or not, None when there is none."""
        now_ns = stats.t_ns
        verdict = self._readings.judge(sample, now_ns)
        settled = self._settled(sample, now_ns)
        self._pace.see(stats, self._ladder.by_name.get(stats.point or "") if settled else None)
        self._late = self._mode_reached and stats.point == self._current.name and 2 * stats.missed > stats.published
        running = self._running()
        pace = self._pace.predict(running)
        work_w = running.joules_per_frame * pace.fps * pace.per_frame
        self._power.run(work_w, now_ns)
        if verdict.problem is not None:
            self._blind = True
            self._floor_fps = demanded_fps(self._budgets, ego_speed_mps)
            return self._play_safe(verdict.problem, now_ns)
        if self._blind:
            self._power.forget()
            self._blind = False
        if sample is not None and verdict.new:
            self._learn(sample, work_w, settled)
        self._watch_conditions(demanded_fps(self._budgets, ego_speed_mps))
        return self._pick(now_ns)

    def _watch_conditions(self, floor_fps: float | None) -> None:
        """When floor, camera or load have changed, what did not work before may work now."""
        self._floor_fps = floor_fps
        now = _Conditions(floor_fps, self._pace.camera_fps, self._pace.slowdown)
        if self._conditions is None or now.differ(self._conditions):
            self._conditions = now
            self._bans.clear()
            self._changes.clear()

    def _settled(self, sample: TelemetrySample | None, now_ns: int) -> bool:
        """Until a power mode is confirmed, and for one decision more, frames and watts belong to no point."""
        mode = self._current.knobs.power_mode
        reached = mode is None or sample is None or sample.power_mode is None or sample.power_mode == mode
        if not reached and self._changed_ns is not None and now_ns - self._changed_ns > _MODE_PATIENCE_NS:
            self._refused[mode or ""] = now_ns + _REFUSED_NS
            self._current, self._changed_ns, reached = self._left, now_ns, True
        before, self._mode_reached = self._mode_reached, reached
        return before and reached

    def _running(self) -> Rung:
        """A heavier point waits, its power mode ahead of it, until that mode is reached."""
        waits = not self._mode_reached and self._current.usefulness > self._left.usefulness
        return self._left if waits else self._current

    def _point(self) -> OperatingPoint:
        """What to run now."""
        running = self._running()
        ahead = replace(running.point, power_mode=self._current.knobs.power_mode)
        return running.point if running is self._current else ahead

    def _learn(self, sample: TelemetrySample, work_w: float, settled: bool) -> None:
        if sample.power_w is not None and settled:
            self._power.see(sample.power_w, sample.t_ns, work_w)
        if self._heat is not None and sample.temp_c:
            self._heat.see(max(sample.temp_c.values()), self._power.predict(work_w), sample.t_ns)

    def _foresee(self) -> list[_Foreseen]:
        """What each point would do now, before any care is taken."""
        foreseen = []
        for rung in self._ladder.points:
            pace = self._pace.predict(rung)
            work_w = rung.joules_per_frame * pace.fps * pace.per_frame
            delivered = min(1.0, pace.fps / min(rung.fps, self._pace.camera_fps or rung.fps))
            power_w, deviation_w = self._power.predict(work_w), self._power.deviation_w(work_w)
            foreseen.append(_Foreseen(rung, pace, rung.usefulness * delivered, power_w, deviation_w))
        return foreseen

    def _outlook(self, foreseen: _Foreseen, care: Care) -> Outlook:
        rung, pace, usefulness, power_w, deviation_w = foreseen
        budgets = self._budgets
        over_w = fps_short = late_ms = hot_w = -math.inf
        if budgets.power_w is not None:
            over_w = power_w + care.deviations * deviation_w - budgets.power_w
        if self._heat is not None:
            hot_w = self._heat.excess_w(power_w, care.heat_share)
        if self._floor_fps is not None:
            fps_short = self._floor_fps * care.fps_share - pace.sure_fps
        if budgets.latency_ms is not None:
            late_ms = pace.latency_ms - budgets.latency_ms * care.latency_share
            if self._late and rung is self._current:
                # What is seen goes before what is expected.
                late_ms = max(late_ms, 2.0 * ABOUT[ORDER.index("latency")])
        excess = (hot_w, over_w, fps_short, late_ms)
        return Outlook(rung, usefulness, power_w, pace.sure_fps, pace.latency_ms, excess)

    def _pick(self, now_ns: int) -> Decision:
        foreseen = self._foresee()
        outlooks = self._outlooks(foreseen, STAY, ENTER, now_ns)
        choice = choose(outlooks, self._order, self._settings.economy)
        if any(name in choice.broken for name in self._before_usefulness):
            outlooks = self._outlooks(foreseen, BARE_STAY, BARE_ENTER, now_ns, needed=True)
            # Where the margins are used up nothing goes up, unless a budget needs it.
            current = next(outlook for outlook in outlooks if outlook.rung is self._current)
            lower = [outlook for outlook in outlooks if outlook.power_w <= current.power_w]
            choice = choose(lower, self._order, self._settings.economy)
            if choice.broken:
                if "power" in choice.broken:
                    outlooks = [_no_worse(outlook, current) for outlook in outlooks]
                choice = choose(outlooks, self._order, self._settings.economy)
        current = next(outlook for outlook in outlooks if outlook.rung is self._current)
        if not self._may_stay(current, choice, now_ns):
            self._change(choice.best.rung, outlooks, now_ns)
        temp_c = None if self._heat is None else self._heat.temp_c
        seen = Limits(self._budgets, self._floor_fps, temp_c)
        return explained(choice, self._left_out(choice, foreseen, outlooks), self._current, self._point(), seen, now_ns)

    def _left_out(self, choice: Choice, foreseen: list[_Foreseen], outlooks: list[Outlook]) -> list[Outlook]:
        """Points that would be more useful than any in the choice, and were left not long ago."""
        if choice.rival is not None:
            return []
        known = {outlook.rung.name for outlook in outlooks}
        better = [one for one in foreseen if one.usefulness > choice.best.usefulness and one.rung.name not in known]
        return [self._outlook(one, ENTER) for one in better]

    def _outlooks(
        self, foreseen: list[_Foreseen], stay: Care, enter: Care, now_ns: int, *, needed: bool = False
    ) -> list[Outlook]:
        """Of every point that may be considered: the current one, and those that nothing speaks against.

        A point that is `needed` to hold a budget is banned for less long.
        """
        outlooks = []
        drawn_w = next(one.power_w for one in foreseen if one.rung is self._current)
        cooling = not needed and now_ns < self._cool_at_ns
        worn = not needed and self._worn(now_ns, _MANY_CHANGES)
        spent = not needed and self._worn(now_ns, _MOST_CHANGES)
        for one in foreseen:
            rung = one.rung
            outlook = self._outlook(one, stay if rung is self._current else enter)
            if rung is not self._current:
                if now_ns < self._refused.get(rung.knobs.power_mode or "", 0):
                    continue
                if (cooling or spent) and one.power_w > drawn_w + (_WORTH_W if cooling else 0.0):
                    continue
                until_ns, ban_ns = self._bans.get(rung.name, (0, 0))
                if needed:
                    until_ns -= int(_NEEDED_SHARE * ban_ns)
                up = worn and rung.usefulness > self._current.usefulness
                if (up or now_ns < until_ns) and not self._roomy(outlook):
                    continue
            outlooks.append(outlook)
        return outlooks

    def _worn(self, now_ns: int, changes: int) -> bool:
        """Were there so many within the last minute?"""
        return len(self._changes) >= changes and now_ns - self._changes[-changes] < _MINUTE_NS

    def _roomy(self, outlook: Outlook) -> bool:
        """Is there plenty of room in every budget?"""
        budgets = self._budgets
        room_w = _PLENTY * (budgets.power_w or outlook.power_w)
        hot_w = _PLENTY_C_PER_S * self._settings.heat_j_per_c
        room = (hot_w, room_w, _PLENTY * (self._floor_fps or 0.0), _PLENTY * (budgets.latency_ms or 0.0))
        return all(excess <= -needed for excess, needed in zip(outlook.excess, room, strict=True))

    def _may_stay(self, current: Outlook, choice: Choice, now_ns: int) -> bool:
        """Fast down: at once, when a budget that the best point holds would be broken. Careful up."""
        best = choice.best
        if best.rung is current.rung:
            self._wanted_since_ns = None
            return True
        since_change_ns = _LONGEST_BAN_NS if self._changed_ns is None else now_ns - self._changed_ns
        for name in self._order:
            if name == "usefulness":
                continue
            index = ORDER.index(name)
            mine, its = current.excess[index], best.excess[index]
            if name == "thermal" and since_change_ns < _HEAT_DWELL_NS:
                continue
            if mine > 0.0 and mine > (its + ABOUT[index] if its > 0.0 else 0.0):
                if name == "thermal":
                    self._cool_down(now_ns)
                return bool(choice.broken) and since_change_ns < _HARD_PRESSED_NS
        if best.usefulness > current.usefulness:
            patience_ns = _UP_AFTER_NS
        elif current.power_w - best.power_w > max(_WORTH_W, _WORTH_SHARE * current.power_w) and not self._worn(
            now_ns, _MANY_CHANGES
        ):
            patience_ns = _CHEAPER_AFTER_NS
        else:
            self._wanted_since_ns = None
            return True
        if self._wanted_since_ns is None:
            self._wanted_since_ns = now_ns
        return now_ns - self._wanted_since_ns < patience_ns or since_change_ns < _DWELL_NS

    def _cool_down(self, now_ns: int) -> None:
        again = now_ns < self._cool_at_ns + 2 * self._cooling_ns
        self._cooling_ns = min(_LONGEST_COOLING_NS, 2 * self._cooling_ns) if again else _FIRST_COOLING_NS
        self._cool_at_ns = now_ns + self._cooling_ns

    def _change(self, rung: Rung, outlooks: list[Outlook], now_ns: int) -> None:
        power_w = {outlook.rung.name: outlook.power_w for outlook in outlooks}
        left_w, next_w = power_w.get(self._current.name, 0.0), power_w.get(rung.name, 0.0)
        up = rung.usefulness > self._current.usefulness
        if not up and self._went_up_ns is not None and now_ns - self._went_up_ns < _TOO_SOON_NS:
            for name, drawn_w in power_w.items():
                if drawn_w >= left_w > next_w or name == self._current.name:
                    _, ban_ns = self._bans.get(name, (0, _FIRST_BAN_NS // 2))
                    ban_ns = min(_LONGEST_BAN_NS, 2 * ban_ns)
                    self._bans[name] = (now_ns + ban_ns, ban_ns)
        self._went_up_ns = now_ns if up else None
        self._changes.append(now_ns)
        self._mode_reached = rung.knobs.power_mode in (None, self._current.knobs.power_mode)
        self._left, self._current = self._current, rung
        self._changed_ns, self._wanted_since_ns = now_ns, None

    def _play_safe(self, problem: str, now_ns: int) -> Decision:
        safe = self._safe_now()
        if self._current is not safe:
            self._current, self._changed_ns = safe, now_ns
        self._went_up_ns = self._wanted_since_ns = None
        reason = f"{safe.name}, the safe point: {problem}"
        return Decision(now_ns, safe.point, "telemetry", reason, feasible=False, alarm=problem)

    def _safe_now(self) -> Rung:
        """The configured safe point, else the cheapest that holds floor and deadline: frames can still be seen."""
        if self._settings.safe_point is not None or self._pace.camera_fps is None:
            return self._safe
        fitting = []
        for one in self._foresee():
            care = STAY if self._blind_at is one.rung else ENTER
            _, _, fps_short, late_ms = self._outlook(one, care).excess
            if fps_short <= 0.0 and late_ms <= 0.0:
                fitting.append(one)
        self._blind_at = min(fitting, key=lambda one: one.power_w).rung if fitting else self._safe
        return self._blind_at


def _no_worse(outlook: Outlook, current: Outlook) -> Outlook:
    """What draws less than the current point breaks its power budget by less, however little is known of both."""
    if outlook.power_w >= current.power_w:
        return outlook
    index = ORDER.index("power")
    most = current.excess[index] - (current.power_w - outlook.power_w)
    excess = list(outlook.excess)
    excess[index] = min(excess[index], most)
    return outlook._replace(excess=(excess[0], excess[1], excess[2], excess[3]))
