"""Labels in COCO's format, checked once and held as columns.

What counts beyond COCO's own keys (cocodataset.org/#format-data): an annotation may carry `distance_m` (metres to the
camera), `visibility` (0..1, the share of the object that is not hidden), `state` (red, yellow, green of a light) and
`object_id` (the same object in other pictures). `iscrowd` or `ignore` mark a region in which nothing is judged; so does
an object that is seen less than a limit. Category names are compared without regard to case, `_` and `-`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_runtime.errors import LabelError

SHOWN_MISTAKES = 3


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Image(_Item):
    id: int
    file_name: str = ""


class _Category(_Item):
    id: int
    name: str = Field(min_length=1)


class _Annotation(_Item):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0
    ignore: int = 0
    distance_m: float | None = Field(None, ge=0)
    visibility: float | None = Field(None, ge=0, le=1)
    state: str | None = None
    object_id: int | None = None


class _Coco(_Item):
    images: list[_Image] = Field(min_length=1)
    annotations: list[_Annotation]
    categories: list[_Category] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture of the labels; `file_name` is empty where they name none."""

    id: int
    file_name: str


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """n labelled objects, as columns.

    `picture` and `category` index the labels' pictures and category names; `xyxy` (n, 4) in pixels; `ignored` where
    nothing is judged; `distance_m` NaN and `visibility` NaN where unknown; `state` and `object_id` None where unknown.
    """

    picture: npt.NDArray[np.intp]
    category: npt.NDArray[np.intp]
    xyxy: npt.NDArray[np.float64]
    ignored: npt.NDArray[np.bool_]
    distance_m: npt.NDArray[np.float64]
    visibility: npt.NDArray[np.float64]
    state: tuple[str | None, ...]
    object_id: tuple[int | None, ...]

    def __len__(self) -> int:
        return len(self.picture)

    @property
    def height_px(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.xyxy[:, 3] - self.xyxy[:, 1])


@dataclass(frozen=True, eq=False)
class Labels:
    """What should have been found: `origin` says where the labels come from, `warnings` what was odd in them."""

    origin: str
    pictures: tuple[LabelledPicture, ...]
    names: tuple[str, ...]
    objects: Objects
    warnings: tuple[str, ...] = ()

    def hide_below(self, visibility: float) -> Labels:
        """The same labels, with objects of which less than `visibility` is seen ignored, not missed."""
        hidden = self.objects.visibility < visibility  # False where unknown
        return replace(self, objects=replace(self.objects, ignored=self.objects.ignored | hidden))


def same_name(name: str) -> str:
    """The form in which class names are compared."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def read_labels(path: Path) -> Labels:
    """Labels from a COCO JSON file. Raises `LabelError` with the first mistakes in it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}\n    --labels names a COCO JSON file") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise LabelError(f"{path}: is not JSON: {error}\n    --labels names a COCO JSON file") from error
    return parse_labels(document, str(path))


def parse_labels(document: Any, origin: str) -> Labels:
    """Labels from a COCO document that came from `origin`."""
    if isinstance(document, list):
        raise LabelError(
            f"{origin}: is a list, as COCO's result files are; labels are an object with images, annotations and "
            "categories"
        )
    absent = [
        key
        for key in ("images", "annotations", "categories")
        if not isinstance(document, Mapping) or key not in document
    ]
    if absent:
        raise LabelError(
            f"{origin}: is not COCO: it has no {', no '.join(absent)}\n"
            "    a COCO file is one object with the lists images, annotations and categories"
        )
    try:
        coco = _Coco.model_validate(document)
    except ValidationError as error:
        raise LabelError(_told(origin, error)) from error
    pictures = {image.id: index for index, image in enumerate(coco.images)}
    categories = {category.id: index for index, category in enumerate(coco.categories)}
    _unique(origin, "images", [image.id for image in coco.images])
    _unique(origin, "categories", [category.id for category in coco.categories])
    for row, annotation in enumerate(coco.annotations):
        for key, known in (("image_id", pictures), ("category_id", categories)):
            if (value := getattr(annotation, key)) not in known:
                raise LabelError(f"{origin}: annotations[{row}].{key} is {value}, which no entry of the file has as id")
    return Labels(
        origin,
        tuple(LabelledPicture(image.id, image.file_name) for image in coco.images),
        tuple(category.name for category in coco.categories),
        _columns(coco.annotations, pictures, categories),
        _oddities(coco.annotations),
    )


def _columns(annotations: list[_Annotation], pictures: Mapping[int, int], categories: Mapping[int, int]) -> Objects:
    xywh = np.array([annotation.bbox for annotation in annotations], np.float64).reshape(-1, 4)
    flat = (xywh[:, 2:] <= 0).any(axis=1)
    marked = [bool(annotation.iscrowd or annotation.ignore) for annotation in annotations]
    return Objects(
        picture=np.array([pictures[annotation.image_id] for annotation in annotations], np.intp),
        category=np.array([categories[annotation.category_id] for annotation in annotations], np.intp),
        xyxy=np.concatenate([xywh[:, :2], xywh[:, :2] + np.maximum(xywh[:, 2:], 0)], axis=1),
        ignored=np.array(marked, np.bool_) | flat,
        distance_m=_known([annotation.distance_m for annotation in annotations]),
        visibility=_known([annotation.visibility for annotation in annotations]),
        state=tuple(annotation.state.lower() if annotation.state else None for annotation in annotations),
        object_id=tuple(annotation.object_id for annotation in annotations),
    )


def _known(values: list[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _oddities(annotations: list[_Annotation]) -> tuple[str, ...]:
    found = []
    if not annotations:
        found.append("the labels mark no object: only false positives can be counted")
    if flat := sum(min(annotation.bbox[2:]) <= 0 for annotation in annotations):
        found.append(f"{flat} annotations have no area: ignored")
    return tuple(found)


def _unique(origin: str, key: str, ids: list[int]) -> None:
    seen: set[int] = set()
    for value in ids:
        if value in seen:
            raise LabelError(f"{origin}: two entries of {key} have the id {value}")
        seen.add(value)


def _told(origin: str, error: ValidationError) -> str:
    """The first mistakes, each with its place and value."""
    mistakes = error.errors(include_url=False)
    lines = [f"{origin}: is not COCO as it should be"]
    for mistake in mistakes[:SHOWN_MISTAKES]:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in mistake["loc"]).lstrip(".")
        value = "" if mistake["type"] == "missing" else f", got {json.dumps(mistake['input'], default=str)[:60]}"
        lines.append(f"    {place}: {mistake['msg']}{value}")
    if len(mistakes) > SHOWN_MISTAKES:
        lines.append(f"    and {len(mistakes) - SHOWN_MISTAKES} more")
    return "\n".join(lines)
