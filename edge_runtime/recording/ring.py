"""Where a recording goes: one file, or a ring of segments of which the last seconds are kept until an event saves them.

front.mcap                              without keep_seconds
front.ring/000012.mcap …                with it: the last seconds, oldest first
front.20261122T215403.camera_lost/…     what an event saved: the segments that the ring held, and the one that ran
"""

from __future__ import annotations

import math
import re
import shutil
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, Protocol

from .mcap_file import CHUNK_NS, HISTORY, McapFile, Opening
from .schemas import DECISION, INPUTS

NS = 1_000_000_000
GB = 1_000_000_000
# A drive may have an event a minute for weeks: the newest are told.
NOTICES = 50
# A segment is the least that a ring lets go of at once: a twentieth of what is kept, within these bounds.
_SHORTEST_S, _LONGEST_S = 1.0, 30.0
_HISTORY_CHUNK_NS = 10 * NS


class Target(Protocol):
    """One thread writes; the methods raise `OSError` when the disk does not take it.

    `notices` says what a person must know: what a quota took away, where an event was saved. Of many the newest.
    """

    notices: deque[str]

    def write(self, topic: str, t_ns: int, data: bytes) -> None: ...

    def tick(self, now_ns: int) -> None:
        """Called about once a second and after every frame: hand over to the disk, begin segments, keep the quota."""
        ...

    def save(self, event: str, t_ns: int) -> None:
        """Keep what led to this; `event` becomes part of a file name."""
        ...

    def close(self, attachments: Mapping[str, bytes]) -> None: ...


def open_target(
    path: Path, opening: Opening, now_ns: int, *, keep_seconds: float | None, max_gb: float | None
) -> Target:
    """Raises `SinkError` when nothing can be written there."""
    most_bytes = None if max_gb is None else round(max_gb * GB)
    if keep_seconds is None:
        return OneFile(path, opening, now_ns, most_bytes)
    return Ring(path, opening, now_ns, keep_seconds, most_bytes)


class OneFile:
    """Everything in one file, which ends where the quota does."""

    def __init__(self, path: Path, opening: Opening, now_ns: int, most_bytes: int | None) -> None:
        self.notices: deque[str] = deque(maxlen=NOTICES)
        self._most_bytes = most_bytes
        self._file = McapFile(path, opening, now_ns)
        self._full = False

    def write(self, topic: str, t_ns: int, data: bytes) -> None:
        if not self._full:
            self._file.write(topic, t_ns, data)

    def tick(self, now_ns: int) -> None:
        if self._full:
            return
        self._file.flush(now_ns)
        if self._most_bytes is not None and self._file.size >= self._most_bytes:
            self._full = True
            self.notices.append(
                f"{self._file.path.name} has reached record.max_gb and ends there; to keep the last minutes of a long "
                "drive instead, give record.keep_seconds"
            )

    def save(self, event: str, t_ns: int) -> None:
        """The file is kept anyway."""

    def close(self, attachments: Mapping[str, bytes]) -> None:
        self._file.close(attachments)


class _Segment(NamedTuple):
    path: Path
    end_ns: int
    bytes: int


class Ring:
    """Segments of a few seconds each; those that are older than `keep_seconds` are deleted.

    An event lets the running segment end in its time and then moves all of them, so saving copies next to nothing.
    Whatever a quota takes, it takes the oldest segments first and, when only what events saved is left, the oldest of
    that, which `notices` says. Segments that a killed program left behind are saved as the event `unfinished`.

    A governor remembers, so its inputs since the beginning of the run stay in a file of their own, `000000.mcap`, of
    which every event gets a copy: what was decided can be decided again.
    """

    def __init__(self, path: Path, opening: Opening, now_ns: int, keep_seconds: float, most_bytes: int | None) -> None:
        self.notices: deque[str] = deque(maxlen=NOTICES)
        self._base, self._folder = path.with_suffix(""), path.with_suffix(".ring")
        self._opening, self._most_bytes = opening, most_bytes
        self._keep_ns = round(keep_seconds * NS)
        self._segment_ns = round(min(_LONGEST_S, max(_SHORTEST_S, keep_seconds / 20)) * NS)
        self._segments: deque[_Segment] = deque()
        self._saving: Path | None = None
        self._saved_here: list[Path] = []
        self._saved_bytes = sum(_bytes_in(folder) for folder in self._saved())
        self._clear_up(now_ns)
        # Every chunk of a file that goes on for weeks costs memory; the segments have its last seconds as well.
        chunk_ns = min(_HISTORY_CHUNK_NS, max(CHUNK_NS, self._keep_ns // 2))
        opening = replace(opening, images="none", first={})
        self._history = McapFile(self._folder / HISTORY, opening, now_ns, chunk_ns=chunk_ns)
        self._number = 0
        self._begin(now_ns)

    def write(self, topic: str, t_ns: int, data: bytes) -> None:
        self._file.write(topic, t_ns, data)
        if topic in (INPUTS, DECISION):
            self._history.write(topic, t_ns, data)

    def tick(self, now_ns: int) -> None:
        self._file.flush(now_ns)
        self._history.flush(now_ns)
        share = math.inf if self._most_bytes is None else self._most_bytes / 4
        if now_ns - self._began_ns >= self._segment_ns or self._file.size >= share:
            self._end_segment(now_ns, {})
            self._begin(now_ns)

    def save(self, event: str, t_ns: int) -> None:
        if self._saving is None:
            self._saving = self._new_folder(event, t_ns)
            self.notices.append(f"{event}: what led to it is in {self._saving}")

    def close(self, attachments: Mapping[str, bytes]) -> None:
        self._end_segment(self._began_ns, attachments)
        self._history.close()

    def _begin(self, now_ns: int) -> None:
        self._number += 1
        self._began_ns = now_ns
        self._file = McapFile(self._folder / f"{self._number:06d}.mcap", self._opening, now_ns)

    def _end_segment(self, now_ns: int, attachments: Mapping[str, bytes]) -> None:
        self._file.close(attachments)
        self._segments.append(_Segment(self._file.path, now_ns, self._file.size))
        if self._saving is not None:
            folder, self._saving = self._saving, None
            self._history.flush(now_ns, at_once=True)
            shutil.copyfile(self._history.path, folder / HISTORY)
            self._move(folder)
        while self._segments and self._segments[0].end_ns < now_ns - self._keep_ns:
            self._segments.popleft().path.unlink(missing_ok=True)
        if self._most_bytes is not None:
            self._keep_quota(self._most_bytes * 3 // 4)  # the next segment needs room too

    def _move(self, folder: Path) -> None:
        while self._segments:
            segment = self._segments.popleft()
            segment.path.replace(folder / segment.path.name)
        self._saved_bytes += _bytes_in(folder)

    def _new_folder(self, event: str, t_ns: int) -> Path:
        when = datetime.fromtimestamp((t_ns + self._opening.unix_origin_ns) / NS, timezone.utc)
        stem = f"{self._base.name}.{when:%Y%m%dT%H%M%S}.{re.sub(r'[^a-z0-9_]+', '_', event.lower())}"
        folder, again = self._base.with_name(stem), 1
        while folder.exists():
            again += 1
            folder = self._base.with_name(f"{stem}-{again}")
        folder.mkdir(parents=True)
        self._saved_here.append(folder)
        return folder

    def _clear_up(self, now_ns: int) -> None:
        """What an earlier run left: of one that ended in order the ring may go, of one that was killed it is kept."""
        left = sorted(self._folder.glob("*.mcap"))
        if left and not _whole(left[-1]):
            self._segments.extend(_Segment(path, now_ns, path.stat().st_size) for path in left)
            folder = self._new_folder("unfinished", now_ns)
            self._move(folder)
            self.notices.append(f"an earlier run did not end in order: what it recorded last is in {folder}")
        for path in left:
            path.unlink(missing_ok=True)

    def _saved(self) -> list[Path]:
        """Folders of events, oldest first: by the time in their names, and behind them what this run has saved.

        A clock that was set back between two runs must not make what has just been saved the oldest.
        """
        folders = {path for path in self._base.parent.glob(f"{self._base.name}.[12]*.*") if path.is_dir()}
        here = [path for path in self._saved_here if path in folders]
        return [path for path in (*sorted(folders.difference(here)), *here) if path != self._saving]

    def _keep_quota(self, most_bytes: int) -> None:
        ring_bytes = sum(segment.bytes for segment in self._segments)
        while ring_bytes + self._history.size + self._saved_bytes > most_bytes:
            saved = [] if self._segments else self._saved()
            if self._segments:
                oldest = self._segments.popleft()
                oldest.path.unlink(missing_ok=True)
                ring_bytes -= oldest.bytes
            elif saved:
                self._saved_bytes -= _bytes_in(saved[0])
                shutil.rmtree(saved[0])
                self.notices.append(f"record.max_gb is used up: {saved[0].name}, saved by an event, was deleted")
            else:
                return


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _whole(path: Path) -> bool:
    """Whether the file was closed: it ends as it begins."""
    with path.open("rb") as file:
        magic = file.read(8)
        file.seek(0, 2)
        if file.tell() < 16:
            return False
        file.seek(-8, 2)
        return file.read(8) == magic
