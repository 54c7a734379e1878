"""Why a file is not a video: the sentence a person needs instead of FFmpeg's log."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

_HEAD_BYTES = 4096


def why_not_video(path: Path, opened: bool) -> str:
    """What is wrong with the file and what to do, or "" when it `opened` and nothing speaks against it.

    FFmpeg opens text as a video of a terminal, so a file that opened is looked at too.
    """
    if not path.exists():
        return f"no such file\n    folder searched: {path.parent}{_nearby(path)}"
    if path.is_dir():
        return "is a folder\n    for a folder of pictures use: source: {kind: images, path: …, fps: …}"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        return f"cannot be read: {error.strerror}\n    check its permissions: ls -l {path}"
    if not head:
        return "is empty (0 bytes)\n    the copy or the recording failed; fetch the file again"
    if _is_text(head):
        start = head[:40].decode(errors="replace")
        return f"is a text file, not a video; it starts with {start!r}\n    path: names the video itself"
    if opened:
        return ""
    if head[4:8] == b"ftyp" and not _has_index(path):
        return (
            "has no index (moov): the recording was cut off before it was finished\n"
            "    repair it with a tool such as untrunc; record to .mkv or .ts, which survive a cut"
        )
    return "is not a video that this OpenCV and its FFmpeg can read\n    check it with: ffprobe " + str(path)


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # which lets the last character be cut off
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)


def _has_index(path: Path) -> bool:
    """Whether an MP4 file has its `moov` box (ISO/IEC 14496-12, 4.2: size, type, then the body)."""
    end = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= end:
            file.seek(at)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            if header[4:8] == b"moov":
                return True
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            if size < 8:
                return False
            at += size
    return False


def _nearby(path: Path) -> str:
    try:
        found = sorted(name for name in os.listdir(path.parent) if Path(name).suffix == path.suffix)
    except OSError:
        return " (which does not exist either)"
    return f", which has {', '.join(found[:5])}" if found else ""
