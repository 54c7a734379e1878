"""One pipeline at work inside a service: its run, the source it reads, and what is said of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from edge_runtime.config.ladder import ladder_of
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import CameraSource, PipelineConfig, SimulationSource
from edge_runtime.core import Clock, Frame, FrameResult
from edge_runtime.pipeline.builds import Builds
from edge_runtime.pipeline.camera_pose import PoseOf, simulated_pose
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.pipeline.run import Pipeline

from .journal import Journal
from .pulse import Pulse
from .relay import Leg
from .sentence import sentence

# A failure that repeats is said so often at most.
REPEAT_NS = 10_000_000_000


class Flow:
    """Starts a pipeline; `after` is a flow whose source it takes over, else it opens its own. `close` ends it in order.

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
        self.leg: Leg
        self._pose: PoseOf | None
        if after is not None:
            self.leg, self._pose = after.leg.successor(), after._pose
        else:
            self.leg = Leg(open_source(config.source, waits=True))
            self._pose = simulated_pose(config.source) if isinstance(config.source, SimulationSource) else None
        try:
            self.run = Pipeline(loaded).start(source=self.leg, builds=builds, on_result=self._result, pose=self._pose)
        except BaseException:
            self.leg.close()
            raise

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
        now_ns, run, config = self._clock.now_ns(), self.run, self.loaded.config
        snapshot, state = run.snapshot(), run.steering()
        beats = self._pulse.beats(snapshot.counts, now_ns)
        for text in self._news():
            self._journal.say("warning", text, config.source.camera)
        if state is not None and state.point != self._point:
            self._point = state.point
            bound = "" if state.binding is None else f", bound by {state.binding}"
            self._journal.say("notice", f"point {state.point}{bound}")
        silent_s, out = self._pulse.silent_s, run.models_out()
        return beats, sentence(snapshot, state, self._points, silent_s, config.source.camera, out)

    def _news(self) -> Iterator[str]:
        """What the run notices, each thing once; failed frames are said with their number elsewhere."""
        for text in self.run.notices():
            count, _, reason = text.partition(" x ")
            if text not in self._said and not (count.isdecimal() and reason):
                self._said.add(text)
                yield text

    def hand_over(self, to: Flow, patience_s: float) -> None:
        """Give the source to a flow that was started `after` this one, and end; no picture is lost."""
        self.leg.hand_on(to.leg)
        self.run.wait(patience_s)
        to.leg.take()
        self.close()

    def close(self) -> str | None:
        """Drain, flush and write the summary; returns the error that ended the run, None when there was none."""
        self.leg.take()  # a source whose turn never came is not waited for
        return self.run.finish().error


def cannot_overlap(old: PipelineConfig, new: PipelineConfig) -> str | None:
    """What only one run can hold at a time, so that the old one must end before the new one starts; None if nothing.

    The same source is handed on and needs no second opening.
    """
    if old.board.control or new.board.control:
        return "the board's settings"
    if new.source.ego_speed_udp is not None and new.source.ego_speed_udp == old.source.ego_speed_udp:
        return f"the address {new.source.ego_speed_udp}"
    cameras = isinstance(old.source, CameraSource) and isinstance(new.source, CameraSource)
    if cameras and old.source != new.source and old.source.device == new.source.device:  # type: ignore[union-attr]
        return f"the camera {new.source.camera}"
    return None
