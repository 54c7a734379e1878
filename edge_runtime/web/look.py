"""What the page asks for every second: a run in one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_runtime.pipeline.vitals import Vitals
from edge_runtime.report.run_words import budget_limit, budget_name

from .history import History, Row
from .readiness import readiness


def look(vitals: Vitals | None, history: History, since: int, server: str) -> dict[str, Any]:
    """How it is now, and the seconds from number `since` on. `server` changes when rows are counted anew."""
    rows = history.since(since)
    document: dict[str, Any] = {
        "server": server,
        "count": history.count,
        "columns": Row._fields,
        "rows": rows,
        "ready": False,
    }
    document["ready"], document["sentence"] = readiness(vitals)
    return document if vitals is None else {**document, **_run(vitals), "fps": history.fps}


def _run(vitals: Vitals) -> dict[str, Any]:
    snapshot, state, counts = vitals.snapshot, vitals.steering, vitals.snapshot.counts
    sample = None if state is None else state.sample
    return {
        "name": vitals.name,
        "cameras": [
            {
                "name": name,
                "fps": camera.fps,
                "p99_ms": camera.p99_ms,
                "published": camera.counts.published,
                "lost": camera.counts.lost,
                "outages": camera.outages.outages,
                "longest_outage_s": round(camera.outages.longest_s, 1),
                "no_picture": camera.no_picture,
                "trouble": camera.trouble,
            }
            for name, camera in vitals.cameras.items()
        ],
        "ended": vitals.ended,
        "elapsed_s": round(snapshot.elapsed_s, 1),
        "latency_ms": {"p50": snapshot.latency_p50_ms, "p99": snapshot.latency_p99_ms},
        "frames": {name: getattr(counts, name) for name in ("captured", "published", "overwritten", "shed", "failed")},
        "stages": [
            {
                "name": stage,
                "model": vitals.models.get(stage),
                "ms": snapshot.stage_ms.get(stage),
                "out": stage.partition(".")[0] in vitals.stages_out,
            }
            for stage in vitals.stages
        ],
        "budgets": [
            {
                "key": name,
                "name": budget_name(name),
                "limit": budget_limit(name, one.limit),
                "windows": one.windows,
                "held": one.held,
            }
            for name, one in vitals.budgets.items()
        ],
        "temp_c": {} if sample is None else _rounded(sample.temp_c),
        "measured_by": None if sample is None else sample.source,
        "power_w": None if state is None else state.power_w,
        "power_budget_w": None if state is None else state.power_budget_w,
        "fps_floor": None if state is None else state.fps_floor,
        "points": list(vitals.points),
        "point": None if state is None else state.point,
        "binding": None if state is None else state.binding,
        "reason": None if state is None else state.reason,
        "alarm": vitals.alarm,
        "alarms_now": vitals.alarms_now,
        "alarms": []
        if state is None
        else [
            {"text": one.text, "times": one.times, "seconds": round(one.seconds, 1), "first_s": round(one.first_s, 1)}
            for one in state.alarms
        ],
        "notices": list(vitals.notices),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}
