"""Topics of a recording and the JSON Schema of every message that is JSON; docs/recording.md is the prose to it.

Messages named `foxglove.*` are those of docs.foxglove.dev/docs/visualization/message-schemas, so that Foxglove draws
them; only the fields that a recording fills are described. Those named `edge_runtime.*` are our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FRAME, RESULT, TELEMETRY, INPUTS, DECISION, LOG = (
    "/frame",
    "/result",
    "/telemetry",
    "/governor/inputs",
    "/governor/decision",
    "/log",
)
Schema = dict[str, Any]


def image_topic(camera: str) -> str:
    return f"/camera/{camera}/image"


def annotations_topic(camera: str) -> str:
    return f"/camera/{camera}/annotations"


def calibration_topic(camera: str) -> str:
    return f"/camera/{camera}/calibration"


def topics(cameras: Iterable[str]) -> Mapping[str, Schema]:
    """Every topic that carries JSON, with its schema; the schema's title is its name."""
    of_cameras: dict[str, Schema] = {}
    for camera in cameras:
        of_cameras |= {annotations_topic(camera): _ANNOTATIONS, calibration_topic(camera): _CALIBRATION}
    return {
        FRAME: _FRAME,
        RESULT: _RESULT,
        TELEMETRY: _TELEMETRY,
        INPUTS: _INPUTS,
        DECISION: _DECISION,
        LOG: _LOG,
        **of_cameras,
    }


def _record(
    title: str, needed: Mapping[str, Schema], also: Mapping[str, Schema] | None = None, text: str = ""
) -> Schema:
    schema: Schema = {"title": title, "type": "object", "properties": {**needed, **(also or {})}, "required": [*needed]}
    return {**schema, "description": text} if text else schema


def _number(text: str = "") -> Schema:
    return {"type": "number", "description": text} if text else {"type": "number"}


def _whole(text: str = "", least: int | None = None) -> Schema:
    schema: Schema = {"type": "integer"} if least is None else {"type": "integer", "minimum": least}
    return {**schema, "description": text} if text else schema


def _text(text: str = "") -> Schema:
    return {"type": "string", "description": text} if text else {"type": "string"}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _list(items: Schema, text: str = "") -> Schema:
    schema: Schema = {"type": "array", "items": items}
    return {**schema, "description": text} if text else schema


def _by_name(values: Schema, text: str = "") -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": values}
    return {**schema, "description": text} if text else schema


_T_NS = _whole("monotonic time in ns; log_time is the same moment in Unix time")
_POINT = _record(
    "edge_runtime.OperatingPoint",
    {"name": _text("the point's name in its ladder")},
    {
        "regions": _or_null(_whole("most regions a frame may look at")),
        "region_period": _whole("regions every so many frames"),
        "detector_period": _whole("the detector runs every so many frames"),
        "variant": _or_null(_text("variant of the models")),
        "fps_cap": _or_null(_number("frames a second that are taken")),
        "power_mode": _or_null(_text("power mode of the board")),
        "gpu_cap_mhz": _or_null(_number("most MHz of the board's GPU")),
    },
)

_FRAME = _record(
    "edge_runtime.Frame",
    {
        "frame_id": _whole("counts every picture that the camera's source delivered", least=0),
        "camera": _text(),
        "t_capture_ns": _T_NS,
        "t_stream_ns": _or_null(_whole("presentation time in the file or stream")),
        "ego_speed_mps": _or_null(_number("speed of the vehicle at capture, in m/s")),
        "fate": {
            "enum": ["published", "failed", "overwritten", "shed", "unfinished"],
            "description": "what became of it: a result; an error; a newer frame took its place; given up before it "
            "ran; still under way when the recording ended",
        },
        "picture": {"type": "boolean", "description": "whether its picture is in the recording, just before this"},
    },
    {
        "outages": _whole("how often the camera was away before", least=0),
        "latency_ms": _number("capture to publication"),
        "point": _text("operating point that it ran at"),
        "stage_ms": _by_name(_number(), "time of each stage in ms; queue is the wait before the first"),
        "error": _text("why it failed"),
    },
    "One picture of a camera, once it is known what became of it.",
)

_BOXES = _record(
    "edge_runtime.Boxes",
    {
        "xyxy": _list(_list(_number()), "x0, y0, x1, y1 in pixels of the whole picture"),
        "confidence": _list(_number()),
        "class_id": _list(_whole()),
        "class_name": _list(_text()),
        "track_id": _list(_or_null(_whole())),
    },
    {"label": _list(_or_null(_text()), "a second class, such as the state of a traffic light")},
)
_RESULT = _record(
    "edge_runtime.Result",
    {
        "frame_id": _whole(least=0),
        "camera": _text(),
        "t_capture_ns": _T_NS,
        "t_stream_ns": _or_null(_whole()),
        "latency_ms": _number("capture to publication"),
        "point": _text(),
        "stages": _by_name(_BOXES, "what each stage found"),
    },
    {
        "regions": _by_name(
            _record("edge_runtime.Regions", {"xyxy": _list(_list(_whole())), "reason": _list(_text())}),
            "where a stage with regions looked",
        ),
        "masks": _by_name(
            _record(
                "edge_runtime.Masks",
                {"xyxy": _list(_number()), "png": _by_name(_text("base64 of a PNG, 0 and 255"), "by class")},
            ),
            "what segmenting stages saw",
        ),
        "error": _text(),
    },
    "A line of detections.jsonl; masks are in it and not in files beside it.",
)

_TELEMETRY = _record(
    "edge_runtime.TelemetrySample",
    {"t_ns": _T_NS, "source": _text("what measured it")},
    {
        "power_w": _number("of the whole board"),
        "rails_w": _by_name(_number(), "watts by rail"),
        "temp_c": _by_name(_number(), "temperature by zone, in °C"),
        "gpu_load": _number("0..1"),
        "cpu_load": _number("0..1"),
        "clocks_mhz": _by_name(_number(), "clocks by unit"),
        "throttle_events": _by_name(_whole(), "counters that only grow"),
        "throttled": _list(_text(), "limits that act right now"),
        "power_mode": _text(),
    },
    "One reading of the board; what was not measured is left out.",
)

_STATS = _record(
    "edge_runtime.FrameStats",
    {"t_ns": _T_NS, "span_s": _number("seconds that the counts stand for")},
    {
        "captured": _whole(),
        "published": _whole(),
        "missed": _whole("published after the latency bound"),
        "camera_fps": _or_null(_number()),
        "fps": _or_null(_number()),
        "latency_p50_ms": _or_null(_number()),
        "latency_p99_ms": _or_null(_number()),
        "gpu_ms": _or_null(_number("busy time of the networks a frame")),
        "gpu_max_ms": _or_null(_number()),
        "host_ms": _or_null(_number("busy time of the host a frame")),
        "point": _or_null(_text("point of every published frame, null when they are mixed")),
    },
)
_INPUTS = _record(
    "edge_runtime.GovernorInputs",
    {
        "n": _whole("counts from the beginning of the run", least=0),
        "t_ns": _T_NS,
        "sample": {"anyOf": [_TELEMETRY, {"type": "null"}], "description": "power as its mean since the one before"},
        "stats": _STATS,
        "ego_speed_mps": _or_null(_number()),
    },
    text="Exactly what the governor was told; written also where there is no governor.",
)
_DECISION = _record(
    "edge_runtime.Decision",
    {
        "t_ns": _T_NS,
        "point": _POINT,
        "binding": _or_null(_text("constraint that keeps a more useful point away")),
        "feasible": {"type": "boolean", "description": "whether some point holds every budget"},
        "alarm": _or_null(_text("what a person must know")),
        "reason": _text(),
    },
    text="The governor's answer to the inputs of the same t_ns.",
)

# foxglove.*
_TIME = _record("time", {"sec": _whole(least=0), "nsec": {"type": "integer", "minimum": 0, "maximum": 999_999_999}})
_COLOR = _record("foxglove.Color", {"r": _number(), "g": _number(), "b": _number(), "a": _number()})
_POINT2 = _record("foxglove.Point2", {"x": _number(), "y": _number()})
_PAIR = _record("foxglove.KeyValuePair", {"key": _text(), "value": _text()})
LINE_LOOP = 2
_ANNOTATIONS = _record(
    "foxglove.ImageAnnotations",
    {
        "circles": _list({"type": "object"}),
        "points": _list(
            _record(
                "foxglove.PointsAnnotation",
                {
                    "timestamp": _TIME,
                    "type": _whole("2: a closed line", least=0),
                    "points": _list(_POINT2),
                    "outline_color": _COLOR,
                    "outline_colors": _list(_COLOR),
                    "fill_color": _COLOR,
                    "thickness": _number(),
                    "metadata": _list(_PAIR),
                },
            )
        ),
        "texts": _list(
            _record(
                "foxglove.TextAnnotation",
                {
                    "timestamp": _TIME,
                    "position": _POINT2,
                    "text": _text(),
                    "font_size": _number(),
                    "text_color": _COLOR,
                    "background_color": _COLOR,
                    "metadata": _list(_PAIR),
                },
            )
        ),
    },
)
_CALIBRATION = _record(
    "foxglove.CameraCalibration",
    {
        "timestamp": _TIME,
        "frame_id": _text(),
        "width": _whole(least=0),
        "height": _whole(least=0),
        "distortion_model": _text(),
        "D": _list(_number()),
        "K": _list(_number()),
        "R": _list(_number()),
        "P": _list(_number()),
    },
)
DEBUG, INFO, WARNING, ERROR, FATAL = 1, 2, 3, 4, 5
_LOG = _record(
    "foxglove.Log",
    {
        "timestamp": _TIME,
        "level": _whole("1 debug, 2 info, 3 warning, 4 error, 5 fatal", least=0),
        "message": _text(),
        "name": _text("what happened, in one word: an event or a part of the program"),
        "file": _text(),
        "line": _whole(least=0),
    },
)
