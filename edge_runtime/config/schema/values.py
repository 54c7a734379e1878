"""The values that many blocks of a pipeline file share, and what a block is."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema


def _fraction(value: Any) -> Any:
    """Let a scale be written as people say it: 1/255."""
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*", value)):
        numerator, denominator = map(float, match.groups())
        return numerator / denominator if denominator else value
    return value


def _switch(value: Any) -> Any:
    """The words for true and false that YAML 1.1 knew."""
    words = {"yes": True, "on": True, "no": False, "off": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


def _index(value: Any) -> Any:
    """The key of a JSON object is always text; the key of a YAML mapping may be a number."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value


Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
Flag = Annotated[bool, Strict(), BeforeValidator(_switch)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")]
Text = Annotated[str, Field(min_length=1)]
ClassIndex = Annotated[int, Strict(), BeforeValidator(_index), Field(ge=0)]
Probability = Annotated[Float, Field(ge=0.0, le=1.0)]
Positive = Annotated[Float, Field(gt=0.0)]
Fps = Annotated[Float, Field(gt=0.0, le=1000.0)]
Side = Annotated[Int, Field(ge=8, le=16384)]
PixelSize = Annotated[tuple[Side, Side], Field(description="[width, height] in pixels", examples=[[640, 384]])]
Scale = Annotated[
    Float,
    BeforeValidator(_fraction),
    Field(gt=0.0, le=1.0),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*/\s*\d+(\.\d+)?\s*$"},
            ]
        }
    ),
]
PerChannel = Float | tuple[Float, Float, Float]
PositivePerChannel = Positive | tuple[Positive, Positive, Positive]


class Block(BaseModel):
    """A mapping of the pipeline file: frozen, and no key beyond those it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
