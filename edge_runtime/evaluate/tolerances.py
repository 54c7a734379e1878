"""How much a replay may differ from its golden: a YAML file, read and refused as a pipeline file is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from edge_runtime.config.schema import Block, Positive, Probability, Text

# What may be limited -> the sentence, of its count and the golden's boxes.
LIMITED: Mapping[str, str] = {
    "lost": "{} of {} boxes lost",
    "new": "{} new boxes beside {} of the golden",
    "moved": "{} of {} boxes moved",
    "flips": "{} of {} boxes of another class or state",
    "breaks": "tracks broken {} times, over {} boxes",
}
Share = Probability | None


class ClassLimits(Block):
    """Limits of one class; what is not named is as for all the others."""

    lost: Share = Field(None, description="share of the golden's boxes that may be lost; null: any", examples=[0.01])
    new: Share = Field(None, description="share that may be new", examples=[0.05])
    moved: Share = Field(None, description="share that may have moved", examples=[0.02])
    flips: Share = Field(None, description="share that may have another class or state", examples=[0.0])
    breaks: Share = Field(None, description="breaks of tracks, as a share of the golden's boxes", examples=[0.001])


class Tolerances(Block):
    """Without a file nothing may change. Shares are of the golden's boxes, from 0 to 1; null means: not judged.

    Times are judged in a live replay only.
    """

    iou: Probability = Field(0.5, gt=0.0, description="boxes that overlap so much mark the same object")
    moved_below_iou: Probability = Field(0.75, description="the same object has moved when the boxes overlap by less")
    lost: Share = Field(0.0, description="share of the golden's boxes that may be lost; null: any", examples=[0.01])
    new: Share = Field(0.0, description="share that may be new", examples=[0.05])
    moved: Share = Field(0.0, description="share that may have moved", examples=[0.02])
    flips: Share = Field(0.0, description="share that may have another class or state", examples=[0.0])
    breaks: Share = Field(0.0, description="breaks of tracks, as a share of the golden's boxes", examples=[0.001])
    classes: dict[Text, ClassLimits] = Field(
        {}, description="classes with limits of their own", examples=[{"person": {"lost": 0.0}}]
    )
    decisions: Literal["identical", "any"] = Field("identical", description="may the governor decide otherwise?")
    latency_p99: Positive | None = Field(
        None, description="99th percentile of the latency, at most so many times the golden's", examples=[1.1]
    )
    fps: Positive | None = Field(
        None, description="frames a second, at least so many times the golden's", examples=[0.95]
    )

    def limit(self, what: str, name: str | None = None) -> float | None:
        """Of a class, or of all classes without limits of their own."""
        own = None if name is None else self.classes[name]
        block = own if own is not None and what in own.model_fields_set else self
        value: float | None = getattr(block, what)
        return value
