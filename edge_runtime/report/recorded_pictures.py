"""Pictures of a recording, with what the run found in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_runtime.core import FrameKey
from edge_runtime.errors import SourceError
from edge_runtime.recording.reader import RecordedFrame, RecordedResult, Recording
from edge_runtime.sinks.draw import Image

from .drawn_result import draw_result
from .run_pictures import Reader
from .story import FrameLine, RunStory


def recorded_pictures(recording: Recording) -> Reader:
    """Reads the recording once more, up to the last frame that is wanted; pictures that do not decode are left out."""
    shown = tuple(recording.about.get("shown", "").split(","))

    def read(story: RunStory, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
        wanted, found = {line.key for line in lines}, dict[FrameKey, Image]()
        for entry in recording.entries():
            if isinstance(entry, RecordedFrame) and entry.key in wanted:
                if (image := _decoded(entry)) is not None:
                    found[entry.key] = image
            elif isinstance(entry, RecordedResult) and entry.key in wanted:
                wanted.discard(entry.key)
                if entry.key in found:
                    draw_result(found[entry.key], entry.document, shown)
            if not wanted:
                break
        yield from (found.get(line.key) for line in lines)

    return read


def _decoded(frame: RecordedFrame) -> Image | None:
    try:
        return None if frame.picture is None else frame.picture.decode()
    except SourceError:
        return None
