"""One run of a pipeline: what it owns, from its first thread to its summary."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.export import to_document
from edge_runtime.config.ladder import ladder_of
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import CameraSource, NetworkStage
from edge_runtime.core import ClassTable, Frame, FrameResult, OperatingPoint, SystemClock
from edge_runtime.core.trace import TraceLog
from edge_runtime.errors import EngineError, RunError
from edge_runtime.recording.run_folder import create_run_folder, versions, write_pipeline, write_stacks, write_summary
from edge_runtime.recording.schemas import INFO, WARNING
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import Sink, SinkContext
from edge_runtime.sinks.callback import CallbackSink
from edge_runtime.sources.base import Source
from edge_runtime.sources.camera import without_password

from .accounts import Accounts, Snapshot
from .assemble import assemble
from .budgets import BudgetWindows
from .builds import Builds
from .camera_pose import PoseOf, simulated_poses
from .cameras import Cameras, CameraVitals, open_speed_ports, sources_of
from .executor import Executor
from .faults import Faults
from .feed import Limits
from .meter import FrameMeter
from .open_recorder import open_recorder
from .outlets import FLUSH_S, Outlets
from .recorder import Recorder
from .recovery import Recovery
from .regions import ReportViews
from .steered import SteeringState
from .steering import Steering, make_steering
from .summary import RunSummary, SinkAccount, Spread
from .traced import TracedRate
from .vitals import Vitals

OnResult = Callable[[Frame, FrameResult], None]
PointNow = Callable[[], OperatingPoint]

_AS_IN_THE_FILE = OperatingPoint()


class Run:
    """One run of a pipeline: owns its source, networks, sinks, threads and folder. Made by `Pipeline.start`."""

    def __init__(
        self,
        loaded: LoadedPipeline,
        out: Path | None,
        limits: Limits,
        on_result: OnResult | None,
        sources: Mapping[str, Source] | None,
        builds: Builds,
        trace: TraceLog | None,
        pose: PoseOf | None,
        point: PointNow | None,
    ) -> None:
        if point is not None:
            loaded = loaded.with_config(loaded.config.model_copy(update={"governor": None}))
        config, clock = loaded.config, SystemClock()
        self._config, self._clock = config, clock
        self._accounts = Accounts()
        self._faults = Faults(config.faults, clock)
        self._held = point
        self.recoveries = 0
        self._recorder: Recorder | None = None
        self._rate = None if trace is None else TracedRate(trace)
        self._budgets = BudgetWindows(config.budgets, self._budget_broken)
        self._stop = threading.Event()
        self._points: tuple[str, ...] = ()
        if config.governor is not None:
            self._points = tuple(rung.name for rung in ladder_of(loaded)[0].most_useful_first)
        self._summary: RunSummary | None = None
        fast = config.fast
        if pose is None and sources is None:
            pose = simulated_poses(config.cameras)
        with ExitStack() as owner, ExitStack() as opening:
            self._assembly = assemble(loaded, clock, owner, builds=builds, trace=trace, pose=pose, faults=self._faults)
            opened = sources_of(config, self._faults, sources)
            for source in opened.values():
                opening.callback(source.close)
            infos = {name: source.info for name, source in opened.items()}
            ports = open_speed_ports(config, clock)
            for port in ports.values():
                opening.callback(port.close)
            self.folder = create_run_folder(config.name, out, datetime.now())
            write_pipeline(self.folder, to_document(config))
            context = SinkContext(
                self.folder,
                self._assembly.classes,
                self._assembly.shown,
                next(iter(infos.values())).fps or 30.0,
                self._assembly.instead,
                tuple(opened),
                config.name,
                clock,
            )
            sinks: list[Sink] = [self._faults.sink(make_sink(block)) for block in config.sinks]
            if on_result is not None:
                sinks.append(CallbackSink(on_result))
            self._outlets = Outlets(sinks, context, waits=fast, clock=clock, trace=trace)
            opening.callback(self._outlets.close)
            self._meter = FrameMeter(
                [stage.name for stage in config.stages if isinstance(stage, NetworkStage)], config.budgets.latency_ms
            )
            self._recorder = open_recorder(
                config,
                self._public_config(),
                self.folder,
                infos,
                clock,
                classes=self._assembly.classes,
                shown=self._assembly.shown,
                instead=self._assembly.instead,
                waits=fast,
            )
            if self._recorder is not None:
                opening.callback(self._recorder.drain, FLUSH_S)
            self._assembly.optional.on_out = self._model_out
            for alarm in self._assembly.optional.alarms:
                self._model_out(alarm)
            self._steering: Steering | None = None
            if not fast:
                self._steering = make_steering(
                    loaded,
                    self._meter,
                    self._budgets,
                    clock,
                    self.folder,
                    trace=trace,
                    recorder=self._recorder,
                    faults=self._faults,
                )
                opening.callback(self._steering.close)
            self._cameras = Cameras(
                config,
                opened,
                ports,
                self._accounts,
                clock,
                on_gpu=self._assembly.on_gpu,
                batched=self._assembly.batched,
                limits=limits,
                on_capture=self._meter.capture,
                on_end=self._budgets.ended,
                fps_cap=lambda: self._point().fps_cap,
                trace=trace,
                recorder=self._recorder,
            )
            self._executor = Executor(
                self._cameras.slot,
                self._assembly.steps,
                self._publish,
                clock,
                in_flight=config.executor.in_flight,
                cameras=len(opened),
                fresh=not fast,
                alone=fast and self._assembly.on_gpu,
                point=self._point,
                recovery=Recovery(self._recover, self._assembly.optional),
                stuck_s=config.executor.stuck_s,
                trace=trace,
            )
            self._threads = self._executor.threads(*self._cameras.reads(self._stop), names=self._cameras.lanes)
            opening.pop_all()
            self._owner = owner.pop_all()
        for thread in self._threads:
            thread.start()
        if self._steering is not None:
            self._steering.start()

    def _point(self) -> OperatingPoint:
        if self._held is not None:
            return self._held()
        return _AS_IN_THE_FILE if self._steering is None else self._steering.point

    def _recover(self) -> None:
        if self._recorder is not None:
            self._recorder.event("engine_error", "the networks failed several frames in a row and are made anew")
        self._assembly.make_networks_anew()
        self.recoveries += 1

    def _model_out(self, alarm: str) -> None:
        if self._recorder is not None:
            self._recorder.event("model_out", alarm)

    def _publish(self, frame: Frame, result: FrameResult) -> None:
        now_ns = self._clock.now_ns()
        self._cameras.accounts[frame.camera].publish(result, now_ns)
        if result.error is None:
            self._budgets.published(now_ns, result.latency_ms, frame.ego_speed_mps, frame.camera)
            if self._steering is not None:
                self._meter.publish(now_ns, frame, result)
            if self._rate is not None:
                self._rate.published(now_ns)
        self._outlets.offer(frame, result)
        if self._recorder is not None:
            self._recorder.published(frame, result)

    def _budget_broken(self, name: str) -> None:
        if self._recorder is not None:
            self._recorder.event(f"budget_{name}", f"the budget {name} is not held", WARNING)

    def save_recording(self, event: str) -> None:
        """Let a recording keep what led to this moment. Safe from any thread and in a signal handler."""
        if self._recorder is not None:
            self._recorder.event(event, "somebody asked for it", INFO)

    def listen(self, sink: Sink) -> Callable[[], None]:
        """Give every result from now on to `sink` too, on a thread of its own, until the returned function is called.

        Such a sink is no part of the run's books. After the end it hears nothing.
        """
        return self._outlets.listen(sink)

    def stop(self) -> None:
        """Take no more frames; those taken are finished and published. Safe from any thread, any number of times."""
        self._stop.set()
        self._cameras.slot.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the last frame is out; False when it is not yet after `timeout_s`.

        Somebody must: who waits also notices a network that hangs, and then the run ends without it.
        """
        return self._executor.wait(timeout_s)

    @property
    def left_behind(self) -> bool:
        """Whether a thread is left in a network that hangs: the process must then end by `os._exit`."""
        return self._executor.given_up

    @property
    def name(self) -> str:
        return f"{self._config.name} · {', '.join(self._cameras.sources)}"

    @property
    def cameras(self) -> tuple[str, ...]:
        """Their names, in the order of the file."""
        return tuple(self._cameras.sources)

    @property
    def classes(self) -> ClassTable:
        """The names of the class ids in results."""
        return self._assembly.classes

    @property
    def pictures(self) -> int | None:
        """How many frames the sources will give; None when one cannot tell or never ends."""
        blocks = self._config.cameras
        counts = [
            None if isinstance(block, CameraSource) or block.loop else self._cameras.sources[block.camera].info.pictures
            for block in blocks
        ]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def pin(self, images: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Make these pictures cheaper to take to the networks; the caller keeps them until the run has ended."""
        for image in images:
            for network in self._assembly.networks.values():
                network.pin(image)

    @property
    def host_cpu_ns(self) -> int:
        """CPU time of the two host threads, once the run has ended: preprocess, decode, merge, track, publish."""
        return sum(self._executor.cpu_ns.values())

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def snapshot(self) -> Snapshot:
        return self._cameras.snapshot()

    def steering(self) -> SteeringState | None:
        """Power, operating point and alarm right now; None at pace fast, where nothing is measured."""
        return None if self._steering is None else self._steering.state

    def vitals(self) -> Vitals:
        """All that can be measured of the run right now; for who looks once in a while, not for every frame."""
        ended, stages = self.wait(0.0), [stage for stage in self._config.stages if isinstance(stage, NetworkStage)]
        return Vitals(
            name=self._config.name,
            cameras=self._cameras.vitals(ended=ended),
            models={stage.name: stage.model for stage in stages},
            points=self._points,
            snapshot=self.snapshot(),
            steering=self.steering(),
            latency=self._accounts.latency,
            stages=dict(self._accounts.stages),
            budgets=self._budgets.accounts(),
            sinks=self._sink_accounts(),
            notices=self.notices(),
            models_out=self.models_out(),
            optional_models=self._assembly.optional.accounts(),
            recoveries=self.recoveries,
            ended=ended,
            error=self._error() if ended else None,
        )

    def camera_vitals(self) -> dict[str, CameraVitals]:
        """How each camera is right now."""
        return self._cameras.vitals(ended=self.stopping or self.wait(0.0))

    def notices(self) -> tuple[str, ...]:
        """What a person should know so far: warnings of the source, failed frames, sinks that ended."""
        return tuple(text for _, text in self.news())

    def news(self) -> tuple[tuple[str | None, str], ...]:
        """The same, each with the camera that it is about, where it is about one."""
        found = [*(self._steering.notices if self._steering else ()), *self._assembly.optional.notices]
        found += [f"{count} x {reason}" for reason, count in self._accounts.failures.items()]
        found += [f"sink {name} ended: {sink.error}" for name, sink in self._sink_accounts().items() if sink.error]
        found += self._outlets.notices
        found += () if self._recorder is None else self._recorder.notices
        return (*self._cameras.news(), *((None, text) for text in found))

    def ended_sinks(self) -> tuple[str, ...]:
        """The sinks, and the recording, that take nothing any more."""
        return tuple(name for name, sink in self._sink_accounts().items() if sink.error)

    def no_picture(self) -> str | None:
        """`no picture from front for 12 s: …` while a camera is away; None when all is well."""
        return None if self.stopping else self._cameras.no_picture()

    def models_out(self) -> tuple[str, ...]:
        """A sentence for each optional model that the run goes on without."""
        return self._assembly.optional.alarms

    def finish(self) -> RunSummary:
        """Drain, flush, close, and write `summary.json`. May be called twice; the summary is the same."""
        if self._summary is not None:
            return self._summary
        self.stop()
        self.wait()
        reading = self._threads[: len(self._cameras.sources)]
        self._cameras.join(reading)
        self._cameras.settle(self._executor.lost, str(self._executor.failure))
        if self._rate is not None:
            self._rate.silent(self._clock.now_ns())
        if self._steering is not None:
            self._steering.close()
        self._cameras.close_ports()
        self._outlets.close()
        if self._recorder is not None:
            if (failure := self._executor.failure) is not None:
                self._recorder.event("run_failed", str(failure))
            self._recorder.drain(FLUSH_S)
        self._cameras.close_sources(reading)
        if self.left_behind:
            write_stacks(self.folder)
        else:
            self._owner.close()
        self._summary = self._summarise()
        if self._recorder is not None:
            self._recorder.finish(self._summary.document())
        try:
            write_summary(self.folder, self._summary.document())
        except RunError as error:  # a full disk: what ran after this one, or is told by it, must not suffer
            self._summary.warnings.append(str(error))
        return self._summary

    def _error(self) -> str | None:
        failure = self._executor.failure
        if isinstance(failure, EngineError):
            return str(failure)
        if failure is not None:
            return f"{type(failure).__name__}: {failure}"
        return self._cameras.error

    def _summarise(self) -> RunSummary:
        accounts = self._accounts
        warnings = [*(text for _, text in self._cameras.news()), *self._cameras.late()]
        warnings += self._outlets.notices
        if self._recorder is not None:
            warnings += self._recorder.notices
        if self.recoveries:
            warnings.append("the networks failed and were made anew once")
        warnings += self._assembly.optional.warnings
        if self._steering is not None:
            warnings += self._steering.notices
        elif self._config.governor is not None:
            warnings.append("at pace fast there is no time to hold: the governor did not run")
        frames = accounts.counts(self._cameras.overwritten)
        if not frames.balanced:
            warnings.append("the frame counts do not add up, which is a defect of this program: please report the run")
        return RunSummary(
            name=self._config.name,
            folder=self.folder,
            frames=frames,
            seconds=accounts.seconds,
            fps=self._cameras.fps,
            latency_ms=Spread.of(accounts.latency),
            stage_ms={stage: Spread.of(quantiles) for stage, quantiles in accounts.stages.items()},
            budgets=self._budgets.accounts(),
            regions_shed={
                stage: counts
                for step in self._assembly.steps
                if isinstance(step, ReportViews)
                for stage, counts in step.shed.items()
            },
            power_w=None if self._steering is None else self._steering.power_w,
            sinks=self._sink_accounts(),
            warnings=warnings,
            failures=dict(accounts.failures),
            error=self._error(),
            versions=versions(),
            backends=dict(self._assembly.backends),
            config=self._public_config(),
            governor=None if self._steering is None else self._steering.account,
            cameras=self._cameras.summaries(),
            faults=self._faults.accounts(),
            optional_models=self._assembly.optional.accounts(),
        )

    def _sink_accounts(self) -> dict[str, SinkAccount]:
        accounts = self._outlets.accounts()
        return accounts if self._recorder is None else {**accounts, self._recorder.name: self._recorder.account}

    def _public_config(self) -> dict[str, Any]:
        """The configuration for the summary, which people pass on: without a camera's password."""
        document = to_document(self._config)
        blocks = document["sources"] if "sources" in document else [document["source"]]
        for block in blocks:
            if "device" in block:
                block["device"] = without_password(str(block["device"]))
        return document

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
