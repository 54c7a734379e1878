"""The service: one process that systemd starts, watches, reloads and stops (sd_notify(3), systemd.service(5)).

The main thread hears signals and once a second tells systemd how things are; whatever takes long (starting, swapping
a pipeline) happens on a thread beside it. The watchdog is fed only while frames flow.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.core import Clock
from edge_runtime.engines.tensorrt.progress import Progress
from edge_runtime.errors import ConfigError, EdgeRuntimeError, RunError
from edge_runtime.pipeline.assemble import build_engines
from edge_runtime.pipeline.builds import Builds
from edge_runtime.recording.run_folder import write_whole
from edge_runtime.web.site import Site

from .backoff import SETTLED_S, Backoff
from .flow import Flow, cannot_overlap, unchanged
from .journal import Journal
from .keep import GB, RunStore, size_of
from .notify import Notifier
from .resumption import Resumption
from .signals import Signals

TICK_S = 1.0
MINUTE_NS = 60_000_000_000
# While an engine is built, every tick asks systemd for so much more time.
EXTEND_S = 60
# Where runs go, from the folder that a service works in.
RUNS = Path("runs")
# How long a swap waits for a picture or a first result before it goes on, and how often it looks.
PATIENCE_S, STEP_S = 5.0, 0.05
# So many failed frames before its first result, and a new pipeline is broken.
FAILURES = 10


@dataclass(frozen=True, slots=True)
class Reloads:
    """What became of the wishes to reload; a file beside the service says it to whoever asked."""

    asked: int = 0
    refused: str | None = None
    run: str = ""


class Service:
    """Runs the pipeline file `path` until SIGTERM or the end of its source; `live` is the folder of what is true now.

    `watchdog_s` is how long systemd waits for a sign of life, None where it does not.
    """

    def __init__(
        self,
        path: Path,
        live: Path,
        notifier: Notifier,
        journal: Journal,
        clock: Clock,
        watchdog_s: float | None,
    ) -> None:
        self._path, self._live = path, live
        self._notifier, self._journal, self._clock = notifier, journal, clock
        self._tick_s = TICK_S if watchdog_s is None else min(TICK_S, watchdog_s / 4)
        self._backoff = Backoff(live)
        self._flow: Flow | None = None
        self._page = Site(clock)
        self._work: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._ready = False
        self._building = ""
        self._reloads = Reloads()
        self._reload_wanted = False
        self._store: RunStore | None = None
        self._resumption = Resumption()
        self._begun_ns = self._minute_ns = clock.now_ns()

    def run(self) -> int:
        """Until the end; returns the exit code: 2 for a pipeline file that cannot run, 1 for what may mend itself."""
        try:
            return self._run()
        except EdgeRuntimeError as error:
            self._notifier.send(STATUS=str(error).splitlines()[0])
            self._journal.say("error", str(error))
            return 2 if isinstance(error, ConfigError) else 1
        finally:
            self._page.close()

    def _run(self) -> int:
        signals = Signals((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        if not self._wait_before_start(signals):
            return 0
        self._beside(self._start)
        while True:
            heard = signals.wait(self._tick_s)
            if heard == signal.SIGHUP:
                self._reload_wanted = True
            elif heard is not None:
                return self._stop()
            if self._failure is not None:
                raise self._failure
            if self._work is None or not self._work.is_alive():
                if self._flow is not None and self._flow.run.wait(0.0):
                    return self._ended(self._flow)
                if self._reload_wanted:
                    self._reload_wanted = False
                    self._beside(self._reload)
            self._tick()

    def _wait_before_start(self, signals: Signals) -> bool:
        """Back off after failed starts; False when told to stop meanwhile."""
        pause_s = self._backoff.begin()
        if pause_s:
            text = f"the last start failed; the next is in {pause_s:.0f} s"
            self._notifier.send(STATUS=text, EXTEND_TIMEOUT_USEC=round((pause_s + EXTEND_S) * 1e6))
            self._journal.say("notice", text)
            return signals.wait(pause_s) in (None, signal.SIGHUP)
        return True

    def _beside(self, work: Callable[[], None]) -> None:
        def do() -> None:
            try:
                work()
            except BaseException as error:
                self._failure = error
            finally:
                self._building = ""

        self._work = threading.Thread(target=do, name="service work", daemon=True)
        self._work.start()

    # Starting and swapping, on the thread beside.

    def _start(self) -> None:
        self._notifier.send(STATUS="starting")
        self._write_reloads()
        loaded = load_pipeline(self._path)
        self._make_room(RunStore(RUNS), loaded, None)
        self._page.open(loaded)
        if self._page.address is not None:
            self._journal.say("info", f"live page: {self._page.address}")
        self._take_over(self._begin(loaded))

    def _begin(self, loaded: LoadedPipeline, after: Flow | None = None) -> Flow:
        return Flow(loaded, self._journal, self._clock, Builds(self._say, self._built), self._first, after)

    def _take_over(self, flow: Flow) -> None:
        self._flow = flow
        folder = flow.run.folder
        self._reloads = Reloads(self._reloads.asked, self._reloads.refused, str(folder))
        self._store = self._store or RunStore(folder.parent)
        self._store.began(folder)
        self._show(flow)
        self._write_reloads()
        self._journal.say("info", f"runs {flow.loaded.path}; results in {folder}")

    def _show(self, flow: Flow) -> None:
        """On the live page, which outlives the flows; one that cannot be opened anew does not hold a reload up."""
        try:
            self._page.open(flow.loaded)
        except EdgeRuntimeError as error:
            self._journal.say("error", f"there is no live page: {error}")
        self._page.show(flow.run)

    def _first(self) -> None:
        """The first result of a flow is out."""
        if not self._ready:
            self._ready = True
            took_s = (self._clock.now_ns() - self._begun_ns) / 1e9
            self._notifier.send(READY=1, STATUS="the first result is out")
            self._journal.say("notice", f"ready: the first result is out after {took_s:.1f} s")

    def _say(self, sentence: str) -> None:
        self._journal.say("info", sentence)

    def _built(self, model: str, progress: Progress) -> None:
        share = "" if progress.fraction is None else f", {progress.fraction:.0%}"
        self._building = f"building the engine of {model}{share}"

    def _reload(self) -> None:
        """Swap to the pipeline file as it is now; whatever is wrong with it, the one that runs goes on."""
        assert self._flow is not None
        old = self._flow
        self._notifier.send(RELOADING=1, MONOTONIC_USEC=self._clock.now_ns() // 1000, STATUS="reloading")
        refused = self._swapped(old, self._changed)
        if refused is None:
            self._journal.say("notice", "the changed pipeline has taken over")
        else:
            self._journal.say("error", f"the changed pipeline is refused, the old one runs on: {refused}")
        self._reloads = Reloads(self._reloads.asked + 1, refused, self._reloads.run)
        self._write_reloads()
        self._notifier.send(READY=1, STATUS=self._status(""))

    def _changed(self) -> LoadedPipeline:
        """The pipeline file as it is now."""
        assert self._flow is not None
        loaded, name = load_pipeline(self._path), self._flow.loaded.config.name
        if loaded.config.name != name:
            raise RunError(f"{self._path}: name: '{loaded.config.name}' is another service; write `name: {name}`")
        return loaded

    def _swapped(self, old: Flow, wanted: Callable[[], LoadedPipeline]) -> str | None:
        """Swap, and return why not; whatever that is, it must not end what runs. Raises when nothing runs any more."""
        try:
            self._swap(old, wanted())
        except Exception as error:
            if self._flow is None or self._flow.run.wait(0.0):
                raise RunError(f"the swap failed, and so did going back: {error}") from error
            return str(error) if isinstance(error, EdgeRuntimeError) else f"{type(error).__name__}: {error}"
        return None

    def _swap(self, old: Flow, loaded: LoadedPipeline) -> None:
        """Start `loaded` in the place of `old`. Raises `EdgeRuntimeError` with the old pipeline running.

        With the same source no frame is lost: the new networks are loaded beside the old ones, and then the open source
        is handed on. What only one run can hold is checked first, given up, and taken again.
        """
        held = cannot_overlap(old.loaded.config, loaded.config)
        if held is None:
            self._take_over(self._beside_or_after(old, loaded))
        else:
            build_engines(loaded, self._clock, Builds(self._say, self._built))
            self._journal.say("info", f"only one run can hold {held}: the old one ends first")
            old.close()
            try:
                self._take_over(self._begin(loaded))
            except EdgeRuntimeError:
                self._take_over(self._begin(old.loaded))
                raise
        self._let_it_prove_itself(old.loaded)

    def _beside_or_after(self, old: Flow, loaded: LoadedPipeline) -> Flow:
        """The flow of `loaded`, begun while `old` ran; it has the cameras of `old` that are the same."""
        new = self._begin(loaded, after=old)
        old.hand_over(new, PATIENCE_S)
        return new

    def _let_it_prove_itself(self, old: LoadedPipeline) -> None:
        """Go back to the old pipeline when the new one fails before its first result."""
        new = self._flow
        assert new is not None
        for _ in range(round(PATIENCE_S / STEP_S)):
            if new.first.wait(STEP_S):
                return
            if new.run.wait(0.0) or new.run.snapshot().counts.failed >= FAILURES:
                why = new.run.notices()
                kept = unchanged(new.loaded.config, old.config)
                if cannot_overlap(new.loaded.config, old.config) is None and kept:
                    self._take_over(self._beside_or_after(new, old))
                    error = None
                else:
                    error = new.close()
                    self._take_over(self._begin(old))
                raise RunError(error or "; ".join(why) or "its source ended before the first result")

    # What goes on once a second, on the main thread.

    def _tick(self) -> None:
        if self._building:
            self._notifier.send(EXTEND_TIMEOUT_USEC=EXTEND_S * 1_000_000)
        flow = self._flow
        if flow is None:
            self._notifier.send(STATUS=self._building or "starting")
            return
        beats, sentence = flow.look()
        if beats:
            self._notifier.send(WATCHDOG=1)
        if self._ready:
            self._notifier.send(STATUS=self._status(sentence))
        elif (waits := flow.run.no_picture()) is not None:
            self._notifier.send(STATUS=waits, EXTEND_TIMEOUT_USEC=EXTEND_S * 1_000_000)
        now_ns = self._clock.now_ns()
        if now_ns >= self._minute_ns:
            self._minute_ns = now_ns + MINUTE_NS
            if self._ready:
                self._journal.say("info", sentence)
            if self._ready and now_ns - self._begun_ns >= SETTLED_S * 1e9:
                self._backoff.settled()
            self._tidy(flow)

    def _status(self, sentence: str) -> str:
        parts = [sentence, self._building]
        if self._reloads.refused is not None:
            parts.append(f"a changed pipeline was refused: {self._reloads.refused.splitlines()[0]}")
        return "; ".join(part for part in parts if part)

    def _tidy(self, flow: Flow) -> None:
        """Keep the disk within its bounds; and let a new run go on where this one fills it, or could not write on."""
        keep, store = flow.loaded.config.service, self._store
        assert store is not None
        self._make_room(store, flow.loaded, flow.run.folder)
        if self._work is not None and self._work.is_alive():
            return
        if size_of(flow.run.folder) > keep.keep_gb * GB / 2:
            self._journal.say("info", f"{flow.run.folder} holds half of what is kept; a new run goes on")
            self._beside(lambda: self._begin_anew(flow))
        elif self._resumption.due(ended := flow.run.ended_sinks(), self._clock.now_ns(), has_room=store.has_room()):
            self._journal.say("notice", f"a new run goes on, to open again what had ended: {', '.join(ended)}")
            self._beside(lambda: self._begin_anew(flow))

    def _make_room(self, store: RunStore, loaded: LoadedPipeline, running: Path | None) -> None:
        if gone := store.prune(loaded.config.service, running):
            self._journal.say("info", f"deleted to keep the disk within bounds: {', '.join(gone)}")

    def _begin_anew(self, flow: Flow) -> None:
        """The same pipeline with an empty run folder."""
        if (why := self._swapped(flow, lambda: flow.loaded)) is not None:
            self._journal.say("warning", f"no new run could begin, the old one goes on: {why}")

    # The end.

    def _stop(self) -> int:
        self._notifier.send(STOPPING=1, STATUS="stopping")
        if self._flow is not None:
            self._flow.close()
        self._backoff.settled()
        self._notifier.send(STATUS="")
        self._journal.say("notice", "stopped")
        return 0

    def _ended(self, flow: Flow) -> int:
        error = flow.close()
        if error is None:
            self._backoff.settled()
            self._notifier.send(STOPPING=1, STATUS="the source has ended")
            self._journal.say("notice", "the source has ended, and the service with it")
            return 0
        self._notifier.send(STOPPING=1, STATUS=error)
        self._journal.say("error", f"the run ended: {error}")
        return 1

    def _write_reloads(self) -> None:
        write_whole(self._live / "reloads.json", json.dumps(asdict(self._reloads)) + "\n")
