"""A profile as one HTML page that needs nothing else: what a point is good for over what it costs, the front marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from .chart import Dots, dot_chart
from .page import figure, head, page, warnings
from .profile import capitalised, truth_sentence

Point = Mapping[str, Any]
Cost = Callable[[Point], float]


def profile_page(document: Mapping[str, Any], ladder_yaml: str) -> str:
    """The page as text; `ladder_yaml` is the file that was written."""
    points: Sequence[Point] = document["points"]
    kept = [point for point in points if point["in_ladder"]]
    best, fastest = max(kept, key=lambda point: point["usefulness"]), max(kept, key=lambda point: point["fps"])
    tiles = [
        (f"rungs of {len(points)} points", str(len(kept)), ""),
        ("most useful", f"{best['usefulness']:.3f}", best["name"]),
        ("fastest rung", f"{fastest['fps']:.0f} fps", fastest["name"]),
        (*_power(document, kept), ""),
    ]
    costs: list[tuple[str, str, Cost]] = [
        ("Usefulness over frame rate", "frames a second, as fast as it goes", lambda point: point["fps"]),
        ("Usefulness over latency", "latency p99 in ms, behind the camera", lambda point: point["latency_ms"]["p99"]),
        ("Usefulness over time", "ms a frame of the busier of networks and host", _service_ms),
    ]
    if document["idle_w"] is not None:
        power = "watts above idle, behind the camera"
        costs.insert(1, ("Usefulness over power", power, lambda point: point["live_watts"]))
    charts = "".join(
        figure(title, dot_chart(_dots(points, value, more_is_better=number == 0), "usefulness", unit))
        for number, (title, unit, value) in enumerate(costs)
    )
    camera = f"{document['board']}, {document['camera_fps']:g} frames a second from the camera."
    lead = f"{camera} {capitalised(truth_sentence(document))}."
    parts = [
        head(f"{document['name']} · operating points", lead, tiles),
        warnings(document["warnings"]),
        f'<div class="charts">{charts}</div>',
        _table(points, watts=document["idle_w"] is not None),
        f"<section><h2>Ladder</h2><details><summary>the file that was written</summary><pre>{escape(ladder_yaml)}</pre>"
        "</details></section>",
    ]
    return page(f"{document['name']} · operating points", parts)


def _service_ms(point: Point) -> float:
    return max(float(point["busy_ms"]["gpu"]), float(point["busy_ms"]["host"]))


def _power(document: Mapping[str, Any], kept: Sequence[Point]) -> tuple[str, str]:
    if document["idle_w"] is None:
        return "power", "not measured"
    watts = [point["live_watts"] for point in kept]
    return f"above {document['idle_w']:.1f} W at rest", f"{min(watts):.1f} to {max(watts):.1f} W"


def _dots(points: Sequence[Point], value: Cost, *, more_is_better: bool) -> list[Dots]:
    """The line joins what is best when nothing but this cost counts."""

    def dots(some: Sequence[Point]) -> list[tuple[float, float, str, str]]:
        return [(value(point), point["usefulness"], point["name"], _note(point)) for point in some]

    rest = [point for point in points if not point["in_ladder"]]
    kept = [point for point in points if point["in_ladder"]]
    best: list[tuple[float, float]] = []
    for point in sorted(kept, key=lambda point: (-point["usefulness"], value(point))):
        place = (value(point), point["usefulness"])
        if not best or (place[0] > best[-1][0] if more_is_better else place[0] < best[-1][0]):
            best.append(place)
    others = [Dots("costs no less than a more useful point", dots(rest), 1)] if rest else []
    return [*others, Dots("on the ladder", dots(kept), 0, line=best, main=True)]


def _note(point: Point) -> str:
    watts = "" if point["live_watts"] is None else f", {point['live_watts']:.1f} W live"
    return f"{point['usefulness']:.3f}, {point['fps']:.1f} fps, p99 {point['latency_ms']['p99']:.1f} ms{watts}"


def _table(points: Sequence[Point], *, watts: bool) -> str:
    names = (
        "point",
        "usefulness",
        "fps",
        "p50 ms",
        "p99 ms",
        "networks ms",
        "host ms",
        *(["W live"] if watts else []),
        "",
    )
    heads = "".join(f"<th>{name}</th>" for name in names)
    body = ""
    for point in reversed(points):
        latency, busy = point["latency_ms"], point["busy_ms"]
        values = [f"{point['usefulness']:.3f}", f"{point['fps']:.1f}"]
        values += [f"{value:.1f}" for value in (latency["p50"], latency["p99"], busy["gpu"], busy["host"])]
        values += [f"{point['live_watts']:.1f}"] if watts else []
        cells = "".join(f"<td>{value}</td>" for value in values)
        rung = '<td class="better"><b>rung</b></td>' if point["in_ladder"] else "<td></td>"
        body += f"<tr><th>{escape(point['name'])}</th>{cells}{rung}</tr>"
    return f'<section><h2>All points</h2><div class="scroll"><table><tr>{heads}</tr>{body}</table></div></section>'
