"""Sources that cannot be what they say, and cameras that get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from edge_runtime.errors import Problem

from .address import udp_address
from .document import Document, Where
from .draft import Draft
from .schema import CameraSource, FileSourceBlock, SimulationSource, Source
from .words import nearest

_VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".m4v", ".webm", ".ts")


def check_sources(draft: Draft) -> Iterator[Problem]:
    """Every mistake in `source:` or `sources:` that takes two values to see."""
    document = draft.document
    one, several = document.data.get("source"), document.data.get("sources")
    if one is None and several is None:
        if not any(nearest(str(key), ["source", "sources"]) for key in document.data):
            fix = "write `source: {kind: video, path: drive.mp4}`, or `sources: [{camera: front, …}, …]` for several"
            yield document.problem(("source",), "is missing", fix, key=True)
    elif one is not None and several is not None:
        fix = "take `source` away, or put it into the list"
        yield document.problem(("sources",), "stands beside `source`", fix, key=True)
    for where, source in draft.sources:
        if source is not None:
            yield from _source(document, where, source)
    known = [(where, source) for where, source in draft.sources if source is not None]
    yield from _twice(document, known, "camera", "name", "give each a name of its own: `camera: left`")
    yield from _twice(
        document, known, "device", "device", "a device has one picture: name another, or share its results"
    )
    yield from _twice(document, known, "ego_speed_udp", "address", "one is enough: all cameras take the speed from it")
    fast = [isinstance(source, FileSourceBlock) and source.pace == "fast" for _, source in known]
    if any(fast) and not all(fast):
        where = known[fast.index(True)][0]
        fix = "write `pace: fast` at every source, which must be files then, or at none"
        yield document.problem((*where, "pace"), "some sources are fast and some are not", fix)


def _twice(
    document: Document, sources: Sequence[tuple[Where, Source]], key: str, noun: str, fix: str
) -> Iterator[Problem]:
    """What only one of several cameras can have."""
    seen: dict[object, Where] = {}
    for where, source in sources:
        value = getattr(source, key, None)
        if value is None:
            continue
        if value in seen:
            line = document.place((*seen[value], key)).line
            what = f"two cameras have the {noun} {value}{f', the first in line {line}' if line else ''}"
            yield document.problem((*where, key), what, fix)
        seen.setdefault(value, where)


def _source(document: Document, base: Where, source: Source) -> Iterator[Problem]:
    if isinstance(source, SimulationSource) and isinstance(source.speed_kmh, tuple):
        for index, (earlier, later) in enumerate(pairwise(source.speed_kmh), start=1):
            if later[0] <= earlier[0]:
                what = f"second {later[0]:g} does not come after second {earlier[0]:g}"
                yield document.problem((*base, "speed_kmh", index, 0), what, "put the points in the order of time")
    yield from _ego_speed(document, base)
    if not isinstance(source, CameraSource):
        path = document.get((*base, "path"))
        if isinstance(path, str) and "://" in path:
            fix = "write `kind: camera` and `device:` instead of `path:`"
            yield document.problem((*base, "path"), f"'{path}' is a stream, not a file", fix)
        return
    device = source.device
    where = (*base, "device")
    if isinstance(device, int):
        return
    if device.isdecimal():
        yield document.problem(where, f"'{device}' is a text", "take the quotes away: cameras are counted by number")
    elif " ! " in device and "appsink" not in device:
        yield document.problem(where, "the GStreamer pipeline does not end in an appsink", "end it with `! appsink`")
    elif "://" not in device and device.lower().endswith(_VIDEO_SUFFIXES):
        yield document.problem(where, f"'{device}' is a video file", "write `kind: video` and `path:`")
    if not device.startswith("/dev/"):
        for key in ("size", "fps"):
            if getattr(source, key) is not None:
                fix = "only a V4L2 device (0, /dev/video0) takes it; set it at the camera or in the GStreamer pipeline"
                yield document.problem((*base, key), "cannot be asked of this device", fix, key=True)


def _ego_speed(document: Document, base: Where) -> Iterator[Problem]:
    where = (*base, "ego_speed_udp")
    given = document.get(where)
    if isinstance(given, str):
        try:
            udp_address(given)
        except ValueError as error:
            fix = "write `ego_speed_udp: 127.0.0.1:5005`; 127.0.0.1 hears this machine only, 0.0.0.0 everyone"
            yield document.problem(where, str(error), fix)
    if given is not None and document.get((*base, "ego_speed_kmh")) is not None:
        what = "the speed is constant (`ego_speed_kmh`) and sent by UDP"
        yield document.problem(where, what, "take one of the two away", key=True)
