"""Scenario files: what happens to a board that is simulated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_runtime.config.schema import Block, Budgets, Float, Fps, Positive, Text


class Segment(Block):
    """A stretch of time in which nothing changes but by itself."""

    seconds: Float = Field(ge=1, le=86400, description="how long it lasts", examples=[60])
    speed_kmh: Float | None = Field(None, ge=0, le=500, description="speed of the vehicle; none: not known")
    scene_load: Positive = Field(1.0, le=20, description="multiplies what every stage costs")
    ambient_c: Float = Field(25.0, ge=-60, le=100, description="temperature around the board")
    extra_power_w: Float = Field(0.0, ge=0, le=1000, description="drawn by others on the same supply")
    camera_fps: Fps = Field(30.0, description="frames a second that the camera delivers")
    sensor: Literal["ok", "dead", "stale", "frozen", "noisy"] = Field(
        "ok", description="dead: no reading; stale: none after the last; frozen: the last again and again; noisy: ±15 %"
    )


class Scenario(Block):
    """Budgets, and the segments that follow each other. Budgets that are not named are those of the pipeline."""

    name: Text = Field("scenario", description="what the scenario is called in tables")
    budgets: Budgets = Field(Budgets(), description="what must be held", examples=[{"power_w": 30, "fps_floor": 15}])
    segments: tuple[Segment, ...] = Field(
        min_length=1, description="what happens, in this order", examples=[[{"seconds": 60, "speed_kmh": 50}]]
    )
