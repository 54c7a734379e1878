"""What the live outputs share: which stages go out, names with holes, and an other end that comes and goes."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from edge_runtime.config.placeholders import fill
from edge_runtime.config.schema import LiveSink
from edge_runtime.core import Frame, FrameResult
from edge_runtime.core.clock import unix_ns
from edge_runtime.core.extras import missing
from edge_runtime.errors import SinkError

from .base import ResultsLost, SinkContext
from .claims import Claim
from .document import Document, result_document


class LiveOutput(ABC):
    """Sends results to other programs as they come. Nothing that goes wrong with the other end ends it.

    A subclass begins with what only one sink of the process can have, sends, and ends. While an older run of this
    process (a service that swaps its pipeline) has that, nothing is sent.
    """

    urgent = True

    def __init__(self, block: LiveSink, name: str) -> None:
        self.name = f"{block.kind} {name}"
        self._stages_wanted = block.stages
        self._claim: Claim | None = None
        self._begun = self._closed = False

    def open(self, context: SinkContext) -> None:
        self._context = context
        self._stages = self._stages_wanted or context.shown
        self._instead = {} if self._stages_wanted else context.instead
        self.name = filled(self.name, context)
        self._claim = Claim(self.name)
        self._prepare(context)
        if self._claim.take():
            self._begin_or_release()

    def write(self, frame: Frame, result: FrameResult) -> None:
        if not self._begun:
            assert self._claim is not None, "write comes after open"
            if not self._claim.take():
                raise ResultsLost("the run before this one has not ended yet")
        try:
            if not self._begun:
                self._begin_or_release()
            self._send(frame, self._part(result))
        except ResultsLost:
            raise
        except (SinkError, OSError) as error:  # what another program holds, say, may be free for the next result
            raise ResultsLost(str(error)) from error

    def close(self) -> None:
        if self._closed or self._claim is None:
            return
        self._closed = True
        try:
            if self._begun:
                self._end()
        finally:
            self._claim.release()

    def _part(self, result: FrameResult) -> FrameResult:
        """What goes out of a result: the boxes of the stages that are asked for, or of those that stand in for one."""
        names = named_stages(result, self._stages, self._instead)
        return replace(
            result,
            detections={name: result.detections[name] for name in names},
            regions={name: result.regions[name] for name in names if name in result.regions},
            masks={},
        )

    def _begin_or_release(self) -> None:
        assert self._claim is not None
        try:
            self._begin()
        except BaseException:
            self._claim.release()
            raise
        self._begun = True

    @abstractmethod
    def _prepare(self, context: SinkContext) -> None:
        """Look at whatever can be looked at before the start. Raises `SinkError`."""

    @abstractmethod
    def _begin(self) -> None:
        """Take what only one can have. Raises `SinkError`; may be called again then."""

    @abstractmethod
    def _send(self, frame: Frame, result: FrameResult) -> None:
        """Within a tenth of a second. Raises `ResultsLost`."""

    @abstractmethod
    def _end(self) -> None:
        """Flush within a few seconds and give everything back. Raises `ResultsLost`."""


def named_stages(result: FrameResult, stages: Iterable[str], instead: Mapping[str, str]) -> list[str]:
    """Those of the stages that said something, and in the place of one that did not the one named `instead`."""
    found = []
    for stage in stages:
        while stage not in result.detections and stage in instead:
            stage = instead[stage]
        if stage in result.detections and stage not in found:
            found.append(stage)
    return found


def wire_document(result: FrameResult, context: SinkContext) -> Document:
    """The document of a result, and when its picture was taken by this machine's calendar: other machines do not know
    its monotonic clock."""
    document = result_document(result, context.classes)
    document["t_capture_unix_ns"] = unix_ns() - (context.clock.now_ns() - result.t_capture_ns)
    return document


def filled(text: str, context: SinkContext, camera: str | None = None) -> str:
    """With the pipeline's and this machine's name, and a camera's where one is given or there is only one."""
    values = {"pipeline": context.pipeline, "host": socket.gethostname()}
    if camera is None and len(context.cameras) == 1:
        camera = context.cameras[0]
    return fill(text, **values) if camera is None else fill(text, camera=camera, **values)


def by_camera(text: str, context: SinkContext) -> Callable[[str], str]:
    """`text` filled for each camera that comes, once."""
    return cache(lambda camera: filled(text, context, camera))


def missing_library(kind: str, extra: str, error: ImportError) -> SinkError:
    return SinkError(missing(f"sink {kind}", error.name or str(error), extra))
