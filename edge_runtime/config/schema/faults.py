"""What is to go wrong on purpose, and when.

In a pipeline file a fault is a block, or the text that `--fault` takes: `camera_gap:t=5s,d=2s`. `config.fault_text`
turns the text into the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from edge_runtime.config.schema.values import Block, Float, Int, Text


def _in(units: Mapping[str, float], prefix: str = "") -> Callable[[Any], Any]:
    """Let a quantity be written as people say it: 5s, 200ms, +15W, 10%, x1.5."""

    def read(value: Any) -> Any:
        if isinstance(value, str) and (match := re.fullmatch(rf"{prefix}([+-]?\d+(?:\.\d+)?) ?([a-zA-Z%]*)", value)):
            number, unit = float(match[1]), match[2]
            return round(number * units[unit], 9) if unit in units else value
        return value

    return read


def _number_or(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": pattern}]})


_TIME = r"^\d+(\.\d+)? ?(s|ms)?$"
Seconds = Annotated[Float, BeforeValidator(_in({"": 1, "s": 1, "ms": 1e-3})), Field(ge=0, le=1e6), _number_or(_TIME)]
Milliseconds = Annotated[
    Float, BeforeValidator(_in({"": 1, "ms": 1, "s": 1e3})), Field(gt=0, le=1e6), _number_or(_TIME)
]
Watts = Annotated[Float, BeforeValidator(_in({"": 1, "W": 1, "mW": 1e-3})), _number_or(r"^[+-]?\d+(\.\d+)? ?(W|mW)?$")]
Share = Annotated[Float, BeforeValidator(_in({"": 1, "%": 1e-2})), Field(gt=0, le=1), _number_or(r"^\d+(\.\d+)? ?%?$")]
Times = Annotated[Float, BeforeValidator(_in({"": 1}, "x?")), Field(gt=1, le=1000), _number_or(r"^x?\d+(\.\d+)?$")]

# How the text form writes the values that are not plain.
_WRITTEN = {"t_s": "t={:g}s", "d_s": "d={:g}s", "std_ms": "{:g}ms", "times": "x{:g}", "step_w": "{:+g}W"}


class FaultBlock(Block):
    """Holds from second `t` of the drive for `d` seconds.

    `main` is the key of the value that the text form may give without one.
    """

    main: ClassVar[str | None] = None

    kind: str = Field(description="what goes wrong")
    t_s: Seconds = Field(
        0.0, alias="t", description="when it begins, in seconds from the first picture (or reading)", examples=["5s"]
    )
    d_s: Seconds | None = Field(
        None, alias="d", description="how long it lasts, in seconds; default: to the end", examples=["2s"]
    )

    def holds(self, since_ns: int) -> bool:
        """Whether it is on, so long after the beginning."""
        end_s = float("inf") if self.d_s is None else self.t_s + self.d_s
        return self.t_s <= since_ns / 1e9 < end_s

    @property
    def text(self) -> str:
        """As `--fault` takes it; what is left to its default is left out."""
        parts: list[str] = []
        for name, field in type(self).model_fields.items():
            value, key = getattr(self, name), field.alias or name
            if name != "kind" and value != field.default:
                text = _WRITTEN.get(name, "{}" if key == self.main else f"{key}={{}}").format(value)
                parts.insert(0 if key == self.main else len(parts), text)
        return f"{self.kind}:{','.join(parts)}" if parts else self.kind


class CameraFaultBlock(FaultBlock):
    """Of one camera, or of all."""

    camera: Text | None = Field(None, description="only this camera; default: every one", examples=["left"])


class CameraGapFault(CameraFaultBlock):
    """The camera delivers nothing."""

    kind: Literal["camera_gap"] = Field(description="the camera delivers nothing for a while")
    d_s: Seconds = Field(alias="d", description="how long it lasts, in seconds", examples=["2s"])


class JitterFault(CameraFaultBlock):
    """Pictures come early and late."""

    main: ClassVar[str | None] = "ms"
    kind: Literal["jitter"] = Field(description="pictures come early and late")
    std_ms: Milliseconds = Field(
        alias="ms", description="standard deviation of the capture times, in ms", examples=["5ms"]
    )
    seed: Int = Field(0, ge=0, le=2**31 - 1, description="another seed is another course of events")


class CorruptFrameFault(CameraFaultBlock):
    """Pictures are damaged as broken transmission damages them: wrong blocks, or nothing from some line on."""

    main: ClassVar[str | None] = "share"
    kind: Literal["corrupt_frame"] = Field(description="pictures are damaged, as if transmission had broken them")
    share: Share = Field(1.0, description="of the pictures in that time, so many", examples=["10%"])
    seed: Int = Field(0, ge=0, le=2**31 - 1, description="another seed is another course of events")


class SlowNetworkFault(FaultBlock):
    """Every call of a network takes longer."""

    main: ClassVar[str | None] = "x"
    kind: Literal["slow_network"] = Field(description="every call of a network takes longer")
    times: Times = Field(alias="x", description="so many times as long", examples=["x1.5"])
    model: Text | None = Field(None, description="only this model; default: every one", examples=["road"])


class EngineErrorFault(FaultBlock):
    """The calls of a network fail."""

    main: ClassVar[str | None] = "n"
    kind: Literal["engine_error"] = Field(description="the calls of a network fail")
    n: Int = Field(1, ge=1, le=10**6, description="frames in a row that fail; three make the networks anew")
    model: Text | None = Field(None, description="only this model; default: every one", examples=["road"])


class PowerStepFault(FaultBlock):
    """The board draws more, or less, than it does."""

    main: ClassVar[str | None] = "w"
    kind: Literal["power_step"] = Field(description="the board seems to draw more power, or less")
    step_w: Watts = Field(alias="w", description="watts on top of every power reading", examples=["+15W"])


class SensorDeadFault(FaultBlock):
    """The board's sensors do not answer."""

    kind: Literal["sensor_dead"] = Field(description="the board's sensors do not answer")


class SensorFrozenFault(FaultBlock):
    """The board's sensors say the same again and again, with times that go on."""

    kind: Literal["sensor_frozen"] = Field(description="the board's sensors repeat their last values as new ones")


class SinkBlockedFault(FaultBlock):
    """The first write from second `t` on takes `d` longer."""

    kind: Literal["sink_blocked"] = Field(description="one write of a sink takes long")
    d_s: Seconds = Field(alias="d", description="how long that write waits, in seconds", examples=["2s"])
    sink: Literal["jsonl", "video", "display", "mqtt", "zmq", "udp", "shared_memory"] | None = Field(
        None, description="only sinks of this kind; default: every one", examples=["jsonl"]
    )


CameraFault = CameraGapFault | JitterFault | CorruptFrameFault
NetworkFault = SlowNetworkFault | EngineErrorFault
SensorFault = PowerStepFault | SensorDeadFault | SensorFrozenFault
Fault = Annotated[
    CameraGapFault
    | JitterFault
    | CorruptFrameFault
    | SlowNetworkFault
    | EngineErrorFault
    | PowerStepFault
    | SensorDeadFault
    | SensorFrozenFault
    | SinkBlockedFault,
    Field(discriminator="kind"),
]


def or_text(schema: dict[str, Any]) -> None:
    """Editors are told that an item of `faults:` may be a text as well."""
    schema["items"] = {"anyOf": [schema["items"], {"type": "string", "pattern": "^[a-z_]+(:.*)?$"}]}
