"""What can each operating point of a pipeline do on this machine, and what does it cost? The answer is a ladder.

The numbers mean what the governor takes them for:

- `fps` and `watts` are those of pace `fast`: as fast as it goes, nothing dropped, power above that of the board at
  rest. Watts over fps is the energy of a frame, from which the governor expects the power at any rate.
- `busy_ms` and `latency_ms` are those of pace `live`: the source's own rate, the newest frame wins. Busy times are
  taken as the running pipeline takes them (`pipeline/meter.py`), averaged over all frames, those in which the detector
  rests included, so that beside them a later run reads as a slowdown of 1. Latency is measured, not foreseen.
- `usefulness` see `profile_usefulness.py`. A cap on the frame rate is not measured: the same frames, fewer of them. It
  is worth having only where it saves power, so there are none where nothing measures power.

Points are visited in a random order that differs from round to round, and every figure is the median of the rounds:
heat and whatever else drifts falls on all of them alike. Sinks, budgets and governor of the file are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from edge_runtime.config.ladder import Ladder, Rung
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import Budgets, SimulationSource
from edge_runtime.config.words import either
from edge_runtime.core import Clock, OperatingPoint
from edge_runtime.core.extras import missing
from edge_runtime.errors import MissingPart, RunError
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.recording.run_folder import versions
from edge_runtime.sources.pace import ASSUMED_FPS
from edge_runtime.telemetry import open_telemetry
from edge_runtime.telemetry.control import BoardControl

from .accuracy import judged_kinds, labels_of
from .bench import machine
from .labels import Labels
from .observe import judged_stage, labelled_source
from .profile_board import Board, Turner, settings_of
from .profile_book import Book, digest_of, what_is_measured
from .profile_looks import Form, Looks, by_knobs, forms
from .profile_pareto import thin
from .profile_result import Figures, Profile, held_to, worth_having
from .profile_session import PowerWatch, Work, listen
from .profile_span import AS_IT_IS, Turn, effort, span
from .profile_steps import Asked, Progress, Say, Steps
from .profile_visits import Visits

# Below so many a governor has little to choose from.
FEW_RUNGS = 3


def profile(
    loaded: LoadedPipeline,
    clock: Clock,
    asked: Asked,
    book: Path,
    *,
    fresh: bool,
    progress: Progress,
    say: Say,
    board: Board | None = None,
    root: Path = Path("/"),
) -> Profile:
    """Measure every point that the file spans, or what of that the book does not hold yet.

    `board` takes the place of this board's own control, `root` is where its files lie. Raises `EdgeRuntimeError` before
    the first measurement where labels, source or what is asked for cannot be used.
    """
    labels = _labels(loaded, asked)
    bare = _bare(loaded)
    with ExitStack() as owner:
        work = Work()
        telemetry = owner.enter_context(open_telemetry(loaded.config.telemetry, clock, root=root, work=work))
        watch = PowerWatch(telemetry, work)
        listen(clock, watch, for_mode=loaded.config.board.control)
        turner = Turner(None, clock)
        settings: tuple[Turn, ...] = (AS_IT_IS,)
        if loaded.config.board.control:
            turner = owner.enter_context(Turner(board or BoardControl(root), clock))
            settings = settings_of(root, watch.power_mode)
        points = _points(loaded, asked, settings)
        notes = owner.enter_context(Book(book, _about(loaded, asked), fresh=fresh))
        steps = Steps(2 * asked.repeats * len(points) + len(by_knobs(points)), progress, say)
        if notes.carried:
            say(notes.carried)
        if not watch.reads_power:
            steps.warn(f"power is not measured: {watch.silence}. More of that: edge-run doctor telemetry")
        elif loaded.config.telemetry.source == "plant":
            steps.warn("power is that of a simulated board, for so much work as the networks have here: not measured")
        visits = Visits(bare, clock, asked, notes, watch, turner, points, steps)
        visits.make()
        figures, camera_fps = visits.figures(), _camera_fps(loaded)
        wanted = forms(loaded, figures, camera_fps)
        looks = Looks(bare, asked, notes, turner, figures, labels, steps)
        looks.make(wanted)
        rungs, useless = _rungs(wanted, figures, looks.usefulness())
        if not rungs:
            raise RunError(f"no point finds anything of {looks.truth}: is it the right --labels, the right --stage?")
        rests = [rest["power_w"] for rest in notes.all(what="rest") if rest["power_w"] is not None]
        ladder = _ladder(rungs, camera_fps, watch.power_mode, median(rests) if rests else None)
        if len(ladder.points) < FEW_RUNGS:
            steps.warn(
                f"only {len(ladder.points)} of {len(rungs)} points are worth having, which leaves a governor little to "
                "choose from: more regions, `variants` of a model or a tracking stage would give it more"
            )
    return Profile(
        name=loaded.config.name,
        ladder=ladder,
        rungs=tuple(sorted(rungs, key=lambda rung: rung.usefulness)),
        figures=figures,
        useless=useless,
        metric=asked.metric,
        truth=looks.truth,
        labelled=labels is not None,
        frames=looks.frames,
        seconds=asked.seconds,
        repeats=asked.repeats,
        book=notes.path,
        warnings=tuple(steps.warnings),
    )


def _labels(loaded: LoadedPipeline, asked: Asked) -> Labels | None:
    """What should be found, where somebody knows it."""
    source = labelled_source(loaded)
    judged_stage(loaded, asked.stage)
    if find_spec("pycocotools") is None:
        raise MissingPart(missing("profile", "pycocotools", "eval"))
    if asked.labels is None and not isinstance(source, SimulationSource):
        return None
    labels = labels_of(source, asked.labels, asked.frames)
    judged_kinds(loaded, labels, asked.stage, asked.rules.only)
    return labels


def _bare(loaded: LoadedPipeline) -> LoadedPipeline:
    """The pipeline without anything that would choose, shed, write, or measure a second time."""
    config = loaded.config
    without = {
        "source": config.one_source.model_copy(update={"ego_speed_udp": None}),
        "sinks": (),
        "record": None,
        "governor": None,
        "budgets": Budgets(),
        "telemetry": config.telemetry.model_copy(update={"source": "host"}),
        "board": config.board.model_copy(update={"control": False}),
    }
    return loaded.with_config(config.model_copy(update=without))


def _points(loaded: LoadedPipeline, asked: Asked, settings: Sequence[Turn]) -> list[OperatingPoint]:
    every = span(loaded.config, settings)
    points = [point for point in every if not asked.only or any(fnmatchcase(point.name, one) for one in asked.only)]
    if not points:
        names = either([point.name for point in every], "and")
        raise RunError(f"no point is named {either(asked.only)}; this pipeline spans {names}")
    return thin(points, asked.most or len(points), lambda point: effort(loaded.config, point))


def _about(loaded: LoadedPipeline, asked: Asked) -> dict[str, Any]:
    """What measurements belong to; more rounds or other points add to them and change nothing."""
    return {
        **what_is_measured(loaded),
        "labels": None if asked.labels is None else digest_of(asked.labels),
        "options": {
            **{key: getattr(asked, key) for key in ("seconds", "frames", "resident", "metric", "stage")},
            "rules": asdict(asked.rules),
        },
        "machine": machine(),
        "versions": versions(),
    }


def _camera_fps(loaded: LoadedPipeline) -> float:
    source = open_source(loaded.config.one_source)
    source.close()
    return source.info.fps or ASSUMED_FPS


def _rungs(
    wanted: Sequence[Form], figures: Mapping[str, Figures], useful: Mapping[str, float]
) -> tuple[list[Rung], tuple[str, ...]]:
    """What a ladder may hold, and the names of what found nothing."""
    rungs, useless = [], []
    for form in wanted:
        usefulness = useful[form.point.name]
        if round(usefulness, 4) <= 0:
            useless.append(form.point.name)
            continue
        rung = figures[form.measured.name].rung(usefulness)
        rungs.append(rung if form.point.fps_cap is None else held_to(rung, form.point))
    return rungs, tuple(useless)


def _ladder(rungs: Sequence[Rung], camera_fps: float, power_mode: str | None, rest_w: float | None) -> Ladder:
    """What is worth having. Watts that some rounds or points lack are of no use to a governor: then none are given."""
    complete = rest_w is not None and all(rung.watts is not None for rung in rungs)
    if not complete:
        rungs = [rung.model_copy(update={"watts": None}) for rung in rungs if rung.knobs.fps_cap is None]
    return Ladder(
        board=board_name(),
        power_mode=power_mode,
        idle_w=None if rest_w is None or not complete else round(rest_w, 2),
        camera_fps=round(camera_fps, 3),
        points=worth_having(rungs, camera_fps),
    )


def board_name(root: Path = Path("/")) -> str:
    """A Jetson's own name, else the processor's."""
    try:
        return (root / "proc/device-tree/model").read_text(encoding="utf-8").strip("\0 \n")
    except OSError:
        found = machine()
        return f"{found['cpu']}, {found['cores']} cores"
