"""Where frames come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edge_runtime.config.schema.values import Block, Flag, Float, Fps, Int, Name, PixelSize, Probability, Text

FocalPx = Annotated[Float, Field(ge=10.0, le=100_000.0)]
CentrePx = Annotated[Float, Field(ge=-20_000.0, le=20_000.0)]


class CalibrationBlock(Block):
    """A pinhole camera above a flat road, looking ahead; in pixels of the picture that the source delivers."""

    focal_px: tuple[FocalPx, FocalPx] = Field(
        description="[horizontal, vertical] focal length in pixels", examples=[[1660, 1660]]
    )
    centre_px: tuple[CentrePx, CentrePx] = Field(
        description="[x, y] of the optical axis in pixels, about the middle of the picture", examples=[[960, 540]]
    )
    pitch_deg: Float = Field(0.0, ge=-45, le=45, description="degrees that the camera looks down; negative: up")
    height_m: Float = Field(description="metres of the camera above the road", gt=0.1, le=20, examples=[1.4])


class SourceBlock(Block):
    kind: str = Field(description="what the source is")
    camera: Name = Field("front", description="name of the camera in results and logs")
    ego_speed_kmh: Float | None = Field(
        None, ge=0, le=500, description="constant speed of the vehicle in km/h, if known", examples=[110]
    )
    ego_speed_udp: Annotated[Int, Field(ge=1, le=65535)] | Text | None = Field(
        None,
        description='port of this machine, or address:port, to which somebody sends {"speed_mps": 27.8} or '
        '{"speed_kmh": 100} as UDP datagrams; counts before any other speed',
        examples=["127.0.0.1:5005", 5005],
    )
    ego_speed_stale_ms: Int = Field(
        1000, ge=50, le=60000, description="age in ms from which a speed sent by UDP is unknown: the floor of a highway"
    )
    calibration: CalibrationBlock | None = Field(
        None,
        description="how the camera looks at the road, if known",
        examples=[{"focal_px": [1660, 1660], "centre_px": [960, 540], "pitch_deg": 0.0, "height_m": 1.4}],
    )


class FileSourceBlock(SourceBlock):
    pace: Literal["live", "fast"] = Field(
        "live", description="live: at the stream's own rate, the newest frame wins; fast: as fast as it goes, no drops"
    )
    loop: Flag = Field(False, description="start again at the end, for ever")


class VideoSource(FileSourceBlock):
    """A video file."""

    kind: Literal["video"] = Field(description="a video file")
    path: Path = Field(description="any video file that OpenCV reads", examples=["drive.mp4"])


class ImagesSource(FileSourceBlock):
    """A folder of pictures."""

    kind: Literal["images"] = Field(description="a folder of pictures")
    path: Path = Field(description="a folder of pictures, taken in name order", examples=["pictures"])
    fps: Fps = Field(10.0, description="pictures a second")


class RecordingSource(FileSourceBlock):
    """What `record:` wrote."""

    kind: Literal["recording"] = Field(description="a recording of edge-run")
    path: Path = Field(description="an MCAP file, or a folder that an event saved", examples=["drive.mcap"])
    camera: Name = Field(
        "front", description="name of the camera in results and logs; of a recording with several the one that is meant"
    )


class ReconnectBlock(Block):
    """What is done when a camera is away."""

    at_start: Literal["refuse", "wait"] | None = Field(
        None,
        description="a camera that is not there when the run begins; default: edge-run refuses to start, and a service "
        "waits",
    )
    first_s: Float = Field(0.1, ge=0.05, le=60, description="seconds before the first attempt; doubles with each")
    max_s: Float = Field(
        0.5, ge=0.05, le=600, description="most seconds between attempts; more for a camera that locks out after a few"
    )
    give_up_s: Float | None = Field(
        None,
        ge=0,
        le=86400,
        description="end the run when it was away for so long; default: never",
        examples=[60],
    )


class CameraSource(SourceBlock):
    """A camera on this machine or on the network."""

    kind: Literal["camera"] = Field(description="a camera on this machine or on the network")
    device: Annotated[Int, Field(ge=0)] | Text = Field(
        description="0 or /dev/video0 (V4L2), rtsp://…, or a GStreamer pipeline with an appsink",
        examples=[0, "/dev/video0", "rtsp://192.168.1.10/stream"],
    )
    size: PixelSize | None = Field(
        None, description="[width, height], V4L2 only: ask the camera for this size", examples=[[1280, 720]]
    )
    fps: Fps | None = Field(None, description="frames a second, V4L2 only: ask the camera for this rate", examples=[30])
    frozen_s: Float = Field(
        5.0,
        ge=0,
        le=3600,
        description="seconds of the very same picture, or the same time stamp, after which the camera hangs; 0: never",
    )
    reconnect: ReconnectBlock = Field(ReconnectBlock(), description="what is done when the camera is away")


SimulatedWidth = Annotated[Int, Field(ge=64, le=3840)]
SimulatedHeight = Annotated[Int, Field(ge=64, le=2160)]
SpeedKmh = Annotated[Float, Field(ge=0, le=250)]
SpeedAt = tuple[Annotated[Float, Field(ge=0, le=3600)], SpeedKmh]


class SimulationSource(FileSourceBlock):
    """A drive that is painted, not filmed: the same block gives the same pictures, and every object is known."""

    kind: Literal["simulation"] = Field(description="a painted drive in which every object is known")
    seed: Int = Field(0, ge=0, le=2**31 - 1, description="another seed is another drive")
    seconds: Float = Field(60.0, gt=0, le=3600, description="length of the drive")
    size: tuple[SimulatedWidth, SimulatedHeight] = Field(
        (1920, 1080), description="[width, height] in pixels, at most 3840 x 2160", examples=[[1920, 1080]]
    )
    fps: Fps = Field(30.0, description="pictures a second")
    speed_kmh: SpeedKmh | Annotated[tuple[SpeedAt, ...], Field(min_length=1)] = Field(
        ((0.0, 50.0), (24.0, 50.0), (30.0, 110.0), (44.0, 110.0), (50.0, 50.0)),
        description="of the vehicle: one speed, or [second, km/h] points with straight lines between them; where it "
        "drives faster than 80 the road is a motorway, elsewhere a street",
        examples=[50, [[0, 50], [30, 50], [36, 110]]],
    )
    lighting: Literal["noon", "dusk", "night", "drive"] = Field(
        "noon", description="drive: from noon at its start to night at its end"
    )
    rain: Probability = Field(0.0, description="0 is dry, 1 a cloudburst")
    traffic: Probability = Field(0.5, description="0 is an empty road, 1 a full one")
    bends: Probability = Field(
        1.0, description="0 is a straight road; 1 bends as sharply as its speed allows: to 80 m, on a motorway 600"
    )
    hills: Probability = Field(1.0, description="0 is a level road, 1 one with slopes of up to 6 %")
    clutter: Probability = Field(
        0.6, description="what looks like a light or a sign from afar: shop signs, flags, flowers; 0 is none, 1 a lot"
    )
    fov_deg: Float = Field(70.0, ge=20, le=120, description="horizontal field of view in degrees")
    camera_height_m: Float = Field(1.4, ge=0.5, le=4, description="metres of the camera above the road")
    camera_pitch_deg: Float = Field(0.0, ge=-10, le=10, description="degrees that the camera looks down; negative: up")
    exposure_ms: Float | None = Field(
        None,
        ge=0,
        le=50,
        description="how long the shutter is open; default: 0.7 ms at noon to 17 ms at night",
        examples=[5],
    )
    bounce_deg: Float = Field(0.15, ge=0, le=2, description="how far the vehicle nods on its springs, in degrees")


Source = Annotated[
    VideoSource | ImagesSource | CameraSource | SimulationSource | RecordingSource, Field(discriminator="kind")
]
