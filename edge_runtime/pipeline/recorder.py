"""The hook through which a run is recorded: every thread hands over what happens, one thread of its own writes it."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np

from edge_runtime.config.schema import RecordBlock
from edge_runtime.core import (
    UNLABELLED,
    ClassTable,
    Clock,
    Decision,
    Frame,
    FrameKey,
    FrameResult,
    FrameStats,
    TelemetrySample,
)
from edge_runtime.errors import SinkError
from edge_runtime.recording import schemas
from edge_runtime.recording.documents import (
    Box,
    GovernorInputs,
    annotations_document,
    decision_document,
    encode,
    log_document,
)
from edge_runtime.recording.images import jpeg_message, raw_message
from edge_runtime.recording.mcap_file import Opening, summary_attachment
from edge_runtime.recording.ring import Target
from edge_runtime.sinks.document import result_document
from edge_runtime.sinks.draw import class_color
from edge_runtime.sinks.overlay import label_text

from .outlet import yield_to_networks
from .summary import SinkAccount

# Pictures that may wait to be written, of more than two cameras so many each; and other messages, which are small.
ROOM, ROOM_EACH, MESSAGE_ROOM = 8, 4, 4096
# Threads that encode the pictures of several cameras, which would be too much for one.
ENCODERS = 4
PATIENCE_S, TICK_S = 5.0, 1.0


@dataclass(frozen=True, slots=True)
class _Captured:
    """What is kept of a frame until it is known what became of it."""

    frame_id: int
    camera: str
    t_capture_ns: int
    t_stream_ns: int | None
    ego_speed_mps: float | None
    outages: int

    @classmethod
    def of(cls, frame: Frame) -> _Captured:
        when = frame.t_capture_ns, frame.t_stream_ns
        return cls(frame.frame_id, frame.camera, *when, frame.ego_speed_mps, frame.outages)

    @property
    def key(self) -> FrameKey:
        return self.camera, self.frame_id

    def document(self, fate: str, *, picture: bool = False) -> dict[str, Any]:
        return {**{name: getattr(self, name) for name in self.__slots__}, "fate": fate, "picture": picture}


class Recorder:
    """Any thread may hand over; nobody waits for the disk, except a file replayed fast, for up to `PATIENCE_S`.

    At most `ROOM` pictures wait, or `ROOM_EACH` of each camera where that is more: of a frame that comes too many its
    picture is left out and counted in `dropped`, while what is small is kept. A target that fails is ended and named in
    `error`; everything later counts as dropped.
    """

    def __init__(
        self,
        target: Target,
        opening: Opening,
        block: RecordBlock,
        clock: Clock,
        *,
        classes: ClassTable,
        shown: tuple[str, ...],
        waits: bool,
        instead: Mapping[str, str],
    ) -> None:
        self.name = f"recording {block.path.name}"
        self.written = self.dropped = 0
        self.error: str | None = None
        self._target, self._block, self._clock = target, block, clock
        self._unix_origin_ns = opening.unix_origin_ns
        self._classes, self._shown, self._instead, self._waits = classes, shown, instead, waits
        self._queue: deque[Callable[[], None]] = deque()
        cameras = len(opening.cameras)
        self._pictures, self._room = 0, max(ROOM, ROOM_EACH * cameras)
        self._encoders: ThreadPoolExecutor | None = None
        if cameras > 1 and block.images == "jpeg":
            self._encoders = ThreadPoolExecutor(min(ENCODERS, cameras), "encode", yield_to_networks)
        self._captured: dict[FrameKey, _Captured] = {}
        self._asked = 0
        self._decision: Decision | None = None
        self._failing = self._stalled = self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()

    @property
    def account(self) -> SinkAccount:
        return SinkAccount(self.written, self.dropped, self.error)

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(self._target.notices)

    def captured(self, frame: Frame) -> None:
        """The source delivered a frame; the picture itself is not kept for it."""
        captured = _Captured.of(frame)
        self._put(lambda: self._captured.update({captured.key: captured}))

    def shed(self, frame: Frame) -> None:
        """A captured frame was given up before it ran."""
        key = frame.key
        self._put(lambda: self._settle(key, "shed"))

    def published(self, frame: Frame, result: FrameResult) -> None:
        """A frame came out, whole or failed."""
        if result.error is not None and not self._failing:
            self.event("frame_failed", result.error)
        self._failing = result.error is not None
        wanted = self._block.images != "none"
        with self._changed:
            if wanted and self._waits and self._pictures >= self._room:
                patience_s = 0.0 if self._stalled else PATIENCE_S
                self._stalled = not self._changed.wait_for(
                    lambda: self._pictures < self._room or self.error is not None, patience_s
                )
            if wanted and self._pictures < self._room and not (self._closing or self.error):
                message = self._message(frame)
                if self._put(lambda: self._write_picture(frame, result, message)):
                    self._pictures += 1
                    return
            self.dropped += wanted or self.error is not None
        captured, size = _Captured.of(frame), (frame.height, frame.width)
        self._put(lambda: self._write_result(captured, size, result, picture=False))

    def telemetry(self, sample: TelemetrySample) -> None:
        """A reading of the board."""
        self._put(lambda: self._write(schemas.TELEMETRY, sample.t_ns, sample.document()))

    def told(self, sample: TelemetrySample | None, stats: FrameStats, ego_speed_mps: float | None) -> None:
        """What a governor is told, or would be."""
        inputs = GovernorInputs(self._asked, sample, stats, ego_speed_mps)
        self._asked += 1
        self._put(lambda: self._write(schemas.INPUTS, inputs.t_ns, inputs.document()))

    def decided(self, decision: Decision) -> None:
        """What it answered; comes before the first frame that runs at it."""
        before, self._decision = self._decision, decision
        if decision.alarm is not None and (before is None or before.alarm is None):
            self.log("governor", decision.alarm, schemas.WARNING)
        if before is None or before.point.name != decision.point.name:
            self.log("governor", decision.reason)
        self._put(lambda: self._write(schemas.DECISION, decision.t_ns, decision_document(decision)))

    def event(self, name: str, message: str, level: int = schemas.ERROR) -> None:
        """Something went wrong, or somebody asked: goes into the log, and a ring saves what led to it."""
        t_ns = self._clock.now_ns()
        self.log(name, message, level)
        self._put(lambda: self._target.save(name, t_ns))

    def log(self, name: str, message: str, level: int = schemas.INFO) -> None:
        t_ns = self._clock.now_ns()
        document = log_document(level, name, message, t_ns + self._unix_origin_ns)
        self._put(lambda: self._write(schemas.LOG, t_ns, document))

    def drain(self, timeout_s: float) -> None:
        """Write what waits and end the thread; the counts are final then."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        if self._encoders is not None:
            self._encoders.shutdown(wait=False, cancel_futures=True)
        if self._thread.is_alive():
            self._fail(f"did not finish within {timeout_s:.0f} s")

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Close the file with the run's summary in it; `drain` comes before."""
        if self._thread.is_alive():
            return
        try:
            self._target.close({} if self.error else summary_attachment(summary))
        except OSError as error:
            self._fail(f"{self.name}: {error.strerror}")

    def _put(self, job: Callable[[], None]) -> bool:
        with self._changed:
            if self.error is not None or len(self._queue) >= MESSAGE_ROOM:
                return False
            self._queue.append(job)
            self._changed.notify_all()
            return True

    def _work(self) -> None:
        yield_to_networks()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing, TICK_S)
                job = self._queue.popleft() if self._queue else None
                if job is None and self._closing:
                    break
            try:
                if job is not None:
                    job()
                self._target.tick(self._clock.now_ns())
            except (SinkError, OSError) as error:
                self._fail(f"{self.name}: {error.strerror if isinstance(error, OSError) else error}")
            except Exception as error:  # a defect here must not end the drive
                self._fail(f"{self.name}: {type(error).__name__}: {error}")
            del job
        for key in list(self._captured):
            self._settle(key, "unfinished")

    def _fail(self, reason: str) -> None:
        with self._changed:
            self.error = self.error or reason
            self.dropped += self._pictures
            self._pictures = 0
            self._queue.clear()
            self._changed.notify_all()

    def _write(self, topic: str, t_ns: int, document: Mapping[str, Any]) -> None:
        if self.error is None:
            self._target.write(topic, t_ns, encode(document))

    def _settle(self, key: FrameKey, fate: str) -> None:
        captured = self._captured.pop(key, None)
        if captured is not None:
            self._write(schemas.FRAME, captured.t_capture_ns, captured.document(fate))

    def _settle_before(self, camera: str, frame_id: int) -> None:
        """A camera's frames come out in order: of those before one that did, all others were overwritten."""
        for earlier in [key for key in self._captured if key[0] == camera and key[1] < frame_id]:
            self._settle(earlier, "overwritten")

    def _message(self, frame: Frame) -> Callable[[], bytes]:
        """Gives the picture as it is written: encoded by whom it is asked, of several cameras by a thread beside."""
        make = raw_message if self._block.images == "raw" else jpeg_message
        encode = partial(make, frame.image, frame.camera, frame.t_capture_ns + self._unix_origin_ns)
        return encode if self._encoders is None else self._encoders.submit(encode).result

    def _write_picture(self, frame: Frame, result: FrameResult, message: Callable[[], bytes]) -> None:
        data = message()
        self._settle_before(frame.camera, frame.frame_id)
        self._target.write(schemas.image_topic(frame.camera), frame.t_capture_ns, data)
        with self._changed:
            self._pictures = max(0, self._pictures - 1)
            self._changed.notify_all()
        self._write_result(_Captured.of(frame), (frame.height, frame.width), result, picture=True)

    def _write_result(self, captured: _Captured, size: tuple[int, int], result: FrameResult, *, picture: bool) -> None:
        """What is known of a frame that came out; its picture, if there is one, stands right before."""
        self._settle_before(captured.camera, captured.frame_id)
        self._captured.pop(captured.key, None)
        t_ns = captured.t_capture_ns
        document = captured.document("published" if result.error is None else "failed", picture=picture)
        document |= {
            "latency_ms": result.latency_ms,
            "point": result.point.name,
            "stage_ms": {stage: round(took_ms, 3) for stage, took_ms in result.stage_ms.items()},
        }
        if result.error is not None:
            document["error"] = result.error
        self._write(schemas.FRAME, t_ns, document)
        self._write(schemas.RESULT, t_ns, self._result(result))
        annotations = annotations_document(
            self._boxes(result),
            t_ns + self._unix_origin_ns,
            thickness=max(1.0, size[0] / 480),
            font_size=max(12.0, size[0] / 45),
        )
        self._write(schemas.annotations_topic(captured.camera), t_ns, annotations)
        self.written += 1

    def _result(self, result: FrameResult) -> dict[str, Any]:
        document = result_document(result, self._classes)
        if result.masks:
            document["masks"] = {
                stage: {
                    "xyxy": [round(float(edge), 2) for edge in masks.xyxy],
                    "png": {
                        self._classes[class_id]: _png(plane)
                        for class_id, plane in zip(masks.class_id.tolist(), masks.planes, strict=True)
                    },
                }
                for stage, masks in result.masks.items()
            }
        return document

    def _boxes(self, result: FrameResult) -> list[Box]:
        found = result.boxes(self._shown, self._instead)
        label = np.full(len(found), UNLABELLED, np.int32) if found.label is None else found.label
        boxes = []
        columns = (found.xyxy, found.class_id, found.confidence, found.track_id, label)
        for xyxy, class_id, confidence, track_id, state in zip(*(each.tolist() for each in columns), strict=True):
            name = self._classes[class_id]
            blue, green, red = class_color(name)
            x0, y0, x1, y1 = (round(edge, 1) for edge in xyxy)
            text = label_text(name, confidence, track_id, "" if state == UNLABELLED else self._classes[state])
            boxes.append(Box((x0, y0, x1, y1), text, (red / 255, green / 255, blue / 255)))
        return boxes


def _png(plane: Any) -> str:
    _, png = cv2.imencode(".png", plane * np.uint8(255), (cv2.IMWRITE_PNG_COMPRESSION, 1))
    return base64.b64encode(png.tobytes()).decode()
