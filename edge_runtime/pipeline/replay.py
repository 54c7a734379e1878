"""A drive run again: in virtual time, where a frame comes when it came and everything is the same every time, or live.

Virtual time is lockstep: every recorded frame runs, none is dropped, networks and host overlap as in a fast run. Frames
run one by one in recorded order, whichever camera they are of: none waits for one of another, which may be missing.
What depends on time is taken from the recording, never from a clock: a frame is captured when it was captured and
published as long after it as it was then (at once, where that is not known), and it runs at the point that the governor
chooses when it is told again what it was told. So two replays give the same bytes; times of stages are this machine's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import yaml

from edge_runtime.config.drive_sources import DriveSources
from edge_runtime.config.export import to_document
from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.config.schema import LIVE_KINDS, JsonlSink, LiveSink, Sink
from edge_runtime.config.shipped import at_home
from edge_runtime.core import Decision, Frame, FrameKey, FrameResult, OperatingPoint, SystemClock, TelemetrySample
from edge_runtime.errors import ConfigError, EngineError, Problem, SourceError
from edge_runtime.recording.documents import GovernorInputs, encode
from edge_runtime.recording.images import Image
from edge_runtime.recording.reader import RecordedFrame
from edge_runtime.recording.run_folder import (
    create_run_folder,
    versions,
    write_pipeline,
    write_stacks,
    write_summary,
    write_whole,
)
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import SinkContext

from .accounts import NS
from .assemble import Assembly, assemble
from .budgets import BudgetWindows
from .builds import Builds
from .decode_ahead import decoded
from .drive import Drive, pictures_of
from .drive_books import DriveBooks
from .entry import Entry
from .executor import Executor
from .faults import Faults
from .feed import Captured
from .open_source import DrivePictures
from .outlets import Outlets
from .pipeline import Pipeline
from .recovery import Recovery
from .redecide import DecisionAccount, Redecided
from .slot import NewestSlot
from .steering import decision_line, make_governor
from .summary import RunSummary, Spread

Progress = Callable[[int, int | None], None]
ClockKind = Literal["virtual", "live"]
PROGRESS_S = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class ReplayOutcome:
    """What a replay gave: its run folder with `summary.json` and `results` (the lines of `detections.jsonl`).

    `decisions` is None where no governor was asked again: in a live replay it steers by what it sees now.
    `without_picture` counts recorded frames that could not run for want of a picture, `dropped` those that the pipeline
    had dropped on the drive.
    """

    drive: Path
    clock: ClockKind
    summary: RunSummary
    results: Path
    decisions: DecisionAccount | None
    dropped: int = 0
    without_picture: int = 0

    def document(self) -> dict[str, Any]:
        decisions = self.decisions
        return {
            "drive": str(self.drive),
            "clock": self.clock,
            "folder": str(self.summary.folder),
            "results": str(self.results),
            "frames": self.summary.document()["frames"],
            "dropped_on_the_drive": self.dropped,
            "without_picture": self.without_picture,
            "decisions_identical": None if decisions is None else decisions.identical,
            "decisions": None if decisions is None else decisions.document(),
            "summary": self.summary.document(),
        }


@contextmanager
def pipeline_of(
    drive: Drive, pipeline: Path | None, overrides: Iterable[str] = (), faults: Sequence[str] = ()
) -> Iterator[LoadedPipeline]:
    """The pipeline to replay with: a file, or the one that the drive was recorded with, reading the drive.

    `faults` come on top of the file's own; those of a recording are in its frames already and do not come twice.
    Valid inside the block, which keeps a recorded ladder on the disk. Raises `ConfigError`.
    """
    blocks = [block.model_dump(mode="json", exclude_none=True) for block in drive.blocks]
    sources = DriveSources(drive.path.name, blocks)
    if pipeline is not None:
        yield load_pipeline(pipeline, overrides, faults, drive=sources)
        return
    recording = drive.recording
    if recording is None:
        fix = "name the pipeline to run: edge-run replay DRIVE --pipeline PIPELINE.yaml"
        raise ConfigError([Problem("", "is no recording, so it does not say what to run", fix, str(drive.path))])
    document: dict[str, Any] = yaml.safe_load(recording.pipeline_text)
    document.pop("faults", None)
    # They do not go out again, and what they need (a password) is not here.
    document["sinks"] = [sink for sink in document.get("sinks", ()) if sink["kind"] not in LIVE_KINDS]
    _move_home(document)
    with tempfile.TemporaryDirectory() as folder:
        if recording.ladder_text is not None:
            ladder = Path(folder) / "ladder.yaml"
            ladder.write_text(recording.ladder_text, encoding="utf-8")
            document["governor"]["ladder"] = str(ladder)
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        yield load_pipeline(f"{recording.path} (pipeline.yaml)", overrides, faults, text=text, drive=sources)


def _move_home(document: dict[str, Any]) -> None:
    """A drive recorded on another machine finds here what ships with the package."""
    for model in document["models"].values():
        for block in (model, *model.get("variants", {}).values()):
            if "onnx" in block:
                block["onnx"] = at_home("networks", block["onnx"])
    telemetry = document.get("telemetry", {})
    if "plant" in telemetry:
        telemetry["plant"] = at_home("plants", telemetry["plant"])


def replay(
    drive: Drive,
    loaded: LoadedPipeline,
    *,
    clock: ClockKind = "virtual",
    out: Path | None = None,
    frames: int | None = None,
    builds: Builds | None = None,
    progress: Progress = lambda done, of: None,
) -> ReplayOutcome:
    """Run a drive again with a pipeline of `pipeline_of`; at most `frames` frames of it.

    Raises `EdgeRuntimeError` before the first frame when anything cannot be opened. An error later ends the replay and
    stands in the summary.
    """
    with ExitStack() as owner:
        folder = create_run_folder(f"{loaded.config.name}-replay", out, datetime.now())
        loaded = _prepared(loaded, folder, pace="fast" if clock == "virtual" else "live")
        if clock == "live":
            return _live(drive, loaded, folder, frames, builds, progress)
        return _Virtual(drive, loaded, folder, owner, builds or Builds()).run(frames, progress)


def _prepared(loaded: LoadedPipeline, folder: Path, *, pace: str) -> LoadedPipeline:
    """The pipeline at a pace, with a results file, and with its ladder in the run folder."""
    config = loaded.config
    config = config.with_sources(*(each.model_copy(update={"pace": pace, "loop": False}) for each in config.cameras))
    changes: dict[str, Any] = {"record": None}
    # Nobody may take a drive of last month for what is ahead now.
    sinks: tuple[Sink, ...] = tuple(sink for sink in config.sinks if not isinstance(sink, LiveSink))
    if not any(isinstance(sink, JsonlSink) for sink in sinks):
        sinks = (*sinks, JsonlSink(kind="jsonl"))
    changes["sinks"] = sinks
    if config.governor is not None:
        ladder = folder / "ladder.yaml"
        write_whole(ladder, config.governor.ladder.read_text(encoding="utf-8"))
        changes["governor"] = config.governor.model_copy(update={"ladder": ladder})
    return loaded.with_config(config.model_copy(update=changes))


def _results(loaded: LoadedPipeline, folder: Path) -> Path:
    return folder / next(sink.path for sink in loaded.config.sinks if isinstance(sink, JsonlSink))


def _live(
    drive: Drive,
    loaded: LoadedPipeline,
    folder: Path,
    frames: int | None,
    builds: Builds | None,
    progress: Progress,
) -> ReplayOutcome:
    """As a camera would: newest wins, and the board is what the drive's sensors said."""
    config = loaded.config
    log = folder / "telemetry.jsonl"
    with log.open("wb") as file:
        for sample in drive.samples():
            file.write(encode(sample.document()) + b"\n")
    if log.stat().st_size:
        telemetry = config.telemetry.model_copy(update={"source": "recorded", "log": log})
        loaded = loaded.with_config(config.model_copy(update={"telemetry": telemetry}))
    sources = {camera: DrivePictures(drive, camera) for camera in drive.infos}
    with Pipeline(loaded).start(out=folder, frames=frames, sources=sources, builds=builds) as run:
        while not run.wait(PROGRESS_S):
            progress(run.snapshot().counts.captured, run.pictures)
        summary = run.finish()
    return ReplayOutcome(drive.path, "live", summary, _results(loaded, folder), None)


class _Watts:
    """Judges the power and heat of a drive second by second, from its own samples."""

    def __init__(self, budgets: BudgetWindows) -> None:
        self._budgets = budgets
        self._second_ns: int | None = None
        self._powers: list[float] = []
        self._means: list[float] = []

    def see(self, sample: TelemetrySample) -> None:
        if self._second_ns is None:
            self._second_ns = sample.t_ns
        elif sample.t_ns - self._second_ns >= NS:
            self._second_ns += NS * ((sample.t_ns - self._second_ns) // NS)
            power_w = fmean(self._powers) if self._powers else None
            self._budgets.measured(power_w, max(sample.temp_c.values(), default=None))
            self._means += [] if power_w is None else [power_w]
            self._powers.clear()
        if sample.power_w is not None:
            self._powers.append(sample.power_w)

    @property
    def power_w(self) -> dict[str, float] | None:
        """Mean and highest second; None when power was never measured."""
        return {"mean": round(fmean(self._means), 2), "max": round(max(self._means), 2)} if self._means else None


class _AsDecided:
    """The first step of a frame: it runs at the point that was chosen for it."""

    name = "point"

    def __init__(self, points: Mapping[FrameKey, OperatingPoint]) -> None:
        self._points = points

    def launch(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            entry.point = self._points[entry.frame.key]

    def finish(self, entry: Entry) -> None:
        """Nothing to collect."""


class _Virtual:
    """One replay in virtual time, on the threads of the executor; the caller waits and reports progress."""

    def __init__(self, drive: Drive, loaded: LoadedPipeline, folder: Path, owner: ExitStack, builds: Builds) -> None:
        config, clock = loaded.config, SystemClock()
        self._faults = Faults(config.faults, clock)
        self._drive, self._loaded, self._folder = self._faults.drive(drive), loaded, folder
        self._owner = owner
        self._assembly: Assembly = assemble(loaded, clock, owner, builds=builds, faults=self._faults)
        self._redecided = Redecided(make_governor(loaded))
        write_pipeline(folder, to_document(config))
        assembly, fps = self._assembly, next(iter(drive.infos.values())).fps or 30.0
        context = SinkContext(folder, assembly.classes, assembly.shown, fps, assembly.instead, tuple(drive.infos))
        sinks = [self._faults.sink(make_sink(block)) for block in config.sinks]
        self._outlets = Outlets(sinks, context, waits=True, clock=clock)
        self._books, self._budgets = DriveBooks(drive.infos), BudgetWindows(config.budgets)
        self._watts = _Watts(self._budgets)
        self._slot: NewestSlot[Captured] = NewestSlot()
        self._points: dict[FrameKey, OperatingPoint] = {}
        self._latency_ms: dict[FrameKey, float] = {}
        self._dropped = self._without_picture = 0
        self._error: str | None = None
        self._executor = Executor(
            self._slot,
            (_AsDecided(self._points), *self._assembly.steps),
            self._publish,
            clock,
            in_flight=config.executor.in_flight,
            fresh=False,
            alone=self._assembly.on_gpu,
            point=OperatingPoint,
            recovery=Recovery(self._assembly.make_networks_anew, self._assembly.optional),
            stuck_s=config.executor.stuck_s,
        )

    def run(self, frames: int | None, progress: Progress) -> ReplayOutcome:
        threads = self._executor.threads(lambda: self._read(frames))
        for thread in threads:
            thread.start()
        try:
            pictures = pictures_of(self._drive)
            while not self._executor.wait(PROGRESS_S):
                progress(self._books.whole.captured, pictures)
            progress(self._books.whole.captured, pictures)
        finally:
            self._slot.close()
            self._executor.wait()
            threads[0].join()
            if self._executor.given_up:
                self._owner.pop_all()  # the networks may still be in use
                write_stacks(self._folder)
            self._outlets.close()
        if (left := self._slot.take()) is not None:
            self._books.drop(left.frame.camera)
        for camera in self._executor.lost.elements():
            self._books.lose(camera, str(self._executor.failure))
        summary = self._summarise()
        write_summary(self._folder, summary.document())
        return ReplayOutcome(
            self._drive.path,
            "virtual",
            summary,
            _results(self._loaded, self._folder),
            self._redecided.account,
            self._dropped,
            self._without_picture,
        )

    def _read(self, frames: int | None) -> None:
        """The source thread's work."""
        try:
            self._feed(frames)
        except SourceError as error:
            self._error = str(error)
        except Exception as error:  # whatever ended the drive, the replay ends in order and says so
            self._error = f"reading the drive failed: {type(error).__name__}: {error}"
        finally:
            self._slot.close()

    def _feed(self, frames: int | None) -> None:
        decisions = None if self._loaded.config.governor is None else self._folder / "decisions.jsonl"
        with ExitStack() as owner:
            log = None if decisions is None else owner.enter_context(decisions.open("w", encoding="utf-8"))
            for entry, image in decoded(self._drive.entries()):
                if isinstance(entry, GovernorInputs):
                    decision = self._redecided.told(entry)
                    if log is not None and decision is not None:
                        log.write(decision_line(decision))
                elif isinstance(entry, Decision):
                    self._redecided.recorded(entry)
                elif isinstance(entry, TelemetrySample):
                    self._watts.see(entry)
                elif isinstance(entry, RecordedFrame):
                    if frames is not None and self._books.captured(entry.camera) >= frames:
                        if all(self._books.captured(camera) >= frames for camera in self._drive.infos):
                            return
                    elif not self._hand_over(entry, image):
                        return

    def _hand_over(self, recorded: RecordedFrame, image: Image | None) -> bool:
        """Put a frame before the networks and wait until there is room; False when they have broken down."""
        if image is None:
            came_out = recorded.fate in ("published", "failed")
            self._without_picture += came_out
            self._dropped += not came_out
            return True
        frame = Frame(
            frame_id=recorded.frame_id,
            camera=recorded.camera,
            t_capture_ns=recorded.t_capture_ns,
            image=image,
            ego_speed_mps=recorded.ego_speed_mps,
            t_stream_ns=recorded.t_stream_ns,
            outages=recorded.outages,
        )
        self._points[frame.key] = self._redecided.point_of(recorded)
        self._latency_ms[frame.key] = recorded.latency_ms or 0.0
        self._books.capture(frame)
        taken = self._slot.put(Captured(frame, source_ms=0.0), wait=True)
        if not taken:
            self._books.drop(frame.camera)
        return taken

    def _publish(self, frame: Frame, result: FrameResult) -> None:
        del self._points[frame.key]
        # Waiting in virtual time would be measured against the drive's clock, which has nothing to do with this one.
        stage_ms = {stage: took_ms for stage, took_ms in result.stage_ms.items() if stage not in ("source", "queue")}
        result = replace(result, latency_ms=self._latency_ms.pop(frame.key), stage_ms=stage_ms)
        t_ns = frame.t_capture_ns + round(result.latency_ms * 1e6)
        self._books.publish(frame.camera, result, t_ns)
        if result.error is None:
            self._budgets.published(t_ns, result.latency_ms, frame.ego_speed_mps, frame.camera)
        self._outlets.offer(frame, result)

    def _summarise(self) -> RunSummary:
        accounts, config, failure = self._books.whole, self._loaded.config, self._executor.failure
        warnings = list(self._drive.warnings)
        if self._without_picture:
            warnings.append(f"{self._without_picture} frames could not run: their pictures were not recorded")
        warnings += self._assembly.optional.warnings
        error = self._error
        if failure is not None:
            error = str(failure) if isinstance(failure, EngineError) else f"{type(failure).__name__}: {failure}"
        if error is None and not accounts.captured and not self._redecided.account.made:
            error = f"nothing to replay: {self._drive.path} holds no picture"
        return RunSummary(
            name=config.name,
            folder=self._folder,
            frames=accounts.counts(overwritten=0),
            seconds=accounts.seconds,
            fps=self._books.fps,
            latency_ms=Spread.of(accounts.latency),
            stage_ms={stage: Spread.of(quantiles) for stage, quantiles in accounts.stages.items()},
            budgets=self._budgets.accounts(),
            regions_shed={},
            power_w=self._watts.power_w,
            sinks=self._outlets.accounts(),
            warnings=warnings,
            failures=dict(accounts.failures),
            error=error,
            backends=dict(self._assembly.backends),
            versions=versions(),
            config=to_document(config),
            cameras=self._books.summaries(),
            faults=self._faults.accounts(),
            optional_models=self._assembly.optional.accounts(),
        )
