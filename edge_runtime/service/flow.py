"""One pipeline at work inside a service: its run, the source it reads, and what is said of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from edge_runtime.config.ladder import ladder_of
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import CameraSource, PipelineConfig
from edge_runtime.core import Clock, Frame, FrameResult
from edge_runtime.pipeline.builds import Builds
from edge_runtime.pipeline.camera_pose import PoseOf, simulated_poses
from edge_runtime.pipeline.open_source import open_sources
from edge_runtime.pipeline.pipeline import Pipeline

from .journal import Journal
from .pulse import Pulse
from .relay import Leg
from .sentence import sentence

# A failure that repeats is said so often at most.
REPEAT_NS = 10_000_000_000


class Flow:
    """Starts a pipeline. Of `after`, a flow that runs, it takes over the cameras that have not changed and opens the
    others. `close` ends it.

    `first` is set, and `on_first` called, when the first result is out. Raises `EdgeRuntimeError` when anything cannot
    be opened; a source that it opened is closed then.
    """

    def __init__(
        self,
        loaded: LoadedPipeline,
        journal: Journal,
        clock: Clock,
        builds: Builds,
        on_first: Callable[[], None],
        after: Flow | None = None,
    ) -> None:
        config = loaded.config
        self.loaded, self.first = loaded, threading.Event()
        self._journal, self._clock, self._on_first = journal, clock, on_first
        self._said: set[str] = set()
        self._failed: dict[str, tuple[int, int]] = {}
        self._points: tuple[str, ...] = ()
        if config.governor is not None:
            self._points = tuple(rung.name for rung in ladder_of(loaded)[0].most_useful_first)
        self._point: str | None = None
        self._pulse = Pulse()
        self.legs: dict[str, Leg]
        kept = (
            {} if after is None else {camera: after.legs[camera] for camera in unchanged(after.loaded.config, config)}
        )
        anew = [block for block in config.cameras if block.camera not in kept]
        self._pose: PoseOf | None
        with ExitStack() as opening:
            opened = {camera: Leg(source) for camera, source in open_sources(anew, waits=True).items()}
            for leg in opened.values():
                opening.callback(leg.close)
            legs = opened | {camera: leg.successor() for camera, leg in kept.items()}
            self.legs = {block.camera: legs[block.camera] for block in config.cameras}
            self._pose = after._pose if after is not None and not anew else simulated_poses(config.cameras)
            self.run = Pipeline(loaded).start(sources=self.legs, builds=builds, on_result=self._result, pose=self._pose)
            opening.pop_all()

    def _result(self, frame: Frame, result: FrameResult) -> None:
        if result.error is None:
            if not self.first.is_set():
                self.first.set()
                self._on_first()
            return
        now_ns = self._clock.now_ns()
        said_ns, unsaid = self._failed.get(result.error, (now_ns - REPEAT_NS, 0))
        if now_ns - said_ns < REPEAT_NS:
            self._failed[result.error] = said_ns, unsaid + 1
            return
        self._failed[result.error] = now_ns, 0
        more = f" (and {unsaid} more since this was said)" if unsaid else ""
        text = f"camera {result.camera}, frame {result.frame_id} failed: {result.error}{more}"
        self._journal.say("warning", text, result.camera, result.frame_id)

    def look(self) -> tuple[bool, str]:
        """Whether frames flow, and the sentence that says how; what is new goes to the journal."""
        now_ns, run = self._clock.now_ns(), self.run
        snapshot, state = run.snapshot(), run.steering()
        beats = self._pulse.beats(snapshot.counts, now_ns)
        for camera, text in self._news():
            self._journal.say("warning", text, camera)
        if state is not None and state.point != self._point:
            self._point = state.point
            bound = "" if state.binding is None else f", bound by {state.binding}"
            self._journal.say("notice", f"point {state.point}{bound}")
        silent_s, out = self._pulse.silent_s, run.models_out()
        return beats, sentence(snapshot, state, self._points, silent_s, run.camera_vitals(), out)

    def _news(self) -> Iterator[tuple[str | None, str]]:
        """What the run notices, each thing once, and the camera that it is about; of several cameras it may be about
        none. Failed frames are said with their number elsewhere.
        """
        only = next(iter(self.legs)) if len(self.legs) == 1 else None
        news = list(self.run.news())
        for camera, text in news:
            count, _, reason = text.partition(" x ")
            if text not in self._said and not (count.isdecimal() and reason):
                yield camera or only, text
        self._said = {text for _, text in news}  # what the run does not tell any more does not come again

    def hand_over(self, to: Flow, patience_s: float) -> None:
        """Give the cameras that have not changed to a flow that was started `after` this one, and end; none of their
        pictures is lost.
        """
        if kept := unchanged(self.loaded.config, to.loaded.config):
            for camera, leg in self.legs.items():
                if camera in kept:
                    leg.hand_on(to.legs[camera])
                else:
                    leg.end()
            self.run.wait(patience_s)
        for leg in to.legs.values():
            leg.take()
        self.close()

    def close(self) -> str | None:
        """Drain, flush and write the summary; returns the error that ended the run, None when there was none."""
        for leg in self.legs.values():
            leg.take()  # a source whose turn never came is not waited for
        return self.run.finish().error


def unchanged(old: PipelineConfig, new: PipelineConfig) -> frozenset[str]:
    """The cameras whose sources can be handed on."""
    return frozenset(block.camera for block in new.cameras if block in old.cameras)


def cannot_overlap(old: PipelineConfig, new: PipelineConfig) -> str | None:
    """What only one run can hold at a time, so that the old one must end before the new one starts; None if nothing.

    A camera that has not changed is handed on and needs no second opening.
    """
    if old.board.control or new.board.control:
        return "the board's settings"
    ports = {block.ego_speed_udp for block in old.cameras} - {None}
    devices = {block.device for block in old.cameras if isinstance(block, CameraSource)}
    for block in new.cameras:
        if block.ego_speed_udp in ports:
            return f"the address {block.ego_speed_udp}"
        if isinstance(block, CameraSource) and block.device in devices and block not in old.cameras:
            return f"the camera {block.camera}"
    return None
