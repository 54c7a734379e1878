"""What is done with a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import PydanticCustomError

from edge_runtime.config.schema.values import Block, Float, Int, Name, PixelSize, Positive, Probability, Text

StageName = Annotated[Name, Field(description="the stage's name in results and in `of:`", examples=["objects"])]


class RegionSourceBlock(Block):
    weight: Float = Field(1.0, ge=0, le=100, description="how much its proposals count beside those of other sources")


def _rect(value: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = value
    if not (x0 < x1 and y0 < y1):
        raise PydanticCustomError("rect", "is empty: x0 must be less than x1 and y0 less than y1")
    return value


Pixel = Annotated[Int, Field(ge=0, le=65535)]
RegionRect = Annotated[tuple[Pixel, Pixel, Pixel, Pixel], AfterValidator(_rect)]


class FixedRegions(RegionSourceBlock):
    """Rectangles that never move."""

    rects: Annotated[tuple[RegionRect, ...], Field(min_length=1)] = Field(
        description="[x0, y0, x1, y1] in pixels of the frame; what lies outside a frame is cut off",
        examples=[[[520, 260, 936, 676]]],
    )


class HorizonRegions(RegionSourceBlock):
    """Around the vanishing point of the camera; without a calibration it is learned from where small objects appear."""


class TrackRegions(RegionSourceBlock):
    """Where tracks that are small in the whole frame, or uncertain, are expected."""

    smaller_than_px: Positive = Field(
        32.0, description="a track is small when the whole frame shows the network less than this many pixels of height"
    )


class PriorRegions(RegionSourceBlock):
    """Where a map expects lights and signs."""

    file: Path | None = Field(
        None, description="JSON or YAML with `points: [{class, xyz_m, size_m}]`", examples=["map.json"]
    )
    margin_px: Float = Field(24.0, ge=0, le=1000, description="added on each side, for vibration and errors of the map")


class ExploreRegions(RegionSourceBlock):
    """Tiles of the frame, the one that was not looked at for longest first."""

    weight: Float = Field(0.2, ge=0, le=100, description="how much a tile counts beside proposals of other sources")
    overlap: Float = Field(0.1, ge=0, le=0.9, description="least share of a tile that its neighbour covers too")


class RegionSource(Block):
    """One source: its name alone, or a mapping of its name to options."""

    fixed: FixedRegions | None = Field(None, description="rectangles that never move")
    horizon: HorizonRegions | None = Field(None, description="around the vanishing point")
    tracks: TrackRegions | None = Field(None, description="small or uncertain tracks")
    prior: PriorRegions | None = Field(None, description="where a map expects lights and signs")
    explore: ExploreRegions | None = Field(None, description="tiles of the frame in turn")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {value: {}}
        if isinstance(value, dict):
            return {key: {} if options is None and len(value) == 1 else options for key, options in value.items()}
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> RegionSource:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("region_source", "an item of the list names one source")
        return self

    @property
    def chosen(self) -> FixedRegions | HorizonRegions | TrackRegions | PriorRegions | ExploreRegions:
        chosen = self.fixed or self.horizon or self.tracks or self.prior or self.explore
        assert chosen is not None
        return chosen

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        options = handler(core) | {"minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"enum": [name for name in cls.model_fields if name != "fixed"]}, options]}


class RegionsBlock(Block):
    """Parts of the frame that the network looks at in their own resolution."""

    max: Int = Field(description="most regions a frame; 0 is none", ge=0, le=16, examples=[2])
    size: PixelSize | None = Field(
        None,
        description="[width, height] of a region in pixels of the frame; default, and least: the network's input size",
        examples=[[416, 416]],
    )
    sources: Annotated[tuple[RegionSource, ...], Field(min_length=1)] = Field(
        (
            RegionSource(horizon=HorizonRegions()),
            RegionSource(tracks=TrackRegions()),
            RegionSource(explore=ExploreRegions()),
        ),
        alias="from",
        description="what proposes regions: fixed, horizon, tracks, prior and explore, each alone or with options",
        examples=[["horizon", "tracks", {"explore": {"weight": 0.2}}]],
    )
    period: Int = Field(1, ge=1, le=1000, description="look at regions in every n-th frame")
    class_weights: dict[Text, Annotated[Float, Field(ge=0, le=100)]] = Field(
        {}, description="how much a class counts; 1 where it is not named", examples=[{"traffic light": 3}]
    )


class NetworkStage(Block):
    name: StageName
    kind: str = Field(description="what the stage does")
    model: Text = Field(description="name of a model of this file", examples=["road"])


class DetectStage(NetworkStage):
    """Boxes of a network."""

    kind: Literal["detect"] = Field(description="boxes of a network")
    regions: RegionsBlock | None = Field(
        None,
        description="look at parts of the frame instead of the whole",
        examples=[{"max": 2, "from": ["horizon", "tracks"]}],
    )


class SegmentStage(NetworkStage):
    """Masks of a network."""

    kind: Literal["segment"] = Field(description="masks of a network")


class ClassifyStage(NetworkStage):
    """One class for the whole frame, or with `of` one for each box of a stage above."""

    kind: Literal["classify"] = Field(description="one class for the whole frame, or for each box of a stage")
    of: Text | None = Field(
        None, description="the stage whose boxes are looked at, each by itself, above this one", examples=["tracked"]
    )
    only: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="with `of`: look at boxes of these classes only", examples=[["traffic light"]]
    )
    max: Int = Field(8, ge=1, le=64, description="with `of`: most boxes a frame, best first")
    margin: Float = Field(0.1, ge=0, le=2, description="with `of`: added on each side, as a share of the box")
    confidence: Probability = Field(0.5, description="with `of`: a box whose class is less certain gets none")


class MergeStage(Block):
    """Make one set of boxes of several stages': overlapping boxes of one class are one object."""

    name: StageName
    kind: Literal["merge"] = Field(description="one set of boxes of several stages'")
    of: Annotated[tuple[Text, ...], Field(min_length=2)] = Field(
        description="the stages whose boxes are merged, all above this one", examples=[["objects", "far"]]
    )
    iou: Probability = Field(0.5, description="boxes of one class that overlap more are one object")


class TrackStage(Block):
    """Give objects an identity over time (ByteTrack, Zhang et al. 2022)."""

    name: StageName
    kind: Literal["track"] = Field(description="objects get an identity over time")
    of: Text = Field(description="the stage whose boxes are tracked, above this one", examples=["objects"])
    confidence: Probability = Field(0.4, description="boxes above it are matched first, weaker ones only extend tracks")
    new_track: Probability = Field(0.5, description="a box above it that matches nothing starts a track")
    iou: Probability = Field(0.2, description="least overlap of a box with its track's predicted place")
    keep_frames: Int = Field(30, ge=1, le=10000, description="frames for which an unseen track is remembered")
    carry_ms: Int = Field(
        500,
        ge=0,
        le=5000,
        description="ms for which a track that a region showed is reported while no region looks there",
    )


Stage = Annotated[DetectStage | SegmentStage | ClassifyStage | MergeStage | TrackStage, Field(discriminator="kind")]
