"""A run as Prometheus reads it (prometheus.io/docs/practices/naming): base units, one name a quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_runtime.core.quantiles import Quantiles
from edge_runtime.pipeline.steered import SteeringState
from edge_runtime.pipeline.vitals import Vitals
from edge_runtime.version import VERSION

from .readiness import readiness

BOUNDS_MS = (1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 25.0, 33.0, 50.0, 75.0, 100.0, 150.0, 250.0, 500.0, 1000.0, 2500.0)
PREFIX = "edge_runtime_"

F = TypeVar("F", bound=Metric)


class RunMetrics(Collector):
    """Asks for the vitals whenever somebody scrapes, and keeps nothing. What was not measured is left out."""

    def __init__(self, vitals: Callable[[], Vitals | None]) -> None:
        self._vitals = vitals
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing is promised before there is a run."""
        return []

    def collect(self) -> Iterator[Metric]:
        vitals = self._vitals()
        yield _gauge("ready", "1 once results come out and while the run goes on", float(readiness(vitals)[0]))
        if vitals is None:
            return
        info = GaugeMetricFamily(PREFIX + "info", "what runs", labels=["version", "pipeline"])
        info.add_metric([VERSION, vitals.name], 1.0)
        yield info
        yield from _frames(vitals)
        yield from _times(vitals)
        yield from _budgets(vitals)
        yield from _optional_models(vitals)
        if vitals.steering is not None:
            yield from _board(vitals.steering)
            yield from _steering(_whole(vitals), vitals.steering)


def _frames(vitals: Vitals) -> Iterator[Metric]:
    captured = _family(CounterMetricFamily, "captured_frames", "frames that the camera gave", "camera")
    ended = _family(CounterMetricFamily, "frames", "what became of the frames", "camera", "outcome")
    fps = _family(GaugeMetricFamily, "fps", "frames published a second, over the last second", "camera")
    away = _family(GaugeMetricFamily, "camera_away", "1 while no picture comes", "camera")
    outages = _family(CounterMetricFamily, "camera_outages", "how often the camera was away", "camera")
    away_s = _family(CounterMetricFamily, "camera_away_seconds", "for how long in all", "camera")
    for name, camera in vitals.cameras.items():
        captured.add_metric([name], camera.counts.captured)
        for outcome in ("published", "overwritten", "shed", "failed"):
            ended.add_metric([name, outcome], getattr(camera.counts, outcome))
        fps.add_metric([name], camera.fps or 0.0)
        away.add_metric([name], float(camera.no_picture is not None))
        outages.add_metric([name], camera.outages.outages)
        away_s.add_metric([name], camera.outages.away_s)
    yield from (captured, ended, fps, away, outages, away_s)
    whole = _whole(vitals)
    if vitals.steering is not None and vitals.steering.fps_floor is not None:
        yield _gauge("fps_floor", "least frames a second at this speed", vitals.steering.fps_floor, camera=whole)
    results = _family(CounterMetricFamily, "sink_results", "results by sink", "camera", "sink", "outcome")
    for sink, account in vitals.sinks.items():
        results.add_metric([whole, sink, "written"], account.written)
        results.add_metric([whole, sink, "dropped"], account.dropped)
    yield results
    yield _counter("engine_recoveries", "how often the networks were made anew", vitals.recoveries, camera=whole)


def _whole(vitals: Vitals) -> str:
    """What the label `camera` says where a figure is not of one camera."""
    return next(iter(vitals.cameras)) if len(vitals.cameras) == 1 else "all"


def _times(vitals: Vitals) -> Iterator[Metric]:
    latency = _family(HistogramMetricFamily, "latency_seconds", "from capture to publication", "camera")
    for name, camera in vitals.cameras.items():
        _add(latency, [name], camera.latency)
    yield latency
    stages = _family(
        HistogramMetricFamily, "stage_seconds", "how long a stage kept a frame", "camera", "stage", "model"
    )
    for stage, took in vitals.stages.items():
        _add(stages, [_whole(vitals), stage, vitals.models.get(stage, "")], took)
    yield stages


def _add(family: HistogramMetricFamily, labels: list[str], took: Quantiles) -> None:
    counts = took.at_most(BOUNDS_MS)
    buckets = [(f"{bound / 1000:g}", float(count)) for bound, count in zip(BOUNDS_MS, counts, strict=True)]
    # The last bucket says how many there are; a value that came meanwhile must not be in one and not in the other.
    family.add_metric(labels, [*buckets, ("+Inf", float(max(took.count, counts[-1])))], took.total_ms / 1000)


def _budgets(vitals: Vitals) -> Iterator[Metric]:
    labels = ["camera", "budget"]
    windows = CounterMetricFamily(PREFIX + "budget_windows", "seconds in which a budget was judged", labels=labels)
    broken = CounterMetricFamily(PREFIX + "budget_violations", "seconds in which it was not held", labels=labels)
    for name, account in vitals.budgets.items():
        windows.add_metric([_whole(vitals), name], account.windows)
        broken.add_metric([_whole(vitals), name], account.windows - account.held)
    yield windows
    yield broken


def _optional_models(vitals: Vitals) -> Iterator[Metric]:
    labels = ["camera", "model"]
    out = GaugeMetricFamily(PREFIX + "model_out", "1 for an optional model that the run goes on without", labels=labels)
    failed = CounterMetricFamily(PREFIX + "model_failed_frames", "frames that go without it", labels=labels)
    for name, account in vitals.optional_models.items():
        out.add_metric([_whole(vitals), name], float(account.out is not None))
        failed.add_metric([_whole(vitals), name], account.failed_frames)
    yield out
    yield failed


def _board(state: SteeringState) -> Iterator[Metric]:
    if state.power_w is not None:
        yield _gauge("power_watts", "mean power of the last second", state.power_w)
    if state.power_budget_w is not None:
        yield _gauge("power_budget_watts", "most power that was allowed", state.power_budget_w)
    if (sample := state.sample) is None:
        return
    if sample.gpu_load is not None:
        yield _gauge("gpu_load_ratio", "share of the time that the GPU is busy", sample.gpu_load)
    if sample.cpu_load is not None:
        yield _gauge("cpu_load_ratio", "share of the time that the processors are busy", sample.cpu_load)
    for name, help_text, label, values, scale in (
        ("rail_watts", "power by rail", "rail", sample.rails_w, 1.0),
        ("temperature_celsius", "temperature by zone", "zone", sample.temp_c, 1.0),
        ("clock_hertz", "clock by unit", "unit", sample.clocks_mhz, 1e6),
    ):
        family = GaugeMetricFamily(PREFIX + name, help_text, labels=[label])
        for key, value in values.items():
            family.add_metric([key], value * scale)
        yield family
    events = CounterMetricFamily(PREFIX + "throttle_events", "how often the board throttled itself", labels=["kind"])
    for kind, times in sample.throttle_events.items():
        events.add_metric([kind], times)
    yield events


def _steering(camera: str, state: SteeringState) -> Iterator[Metric]:
    if state.point is not None:
        yield _gauge(
            "operating_point",
            "1 for the point that holds, and what keeps a more useful one away",
            1.0,
            camera=camera,
            point=state.point,
            bound_by=state.binding or "",
        )
    yield _gauge("alarm", "1 while something needs a person", float(state.alarm is not None), camera=camera)
    alarms = CounterMetricFamily(PREFIX + "alarms", "alarms by kind", labels=["camera", "kind"])
    for alarm in state.alarms:
        alarms.add_metric([camera, alarm.text.partition(":")[0]], alarm.times)
    yield alarms


def _family(kind: Callable[..., F], name: str, help_text: str, *labels: str) -> F:
    return kind(PREFIX + name, help_text, labels=list(labels))


def _gauge(name: str, help_text: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, help_text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _counter(name: str, help_text: str, value: float, **labels: str) -> Metric:
    family = CounterMetricFamily(PREFIX + name, help_text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family
