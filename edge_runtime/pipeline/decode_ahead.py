"""Recorded pictures decoded a little before their turn, on as many threads as help, as FFmpeg does for a video."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from edge_runtime.recording.images import Image
from edge_runtime.recording.reader import Entry, RecordedFrame

# So many pictures are held at most beside the one that is given out.
DECODERS = min(4, os.cpu_count() or 1)


def decoded(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Image | None]]:
    """Every entry in its order, a frame with its picture where there is one. Raises `SourceError` at a broken one."""
    waiting: deque[tuple[Entry, Future[Image] | None]] = deque()
    pictures = 0
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        for entry in entries:
            picture = entry.picture if isinstance(entry, RecordedFrame) else None
            waiting.append((entry, None if picture is None else pool.submit(picture.decode)))
            pictures += picture is not None
            while pictures > DECODERS:
                ready, future = waiting.popleft()
                pictures -= future is not None
                yield ready, None if future is None else future.result()
        for ready, future in waiting:
            yield ready, None if future is None else future.result()
