"""What a person sees of a run on a terminal: the live status, the line for logs, the summary."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from edge_runtime.pipeline.accounts import FrameCounts, Snapshot
from edge_runtime.pipeline.cameras import CameraVitals
from edge_runtime.pipeline.steered import SteeringAccount, SteeringState
from edge_runtime.pipeline.summary import MEASURED, CameraSummary, RunSummary, Spread

_NEWS = 8  # of what a person should know, so many lines are shown while it runs
_POINTS = 6  # of those a run was at, the longest are named
_PARTS = {"preprocess": "preprocess", "": "network", "decode": "decode"}


def clock_text(seconds: float) -> str:
    """12:05, or 1:12:05 from an hour on."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def status_line(
    snapshot: Snapshot,
    steering: SteeringState | None = None,
    no_picture: str | None = None,
    models_out: Iterable[str] = (),
    cameras: Mapping[str, CameraVitals] | None = None,
) -> str:
    """One line a second where there is no terminal: key=value, so that logs can be searched; several cameras each."""
    counts = snapshot.counts
    line = (
        f"{clock_text(snapshot.elapsed_s)} fps={number(snapshot.fps)} "
        f"latency_p50_ms={number(snapshot.latency_p50_ms)} latency_p99_ms={number(snapshot.latency_p99_ms)} "
        f"captured={counts.captured} published={counts.published} overwritten={counts.overwritten}"
    )
    if counts.shed:
        line += f" shed={counts.shed}"
    if counts.failed:
        line += f" failed={counts.failed}"
    if steering is not None and steering.point is not None:
        line += f" point={steering.point}"
    if steering is not None and steering.power_w is not None:
        line += f" power_w={number(steering.power_w)}"
    if steering is not None and steering.alarm is not None:
        line += f' alarm="{steering.alarm}"'
    line += "".join(f' out="{alarm}"' for alarm in models_out)
    for name, camera in _several(cameras):
        line += f" {name}.fps={number(camera.fps)} {name}.p99_ms={number(camera.p99_ms)}"
        line += f" {name}.lost={camera.counts.lost}"
        if camera.no_picture is not None:
            line += f" {name}.ended=yes" if camera.away_s is None else f" {name}.away_s={camera.away_s:.0f}"
    return line if no_picture is None else f'{line} camera="{no_picture}"'


def status_panel(
    title: str,
    snapshot: Snapshot,
    goal: int | None,
    notices: Iterable[str] = (),
    draining: bool = False,
    steering: SteeringState | None = None,
    no_picture: str | None = None,
    models_out: Collection[str] = (),
    cameras: Mapping[str, CameraVitals] | None = None,
) -> RenderableType:
    """The live picture of a run; `goal` is the number of pictures the sources will give, if they can tell."""
    rows: list[RenderableType] = []
    if goal:
        rows.append(_progress(snapshot.counts.captured, goal))
    latency = f"{number(snapshot.latency_p50_ms)} / {number(snapshot.latency_p99_ms)} ms"
    rows.append(
        Text.assemble((f"{number(snapshot.fps)} fps", "bold"), ("    latency p50 / p99  ", "dim"), (latency, "bold"))
    )
    rows.append(_counts(snapshot.counts))
    rows += _steered(steering)
    several = dict(_several(cameras))
    if several:
        rows += [Text(), _cameras_now(several), Text()]
    away = [each.no_picture for each in several.values()] if several else [no_picture]
    alarms = [*(alarm for alarm in away if alarm is not None), *models_out]
    rows += [Text(f"ALARM {alarm}", style="bold red") for alarm in alarms]
    if snapshot.stage_ms:
        rows.append(_stages({stage: (took_ms,) for stage, took_ms in snapshot.stage_ms.items()}, ("mean ms",)))
    news = [notice for notice in notices if notice not in models_out]
    if len(news) > _NEWS:
        rows.append(Text(f"  {len(news) - _NEWS} more before", style="dim"))
    rows += [Text(f"! {notice}", style="yellow", overflow="ellipsis", no_wrap=True) for notice in news[-_NEWS:]]
    state = "draining" if draining else clock_text(snapshot.elapsed_s)
    return Panel(
        Group(*rows), title=f"[bold]{title}[/]", title_align="left", subtitle=state, subtitle_align="right", width=76
    )


def summary_panel(summary: RunSummary) -> RenderableType:
    """The outcome of a run, for a person."""
    rows: list[RenderableType] = [
        Text.assemble(
            (f"{number(summary.fps)} fps", "bold"),
            (f" over {summary.seconds:.1f} s", "dim"),
            ("    latency p50 / p95 / p99  ", "dim"),
            (_quantiles(summary.latency_ms), "bold"),
        ),
        _counts(summary.frames),
        *([Text(), _cameras_then(summary.cameras)] if len(summary.cameras) > 1 else []),
        _stages({stage: (spread.p50, spread.p99) for stage, spread in summary.stage_ms.items()}, ("p50 ms", "p99 ms")),
    ]
    for name, budget in summary.budgets.items():
        limit = (
            budget.limit if not isinstance(budget.limit, dict) else f"{budget.limit['city']}/{budget.limit['highway']}"
        )
        text = f"budget {name} {limit}: held in {budget.held} of {budget.windows} seconds"
        if not budget.windows:
            why = "it was not measured" if name in MEASURED else "the run was shorter than a second"
            text = f"budget {name} {limit}: not judged, {why}"
        if budget.held < budget.windows:
            text += f", longest violation {budget.longest_violation_s:.0f} s"
        style = "green" if budget.held == budget.windows else "red"
        rows.append(Text(text, style=style if budget.windows else "yellow"))
    if summary.governor is not None:
        rows += _governed(summary.governor)
    if summary.power_w is not None:
        rows.append(Text(f"power {summary.power_w['mean']:.1f} W, {summary.power_w['max']:.1f} W at most", style="dim"))
    for name, camera in summary.cameras.items():
        away = camera.outages
        if away.outages:
            times = "once" if away.outages == 1 else f"{away.outages} times"
            text = f"camera {name} was away {times}, {away.longest_s:.1f} s at the longest"
            rows.append(Text(text, style="yellow"))
    for name, shed in summary.regions_shed.items():
        if shed.shed:
            text = (
                f"{name}: {shed.shed} of {shed.planned} regions shed in {shed.frames} frames that would have been late"
            )
            rows.append(Text(text, style="yellow"))
    for name, sink in summary.sinks.items():
        if sink.error or sink.dropped:
            text = f"sink {name}: {sink.written} written, {sink.dropped} dropped"
            rows.append(Text(text + (f"; ended: {sink.error}" if sink.error else ""), style="yellow"))
    rows += [Text(str(fault), style="magenta") for fault in summary.faults]
    rows += [Text(f"! {count} x {reason}", style="yellow") for reason, count in summary.failures.items()]
    rows += [Text(f"! {warning}", style="yellow") for warning in summary.warnings]
    if summary.error:
        rows.append(Text(f"the run ended early: {summary.error}", style="bold red"))
    return Panel(Group(*rows), title=f"[bold]{summary.name}[/] finished", title_align="left", width=76)


def _steered(state: SteeringState | None) -> list[RenderableType]:
    if state is None or (state.point is None and state.power_w is None):
        return []
    text = Text("" if state.point is None else "point ", style="dim")
    text.append(f"{state.point}    " if state.point else "", style="not dim bold")
    if state.power_w is not None:
        of = "" if state.power_budget_w is None else f" of {state.power_budget_w:g}"
        text.append("power ").append(f"{state.power_w:.1f}{of} W    ", style="not dim bold")
    if state.binding is not None and state.alarm is None:
        text.append(f"kept there by {state.binding}")
    alarm = [] if state.alarm is None else [Text(f"ALARM {state.alarm}", style="bold red")]
    return [text, *alarm]


def _governed(governor: SteeringAccount) -> list[RenderableType]:
    spent = sorted(governor.seconds_at.items(), key=lambda item: -item[1])
    points = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in spent[:_POINTS])
    more = f" and {len(spent) - _POINTS} more" if len(spent) > _POINTS else ""
    changes = "one change" if governor.changes == 1 else f"{governor.changes} changes"
    text = Text(f"governor: {changes} of the point; {points}{more}", style="dim")
    return [text, *(Text(str(alarm), style="red") for alarm in governor.alarms)]


def _progress(done: int, goal: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(ProgressBar(total=goal, completed=min(done, goal)), f"{done} of {goal} frames")
    return grid


def _counts(counts: FrameCounts) -> RenderableType:
    text = Text.assemble(("captured ", "dim"), str(counts.captured), ("  published ", "dim"), str(counts.published))
    for label, count in (("overwritten", counts.overwritten), ("shed", counts.shed), ("failed", counts.failed)):
        text.append(f"  {label} ", style="dim")
        text.append(str(count), style="yellow" if count else "")
    return text


def _several(cameras: Mapping[str, CameraVitals] | None) -> Iterable[tuple[str, CameraVitals]]:
    """Each of several cameras; of one everything is said already."""
    return cameras.items() if cameras is not None and len(cameras) > 1 else ()


def _camera_table(*heads: str) -> Table:
    """Narrow enough for 40 columns; where a name is too long for that, it gives way to the figures."""
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("camera", style="cyan", overflow="fold", min_width=7)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _lost(count: int) -> Text:
    return Text(str(count), style="yellow" if count else "")


def _cameras_now(cameras: Mapping[str, CameraVitals]) -> RenderableType:
    table = _camera_table("fps", "p99 ms", "lost", "away")
    for name, camera in cameras.items():
        figures = number(camera.fps), number(camera.p99_ms), _lost(camera.counts.lost)
        table.add_row(name, *figures, Text((camera.trouble or "").removeprefix("away "), style="bold red"))
    return table


def _cameras_then(cameras: Mapping[str, CameraSummary]) -> RenderableType:
    table = _camera_table("fps", "p99 ms", "frames", "lost")
    for name, camera in cameras.items():
        figures = number(camera.fps), number(camera.latency_ms.p99), str(camera.frames.published)
        table.add_row(name, *figures, _lost(camera.frames.lost))
    return table


def _stages(rows: Mapping[str, tuple[float | None, ...]], heads: tuple[str, ...]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("stage", style="cyan", no_wrap=True)
    table.add_column("", style="dim")
    for head in heads:
        table.add_column(head, justify="right")
    networks = {name.partition(".")[0] for name in rows if "." in name}
    shown = ""
    for name, values in rows.items():
        stage, _, part = name.partition(".")
        label = _PARTS[part] if stage in networks else ""
        table.add_row("" if stage == shown else stage, label, *(number(value, 2) for value in values))
        shown = stage
    return table


def _quantiles(spread: Spread) -> str:
    return f"{number(spread.p50)} / {number(spread.p95)} / {number(spread.p99)} ms"


def bench_table(document: Mapping[str, Any]) -> RenderableType:
    """The figures of `edge-run bench`, median with the spread of the repeats."""
    machine = document["machine"]
    table = Table(
        title=f"{document['frames_per_repeat']} frames a repeat · {machine['cpu']}, {machine['cores']} cores",
        box=box.SIMPLE_HEAD,
    )
    for head in ("figure", "median", "min", "max"):
        table.add_column(head, justify="left" if head == "figure" else "right")
    for name, values in document["repeats"].items():
        table.add_row(
            name,
            *(f"{value:.3g}" if value < 10 else f"{value:.1f}" for value in (document[name], min(values), max(values))),
        )
    if (networks := document["networks"]) is not None:
        for name, fps in networks["alone_fps"].items():
            table.add_row(f"network {name} alone, fps", number(fps), "", "")
        gains = networks["gain_together_each"]
        gain, low, high = networks["gain_together"], min(gains), max(gains)
        table.add_row("gain of networks at once", f"{gain:.3g}", f"{low:.3g}", f"{high:.3g}")
    for name in ("p50", "p95", "p99"):
        table.add_row(f"latency {name} ms", number(document["latency_ms"][name]), "", "")
    for name, value in document["rss_mb"].items():
        table.add_row(f"resident memory at {name}, MB", number(value), "", "")
    return table
