"""The cameras of a run: each has its source, its thread, its books, and room for its newest frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from edge_runtime.config.address import udp_address
from edge_runtime.config.schema import PipelineConfig
from edge_runtime.core import Clock
from edge_runtime.core.quantiles import Quantiles
from edge_runtime.core.trace import SOURCE, TraceLog
from edge_runtime.sources.base import Source
from edge_runtime.sources.ego_speed import SpeedPort
from edge_runtime.sources.pace import DriveClock
from edge_runtime.sources.resident import ResidentPictures

from .accounts import Accounts, FrameCounts, Snapshot
from .faults import Faults
from .feed import Captured, Feed, Limits
from .open_source import open_sources
from .outages import CameraAccount
from .recorder import Recorder
from .slot import HandOver, NewestSlot, NewestSlots
from .summary import CameraSummary, Spread

# How long cameras may take to return from a read once the run has stopped, and files, which always do: to be decoded or
# painted a picture may take its time on a busy machine.
READ_S, FILE_S = 1.0, 10.0
# How long a frame may wait on a GPU for those of other cameras, where the file does not say: cameras that share a
# trigger go together, and others are not held up. On the CPU a batch of two takes as long as two calls, so that waiting
# gains nothing: 5 ms made the median of a camera 13 ms instead of 9, and its p99 30 instead of 19.
GPU_WINDOW_MS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CameraVitals:
    """How one camera is right now. `fps` and `p99_ms` are of the last second, None where nothing came in it; `latency`
    is of the whole run and goes on counting while it is read.

    `no_picture` says what is wrong while it gives no pictures, and `away_s` for how long it has not; that is None for
    one that will not come back. `ended` says that nothing more will come, for a good reason or a bad one.
    """

    counts: FrameCounts
    fps: float | None
    latency: Quantiles
    outages: CameraAccount
    no_picture: str | None
    p99_ms: float | None = None
    away_s: float | None = None
    ended: bool = False

    @property
    def trouble(self) -> str | None:
        """In two words: `away 12 s` or `ended`; None when all is well."""
        if self.no_picture is None:
            return None
        return "ended" if self.away_s is None else f"away {self.away_s:.0f} s"


def sources_of(config: PipelineConfig, faults: Faults, given: Mapping[str, Source] | None) -> dict[str, Source]:
    """The opened source of every camera, with its faults; `given` takes the place of the file's own.

    One camera of several that is not there is waited for, unless the file says otherwise. Raises `SourceError`, with
    nothing left open.
    """
    opened = open_sources(config.cameras, waits=len(config.cameras) > 1, given=given)
    return {camera: faults.source(source, camera) for camera, source in opened.items()}


def open_speed_ports(config: PipelineConfig, clock: Clock) -> dict[str, SpeedPort]:
    """Where somebody sends the vehicle's speed, by the camera whose block says so; none for files replayed fast.

    Raises `SourceError`, with nothing left open.
    """
    ports: dict[str, SpeedPort] = {}
    with ExitStack() as opening:
        for block in config.cameras if not config.fast else ():
            if block.ego_speed_udp is not None:
                port = SpeedPort(udp_address(block.ego_speed_udp), block.ego_speed_stale_ms, clock)
                opening.callback(port.close)
                ports[block.camera] = port
        opening.pop_all()
    return ports


class Cameras:
    """Reads every camera on a thread of its own into `slot`. Owns the sources and ports.

    `whole` are the books of the run; with several cameras each has books of its own beside them. `batched` says that
    a call of some network has room for several frames: where none has, no frame waits for another's. `on_end` hears of
    each of several that has given all it was to give.
    """

    def __init__(
        self,
        config: PipelineConfig,
        sources: Mapping[str, Source],
        ports: Mapping[str, SpeedPort],
        whole: Accounts,
        clock: Clock,
        *,
        on_gpu: bool,
        batched: bool,
        limits: Limits,
        on_capture: Callable[[int, str], None],
        on_end: Callable[[str], None],
        fps_cap: Callable[[], float | None],
        trace: TraceLog | None,
        recorder: Recorder | None,
    ) -> None:
        self.sources, self._whole, self._clock = dict(sources), whole, clock
        self._fast, self._on_end = config.fast, on_end
        several = len(sources) > 1
        self.accounts = {name: Accounts(whole) if several else whole for name in sources}
        self.slot: NewestSlot[Captured] | NewestSlots[Captured] = NewestSlot()
        slots: Mapping[str, NewestSlot[Captured]]
        if several:
            given_ms = config.executor.batch_window_ms
            window_ms = given_ms if given_ms is not None else GPU_WINDOW_MS if on_gpu else 0.0
            window_ns = round(window_ms * 1e6) if batched else 0
            self.slot = NewestSlots(sources, window_ns=window_ns, in_step=config.fast, clock=clock)
            slots = self.slot.of_camera
        else:
            (only,) = sources.values()
            if config.fast and on_gpu and isinstance(only, ResidentPictures):
                self.slot = HandOver()
            slots = dict.fromkeys(sources, self.slot)
        self._slots = slots
        self._ports = dict(ports)
        speeds_kmh = [block.ego_speed_kmh for block in config.cameras if block.ego_speed_kmh is not None]
        any_port = next(iter(ports.values()), None)
        drive = DriveClock() if several else None
        self.feeds = {
            block.camera: Feed(
                sources[block.camera],
                slots[block.camera],
                self.accounts[block.camera],
                clock,
                camera=block.camera,
                ego_speed_mps=_own_or_first_mps(block.ego_speed_kmh, speeds_kmh),
                speed_port=ports.get(block.camera, any_port),
                waits=config.fast,
                limits=limits,
                on_capture=None if config.fast else on_capture,
                fps_cap=None if config.fast else fps_cap,
                trace=trace,
                lane=f"{SOURCE} {block.camera}" if several else SOURCE,
                recorder=recorder,
                drive=drive,
            )
            for block in config.cameras
        }

    @property
    def several(self) -> bool:
        return len(self.feeds) > 1

    def reads(self, stop: threading.Event) -> list[Callable[[], None]]:
        """The work of the source threads, in the order of the cameras."""
        return [partial(self._read, camera, feed, stop) for camera, feed in self.feeds.items()]

    @property
    def lanes(self) -> list[str]:
        """What those threads are called."""
        return [f"{SOURCE} {camera}" if self.several else SOURCE for camera in self.feeds]

    def _read(self, camera: str, feed: Feed, stop: threading.Event) -> None:
        feed.run(stop)
        if self.several and feed.error is None:
            self._on_end(camera)
        if feed.out_of_time and not self._fast:
            # Time is over for all of them, also for one that is away and whose driver does not come back.
            stop.set()
            self.slot.close()

    def settle(self, lost: Mapping[str, int], why: str) -> None:
        """Give every frame that a broken run left behind its column; `lost` are those that were in flight."""
        self.slot.close()
        while captured := self.slot.take_round():
            for each in captured:
                self.accounts[each.frame.camera].drop()
        for camera, count in lost.items():
            for _ in range(count):
                self.accounts[camera].lose(why)

    @property
    def overwritten(self) -> int:
        return self.slot.overwritten

    def snapshot(self) -> Snapshot:
        """Of the run; its rate is that of the slowest camera from which something comes."""
        now_ns = self._clock.now_ns()
        whole = self._whole.snapshot(now_ns, self.overwritten)
        if not self.several:
            return whole
        rates = [each.snapshot(now_ns, 0).fps for each in self.accounts.values()]
        return replace(whole, fps=min((rate for rate in rates if rate is not None), default=None))

    @property
    def fps(self) -> float | None:
        """Of the whole run: the slowest camera that published anything."""
        return min((fps for each in self.accounts.values() if (fps := each.fps) is not None), default=None)

    def vitals(self, *, ended: bool) -> dict[str, CameraVitals]:
        now_ns = self._clock.now_ns()
        vitals = {}
        for name, feed in self.feeds.items():
            snapshot = self.accounts[name].snapshot(now_ns, self._slots[name].overwritten)
            vitals[name] = CameraVitals(
                counts=snapshot.counts,
                fps=snapshot.fps,
                latency=self.accounts[name].latency,
                outages=feed.outages.account(now_ns),
                no_picture=None if ended else self._alarm(name, now_ns),
                p99_ms=snapshot.latency_p99_ms,
                away_s=None if feed.error is not None else feed.outages.away_s(now_ns),
                ended=feed.ended,
            )
        return vitals

    def _alarm(self, camera: str, now_ns: int) -> str | None:
        """What is wrong with a camera while the run goes on; None when all is well, or it has given what it was to."""
        feed = self.feeds[camera]
        if feed.error is not None:
            return f"camera {camera} ended: {feed.error.splitlines()[0]}" if self.several else None
        return feed.outages.alarm(now_ns) if self.sources[camera].paced and not feed.ended else None

    def no_picture(self) -> str | None:
        """`no picture from front for 12 s: …` while a camera is away, of all that are; None when all is well."""
        now_ns = self._clock.now_ns()
        away = [self._alarm(camera, now_ns) for camera in self.feeds]
        return "; ".join(text for text in away if text is not None) or None

    def news(self) -> Iterator[tuple[str | None, str]]:
        """Warnings of the sources and what became of the cameras, each once, with the camera that it is about."""
        for name, feed in self.feeds.items():
            ended = [f"camera {name} ended: {feed.error}"] if self.several and feed.error is not None else []
            yield from ((name, text) for text in (*self.sources[name].warnings, *feed.outages.notices, *ended))
        for port in self._ports.values():
            yield from ((None, text) for text in port.warnings)

    def late(self) -> Iterator[str]:
        """Files whose pictures were decoded too late for their own rate."""
        for name, feed in self.feeds.items():
            if feed.pace is not None and feed.pace.late_pictures:
                of = f" of {name}" if self.several else ""
                yield f"{feed.pace.late_pictures} pictures{of} were decoded too late for the stream's own rate"

    @property
    def error(self) -> str | None:
        """Why the run ended: all cameras failed."""
        errors = [feed.error for feed in self.feeds.values()]
        return "; ".join(dict.fromkeys(error for error in errors if error)) if all(errors) else None

    def summaries(self) -> dict[str, CameraSummary]:
        """What became of each camera, once the run has ended."""
        now_ns = self._clock.now_ns()
        return {
            name: CameraSummary(
                frames=self.accounts[name].counts(self._slots[name].overwritten),
                fps=self.accounts[name].fps,
                latency_ms=Spread.of(self.accounts[name].latency),
                outages=feed.outages.account(now_ns),
                error=feed.error,
            )
            for name, feed in self.feeds.items()
        }

    def close_ports(self) -> None:
        for port in self._ports.values():
            port.close()

    def join(self, threads: Sequence[threading.Thread]) -> None:
        """Wait for the threads of `reads`, but not for one whose driver does not come back."""
        stopped_ns = self._clock.now_ns()
        for source, thread in zip(self.sources.values(), threads, strict=True):
            passed_s = (self._clock.now_ns() - stopped_ns) / 1e9
            thread.join(max(0.0, (READ_S if source.paced else FILE_S) - passed_s))

    def close_sources(self, threads: Sequence[threading.Thread]) -> None:
        """`threads` are those of `reads`. Closing a source whose driver is still at work would crash it: that one is
        closed by its own thread when it comes back.
        """
        for (camera, source), thread in zip(self.sources.items(), threads, strict=True):
            self.feeds[camera].closes = True
            if not thread.is_alive():
                source.close()


def _own_or_first_mps(own_kmh: float | None, all_kmh: Sequence[float]) -> float | None:
    """The vehicle has one speed: where a camera's block does not say it, another's does."""
    known_kmh = own_kmh if own_kmh is not None else next(iter(all_kmh), None)
    return None if known_kmh is None else known_kmh / 3.6
