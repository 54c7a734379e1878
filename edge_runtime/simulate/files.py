"""Plant and scenario files: the board that is simulated, and what happens to it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_runtime.config.schema import Block, Budgets, Float, Fps, Int, Positive, Probability, Text


class PowerMode(Block):
    clock: Float = Field(gt=0, le=2, description="clock in this mode, relative to the one of `gpu_w_per_busy`")
    cap_w: Positive | None = Field(None, description="power at which the board itself slows its clocks down")


class Thermal(Block):
    r_c_per_w: Positive = Field(description="°C above ambient for each watt, in the long run")
    c_j_per_c: Positive = Field(description="heat that warms chip and heatsink by 1 °C")
    throttle_c: Float = Field(99.0, gt=0, le=150, description="temperature at which the board slows its clocks down")
    throttle_clock: Float = Field(0.5, gt=0, le=1, description="to this share")


class Spread(Block):
    noise_frac: Float = Field(0.05, ge=0, le=1, description="deviation of a frame's time, as a share of it")
    tail_prob: Probability = Field(0.0, description="share of frames that take much longer")
    tail_factor: Float = Field(3.0, ge=1, le=50, description="how much longer")


class Plant(Block):
    """A board: what it draws and how warm it gets when its GPU and host are busy."""

    name: Text = Field("board", description="what the board is called in tables")
    idle_w: Float = Field(ge=0, description="power while nothing runs", examples=[9.0])
    gpu_w_per_busy: Float = Field(ge=0, description="watts more while the GPU is always busy", examples=[38.0])
    cpu_w_per_busy: Float = Field(ge=0, description="watts more while the pipeline's host thread is", examples=[4.0])
    power_noise_w: Float = Field(0.5, ge=0, description="deviation of the power around its mean, in W")
    sensor_period_ms: Int = Field(100, ge=50, le=10000, description="time between two readings, in ms")
    sensor_lag_ms: Int = Field(100, ge=0, le=10000, description="time constant of the power sensor's filter, in ms")
    thermal: Thermal = Field(description="how it warms", examples=[{"r_c_per_w": 0.9, "c_j_per_c": 150}])
    latency: Spread = Field(Spread(), description="how much the times of frames spread")
    power_modes: dict[Text, PowerMode] = Field(
        {"default": PowerMode(clock=1.0, cap_w=None)},
        min_length=1,
        description="the modes it has; it begins in the first",
        examples=[{"MAXN": {"clock": 1.0, "cap_w": 60}}],
    )


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
