"""Which labelled picture a frame shows.

A folder of images: by file name, folders left out. A video: by frame number, which is the last number in the label's
file name (`drive_000120.png` is 120) or, without a file name, the image id; `first` is the number that the labels give
to the video's first picture. A recording: as a video, by the place of a picture among those recorded. A simulation's
own labels: by picture index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import ImagesSource, Source
from edge_runtime.errors import LabelError
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.sources.images import SUFFIXES, natural_key

from .labels import Labels
from .observe import FileSource, Seen

Image = npt.NDArray[np.uint8]


def label_numbers(labels: Labels, source: FileSource, first: int = 0) -> tuple[dict[int, int], int]:
    """The labels' picture (its index) for each picture number of the source, from 0; and how many are not in a folder.

    Raises `LabelError` when two labels name one picture, or none names any picture of the folder.
    """
    if isinstance(source, ImagesSource):
        return _by_file_name(labels, source)
    found: dict[int, int] = {}
    for index, picture in enumerate(labels.pictures):
        digits = re.findall(r"\d+", PurePosixPath(picture.file_name).stem)
        number = (int(digits[-1]) if digits else picture.id) - first
        if number in found:
            other = labels.pictures[found[number]]
            raise LabelError(
                f"{labels.origin}: the images with ids {other.id} and {picture.id} are both frame {number + first}\n"
                "    a video's frame is the last number in file_name, or the id where there is no file_name"
            )
        found[number] = index
    return found, 0


def _by_file_name(labels: Labels, source: ImagesSource) -> tuple[dict[int, int], int]:
    files = _files(source)
    numbers = {name: number for number, name in enumerate(files)}
    found: dict[int, int] = {}
    absent = 0
    for index, picture in enumerate(labels.pictures):
        name = PureWindowsPath(picture.file_name).name  # understands both kinds of slash
        if (number := numbers.get(name)) is None:
            absent += 1
            continue
        if number in found:
            raise LabelError(f"{labels.origin}: two images have the file name {name}")
        found[number] = index
    if not found:
        raise LabelError(
            f"{labels.origin}: none of its {len(labels.pictures)} images is in {source.path}\n"
            f"    the labels name {labels.pictures[0].file_name or '(no file)'}, the folder holds {files[0]}"
        )
    return found, absent


def _files(source: ImagesSource) -> list[str]:
    names = (path.name for path in Path(source.path).iterdir() if path.suffix.lower() in SUFFIXES)
    return sorted(names, key=natural_key)


def pictures(source: FileSource, wanted: Iterable[int]) -> Iterator[tuple[int, Image]]:
    """Some of the source's pictures by number, in their order; it is read once more, up to the last of them."""
    left = set(wanted)
    with closing(open_source(source.model_copy(update={"loop": False, "pace": "fast"}))) as reader:
        count = 0
        while left and (picture := reader.read()) is not None:
            number = count
            if isinstance(source, ImagesSource):
                number = round((picture.t_stream_ns or 0) * source.fps / 1e9)
            if number in left:
                left.remove(number)
                yield number, picture.image
            count += 1


def picture_name(source: FileSource, number: int) -> str:
    """What a person calls a picture: its file, or its number and its time."""
    if isinstance(source, ImagesSource):
        return _files(source)[number]
    return f"frame {number}"


def same_pictures(one: Source, other: Source) -> bool:
    """Whether two sources give the same pictures, in whatever pace and whoever's camera they are."""
    aside = {"loop", "pace", "camera", "calibration", "ego_speed_kmh", "ego_speed_udp", "ego_speed_stale_ms"}
    return bool(one.model_dump(exclude=aside) == other.model_dump(exclude=aside))


def picture_numbers(seen: Sequence[Seen], source: FileSource) -> dict[int, int]:
    """The picture number of each frame id of a run that lost no frame.

    A folder gives each picture its place in time, so one that does not decode leaves a gap; elsewhere frames are
    captured in the order of their numbers.
    """
    if not isinstance(source, ImagesSource):
        return {one.frame_id: one.frame_id for one in seen}
    return {one.frame_id: round((one.t_stream_ns or 0) * source.fps / 1e9) for one in seen}


def covered(numbers: Mapping[int, int], labelled: Mapping[int, int], labels: Labels, cut_short: bool) -> str | None:
    """What to warn of when labels speak of pictures that never came; raises `LabelError` when all of them do."""
    came = set(numbers.values())
    absent = sorted(number for number in labelled if number not in came)
    if len(absent) == len(labelled):
        raise LabelError(
            f"{labels.origin}: labels frames {min(labelled)} to {max(labelled)}, "
            f"and the run saw {min(came)} to {max(came)}\n"
            "    --first-frame N says which number the labels give to the first picture"
        )
    if not absent or cut_short:
        return None
    text = f"{len(absent)} labelled pictures did not come, the first is number {absent[0]}"
    if 0 not in labelled and max(labelled) == max(came) + 1:
        text += ": do the labels count from 1? Then say --first-frame 1"
    return text
