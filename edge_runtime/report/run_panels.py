"""Which lines a run's time charts show, and in which order its operating points stand."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from .run_parts import seconds_of_rate
from .story import Moment, RunStory, by_camera, captured_per_second
from .time_chart import Line, Panel

# More lines than this cannot be told apart; of the zones the hottest are shown, of the rails the strongest.
_MOST_LINES = 5


def panels(story: RunStory) -> list[Panel]:
    """Frame rate, latency, power, temperature and drops, each as far as it was measured."""
    found = [rate_panel(story), _latency(story), power_panel(story), _heat(story), _drops(story)]
    return [panel for panel in found if panel is not None]


def rate_panel(story: RunStory) -> Panel | None:
    """Of several cameras each, where single frames are known; else the slowest."""
    rate, floor = _over_time(story, lambda one: one.fps), _over_time(story, lambda one: one.floor_fps)
    if not _known(rate):
        return None
    lines = [Line("slowest camera" if story.several else "published", rate)]
    if story.several and story.lines:
        lines = [Line(name, points, look) for look, (name, points) in enumerate(_rates(story)[:_MOST_LINES])]
    return Panel("Frame rate", "frames a second", [*lines, *_limit("floor", floor)], budget="fps_floor")


def _rates(story: RunStory) -> list[tuple[str, list[tuple[float, float | None]]]]:
    """Frames a second of each camera, the slowest first; 0 behind its last frame, while the run goes on."""
    found: list[tuple[float, str, list[tuple[float, float | None]]]] = []
    for name, lines in by_camera(line for line in story.lines if line.error is None).items():
        rates, last = seconds_of_rate(lines), int(lines[-1].t_s)  # which has not gone by
        shown = range(min(rates, default=last), int(story.span_s))
        points = [(second + 1.0, None if second == last else rates.get(second, 0.0)) for second in shown]
        found.append((fmean(rates.values()) if rates else 0.0, name, points))
    return [(name, points) for _, name, points in sorted(found, key=lambda one: one[0])]


def power_panel(story: RunStory) -> Panel | None:
    """The whole of it, the rails where there are several, and the budget."""
    whole, budget = _over_time(story, lambda one: one.power_w), _over_time(story, lambda one: one.budget_w)
    if not _known(whole):
        return None
    rails = _strongest(story, lambda one: one.rails_w)
    parts = [
        Line(rail, _over_time(story, lambda one, rail=rail: one.rails_w.get(rail)), look)  # type: ignore[misc]
        for look, rail in enumerate(rails, 1)
    ]
    lines = [Line("total" if len(parts) > 1 else "drawn", whole), *(parts if len(parts) > 1 else [])]
    return Panel("Power", "W", [*lines, *_limit("budget", budget)], budget="power_w")


def _latency(story: RunStory) -> Panel | None:
    """The p99 of each second, and its median where single frames are known."""
    p99 = _over_time(story, lambda one: one.latency_p99_ms)
    seconds: dict[int, list[float]] = {}
    for line in story.lines:
        if line.error is None:
            seconds.setdefault(int(line.t_s), []).append(line.latency_ms)
    whole = [second for second in sorted(seconds) if second + 1.0 <= story.span_s]  # the last one may not have gone by
    p50 = [(second + 1.0, sorted(seconds[second])[len(seconds[second]) // 2]) for second in whole]
    lines = [Line("median", p50)] if p50 else []
    if _known(p99):
        lines.append(Line("p99 of a second", p99, len(lines)))
    if not lines:
        return None
    ends = (0.0, story.span_s)
    bound = [] if story.latency_bound_ms is None else [(t_s, story.latency_bound_ms) for t_s in ends]
    return Panel("Latency", "ms from capture to publication", [*lines, *_limit("bound", bound)], budget="latency_ms")


def _heat(story: RunStory) -> Panel | None:
    zones = _strongest(story, lambda one: one.temp_c)
    lines = [
        Line(zone, _over_time(story, lambda one, zone=zone: one.temp_c.get(zone)), look)  # type: ignore[misc]
        for look, zone in enumerate(zones)
    ]
    if not lines:
        return None
    bound = [] if story.thermal_bound_c is None else [(t_s, story.thermal_bound_c) for t_s in (0.0, story.span_s)]
    return Panel("Temperature", "°C", [*lines, *_limit("ceiling", bound)], from_zero=False, budget="thermal_c")


def _drops(story: RunStory) -> Panel | None:
    lost = {name: dict(captured_per_second(lines)) for name, lines in by_camera(story.lines).items()}
    most = sorted((name for name in lost if lost[name]), key=lambda name: -sum(lost[name].values()))[:_MOST_LINES]
    lines = []
    for look, name in enumerate(most):
        every = [(float(second), float(lost[name].get(second, 0))) for second in range(1, int(story.span_s) + 1)]
        lines.append(Line(name, every, look) if story.several else Line("overwritten or shed", every, 4))
    return Panel("Frames without a result", "a second", lines, digits=0) if lines else None


def point_order(story: RunStory) -> list[str]:
    """The points that ran: in the order of their ladder, else by what they drew on average, the greatest first."""

    def demand(name: str) -> tuple[float, float, float]:
        seconds = [one for one in story.moments if one.point == name]
        powers = [one.power_w for one in seconds if one.power_w is not None]
        rates = [one.fps for one in seconds if one.fps is not None]
        return (story.ladder.get(name, 0.0), fmean(powers) if powers else 0.0, fmean(rates) if rates else 0.0)

    return sorted(dict.fromkeys(one.name for one in story.points), key=demand, reverse=True)


def _over_time(story: RunStory, value: Callable[[Moment], float | None]) -> list[tuple[float, float | None]]:
    return [(moment.t_s, value(moment)) for moment in story.moments]


def _known(points: list[tuple[float, float | None]]) -> bool:
    return any(value is not None for _, value in points)


def _limit(name: str, points: list[tuple[float, float | None]] | list[tuple[float, float]]) -> list[Line]:
    return [Line(name, points, limit=True)] if any(value is not None for _, value in points) else []


def _strongest(story: RunStory, values: Callable[[Moment], object]) -> list[str]:
    most: dict[str, float] = {}
    for moment in story.moments:
        for name, value in dict(values(moment)).items():  # type: ignore[call-overload]
            most[name] = max(value, most.get(name, value))
    return sorted(most, key=lambda name: -most[name])[:_MOST_LINES]
