"""The messages of a recording as JSON documents, and those that a replay needs as values again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.config.schema import CalibrationBlock
from edge_runtime.core import Decision, FrameStats, OperatingPoint, TelemetrySample

from .images import NS
from .schemas import LINE_LOOP

Document = dict[str, Any]
Rgb = tuple[float, float, float]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(document: Mapping[str, Any]) -> bytes:
    """JSON, in which a broken sensor's NaN or infinity is null, since it has no word for them."""
    try:
        return _encode(document).encode()
    except ValueError:
        return _encode(_finite(document)).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class GovernorInputs:
    """The arguments of one `Governor.decide`, `n` counting from the beginning of the run."""

    n: int
    sample: TelemetrySample | None
    stats: FrameStats
    ego_speed_mps: float | None

    @property
    def t_ns(self) -> int:
        return self.stats.t_ns

    def document(self) -> Document:
        return {
            "n": self.n,
            "t_ns": self.t_ns,
            "sample": None if self.sample is None else self.sample.document(),
            "stats": asdict(self.stats),
            "ego_speed_mps": self.ego_speed_mps,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> GovernorInputs:
        sample = document["sample"]
        return cls(
            document["n"],
            None if sample is None else TelemetrySample.from_document(sample),
            FrameStats(**document["stats"]),
            document["ego_speed_mps"],
        )


def decision_document(decision: Decision) -> Document:
    return asdict(decision)


def decision_from(document: Mapping[str, Any]) -> Decision:
    return Decision(**{**document, "point": OperatingPoint(**document["point"])})


@dataclass(frozen=True, slots=True)
class Box:
    """What Foxglove draws of one detection; the colour is 0..1."""

    xyxy: tuple[float, float, float, float]
    text: str
    color: Rgb


def annotations_document(boxes: Iterable[Box], t_unix_ns: int, *, thickness: float, font_size: float) -> Document:
    time, points, texts = _time(t_unix_ns), [], []
    for box in boxes:
        x0, y0, x1, y1 = box.xyxy
        color = _color(box.color)
        points.append(
            {
                "timestamp": time,
                "type": LINE_LOOP,
                "points": [{"x": x0, "y": y0}, {"x": x1, "y": y0}, {"x": x1, "y": y1}, {"x": x0, "y": y1}],
                "outline_color": color,
                "outline_colors": [],
                "fill_color": _CLEAR,
                "thickness": thickness,
                "metadata": [],
            }
        )
        texts.append(
            {
                "timestamp": time,
                "position": {"x": x0, "y": y0},
                "text": box.text,
                "font_size": font_size,
                "text_color": _BLACK if sum(box.color) > 1.5 else _WHITE,
                "background_color": color,
                "metadata": [],
            }
        )
    return {"circles": [], "points": points, "texts": texts}


def calibration_document(calibration: CalibrationBlock, camera: str, size: tuple[int, int], t_unix_ns: int) -> Document:
    (fx, fy), (cx, cy) = calibration.focal_px, calibration.centre_px
    return {
        "timestamp": _time(t_unix_ns),
        "frame_id": camera,
        "width": size[0],
        "height": size[1],
        "distortion_model": "",
        "D": [],
        "K": [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        "R": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        "P": [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    }


def log_document(level: int, name: str, message: str, t_unix_ns: int) -> Document:
    return {
        "timestamp": _time(t_unix_ns),
        "level": level,
        "message": message,
        "name": name,
        "file": "",
        "line": 0,
    }


def _time(t_unix_ns: int) -> Document:
    seconds, nanos = divmod(t_unix_ns, NS)
    return {"sec": seconds, "nsec": nanos}


def _color(rgb: Rgb, alpha: float = 1.0) -> Document:
    r, g, b = rgb
    return {"r": r, "g": g, "b": b, "a": alpha}


_CLEAR, _BLACK, _WHITE = _color((0.0, 0.0, 0.0), 0.0), _color((0.0, 0.0, 0.0)), _color((1.0, 1.0, 1.0))
