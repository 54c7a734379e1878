"""What a run must hold, and how it is driven, measured and built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edge_runtime.config.schema.values import Block, Flag, Float, Fps, Int, Positive, Probability, Text


class FpsFloor(Block):
    """A frame-rate floor that follows the vehicle's speed; an unknown speed counts as highway."""

    city: Fps = Field(description="frames a second at city speed", examples=[15])
    highway: Fps = Field(description="frames a second at highway speed", examples=[30])
    highway_above_kmh: Float = Field(80.0, gt=0, le=500, description="where highway speed begins, in km/h")


class Budgets(Block):
    """What a run must hold, counted in one-second windows."""

    fps_floor: Fps | FpsFloor | None = Field(
        None, description="least frames a second", examples=[25, {"city": 15, "highway": 30}]
    )
    latency_ms: Positive | None = Field(
        None, description="bound in ms on the p99 of capture to publication", examples=[100]
    )
    power_w: Positive | None = Field(None, description="most watts, as the mean of each second", examples=[50])
    thermal_c: Float | None = Field(None, gt=0, le=150, description="hottest any zone may get, in °C", examples=[85])
    max_metres_per_frame: Positive | None = Field(
        None,
        description="farthest the vehicle may drive from one frame to the next: a floor that grows with its speed",
        examples=[1.0],
    )


Constraint = Literal["thermal", "power", "fps", "latency", "usefulness"]


class GovernorBlock(Block):
    """Which operating points there are, and how one is chosen."""

    ladder: Path = Field(
        description="the measured points, as `edge-run profile` writes them", examples=["configs/ladders/orin_agx.yaml"]
    )
    period_ms: Int = Field(200, ge=100, le=500, description="time between decisions, in ms")
    order: Annotated[tuple[Constraint, ...], Field(min_length=1)] = Field(
        ("thermal", "power", "fps", "latency", "usefulness"),
        description="what counts most when not everything can be held, first to last; what is not named comes after",
        examples=[["thermal", "fps", "power", "latency"]],
    )
    safe_point: Text | None = Field(
        None,
        description="point to run when sensors cannot be trusted; default: the cheapest that holds the floor",
        examples=["nano"],
    )
    economy: Probability = Field(
        0.05, description="share of the usefulness that may be given away where another point needs less power"
    )
    stale_ms: Int = Field(1000, ge=100, le=60000, description="age in ms from which a reading counts as stale")
    over_current_per_s: Annotated[Float, Field(ge=0)] = Field(
        0.0, description="over-current events a second that this board shows in normal use"
    )
    heat_j_per_c: Positive = Field(
        60.0, description="heat that warms chip and heatsink by 1 °C, in J; too low is on the careful side"
    )


class TelemetryBlock(Block):
    """What measures power, temperatures, load and clocks."""

    source: Literal["auto", "jtop", "sysfs", "nvml", "host", "recorded", "plant"] = Field(
        "auto",
        description="auto: on a Jetson sysfs beside jtop, else NVIDIA's NVML, else the machine's counters; plant: a "
        "simulated board, to see a governor at work where there is none",
    )
    period_ms: Int = Field(200, ge=50, le=10000, description="time between two readings, in ms; jtop takes 100 or more")
    log: Path | None = Field(None, description="what `source: recorded` plays", examples=["telemetry.jsonl"])
    plant: Path | None = Field(
        None, description="the board of `source: plant`: a file, or one that ships by its name", examples=["orin_nx"]
    )


class BoardBlock(Block):
    """What may be changed on the board; it is set back when the run ends, however it ends."""

    control: Flag = Field(False, description="let operating points set the power mode and cap clocks")


class ExecutorBlock(Block):
    """How frames overlap."""

    in_flight: Int = Field(2, ge=1, le=3, description="frames inside the pipeline at once; 1 is one after another")
    batch_window_ms: Annotated[Float, Field(ge=0, le=1000)] | None = Field(
        None,
        description="several cameras: how long a frame may wait for those of other cameras that are due, to go through "
        "the networks as one batch; default: 1 on a GPU, and 0 on the CPU, where a batch takes as long as its frames "
        "one after another",
        examples=[1],
    )
    stuck_s: Annotated[Float, Field(ge=0.5, le=3600)] = Field(
        8.0,
        description="a stage that keeps a frame longer hangs: the run ends, with what it found so far; a model that "
        "is optional and runs on ONNX Runtime is taken out after half of it, and the run goes on",
    )


class EnginesBlock(Block):
    """Where built engines are kept, and whether a run may build."""

    folder: Path | None = Field(
        None, description="engines, their notes and timing caches; default: ~/.cache/edge_runtime/engines"
    )
    build: Flag = Field(True, description="build what is missing or out of date; no: refuse to start instead")


class TlsBlock(Block):
    """What a server shows to prove who it is, as PEM files."""

    certificate: Path = Field(description="certificate, with those between it and the root", examples=["board.crt"])
    key: Path = Field(description="its private key, without a password", examples=["board.key"])


class HttpBlock(Block):
    """A page that shows the run, and its metrics; nothing can be changed there.

    An address that others can reach takes a token, TLS, or better both.
    """

    bind: Annotated[Int, Field(ge=1, le=65535)] | Text = Field(
        "127.0.0.1:8080", description="port of this machine, or address:port", examples=["127.0.0.1:8080", 8080]
    )
    token_file: Path | None = Field(
        None,
        description="the password that browsers ask for, the bearer token of Prometheus; 16 characters or more",
        examples=["http_token"],
    )
    tls: TlsBlock | None = Field(None, description="serve https")


class ServiceBlock(Block):
    """What a service keeps on its disk: ended runs beyond this are deleted, the oldest first."""

    keep_runs: Int = Field(100, ge=1, description="most runs that are kept")
    keep_gb: Positive = Field(
        20.0, description="most GB that runs may take; one that reaches half of it goes on as a new run"
    )
