"""Plant files: a board as a simulation has it, what it draws and how warm it gets."""

from __future__ import annotations

from pydantic import Field

from .schema import Block, Float, Int, Positive, Probability, Text

DYNAMIC_EXPONENT = 1.85


class PowerMode(Block):
    clock: Float = Field(gt=0, le=2, description="clock in this mode, relative to the one of `gpu_w_per_busy`")
    cap_w: Positive | None = Field(None, description="power at which the board itself slows its clocks down")


class Thermal(Block):
    r_c_per_w: Positive = Field(description="°C above ambient for each watt, in the long run")
    c_j_per_c: Positive = Field(description="heat that warms chip and heatsink by 1 °C")
    throttle_c: Float = Field(99.0, gt=0, le=150, description="temperature at which the board slows its clocks down")
    throttle_clock: Float = Field(0.5, gt=0, le=1, description="to this share")

    def warmed_c(self, temp_c: float, power_w: float, ambient_c: float, seconds: float) -> float:
        """The temperature after a short time: one mass that warms by power and cools towards ambient."""
        return temp_c + seconds / self.c_j_per_c * (power_w - (temp_c - ambient_c) / self.r_c_per_w)


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

    def drawn_w(self, gpu_busy: float, host_busy: float, clock: float = 1.0) -> float:
        """Watts while GPU and host are busy for these shares (0..1) of the time, at a clock relative to the first mode.

        With the clock power falls as `clock ** 1.85` (f * V², fitted to the GPU rail of an AGX Orin at 816 and
        1300 MHz).
        """
        dynamic_w = self.gpu_w_per_busy * gpu_busy + self.cpu_w_per_busy * host_busy
        return float(self.idle_w + clock**DYNAMIC_EXPONENT * dynamic_w)
