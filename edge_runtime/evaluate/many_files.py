"""The drives of many: where they lie (a path, or any address that fsspec reads) and whether they are those of before.

fsspec because S3, Google's and Azure's stores, HTTP and SSH are all behind its one interface: pure Python, BSD, and
optional, since a path needs none of it. What an address needs beside it (s3fs, gcsfs) it names itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from edge_runtime.core.extras import missing
from edge_runtime.errors import MissingPart, SourceError

MISSING = "missing"
_BLOCK_BYTES = 1 << 20
Answer = TypeVar("Answer")


def is_url(drive: str) -> bool:
    return "://" in drive


def expanded(drives: Iterable[str]) -> list[str]:
    """The same drives, with `*` in an address resolved: a shell does that for paths only.

    Raises `SourceError`, and `RunError` for addresses without fsspec.
    """
    found: list[str] = []
    for drive in drives:
        if is_url(drive):
            _fsspec(drive)
        if not (is_url(drive) and "*" in drive):
            found.append(drive)
            continue
        system, path = _system(drive)
        matching = sorted(_asked(drive, partial(system.glob, path)))
        if not matching:
            raise SourceError(f"{drive}: nothing there has such a name")
        found += [str(system.unstrip_protocol(match)) for match in matching]
    return found


def names_of(drives: Sequence[str]) -> list[str]:
    """A short name for each, no two alike: that of the file, with as many of its folders as it takes.

    Raises `SourceError` when a drive is given twice.
    """
    paths = [PurePosixPath(drive.partition("://")[2] if is_url(drive) else Path(drive).absolute()) for drive in drives]
    stems = [(*path.parts[:-1], path.stem) for path in paths]
    deepest = max((len(stem) for stem in stems), default=0)
    for depth in range(1, deepest + 1):
        names = [".".join(part.strip("/") for part in stem[-depth:]).strip(".") for stem in stems]
        count = Counter(names)
        if len(count) == len(names):
            return names
    twice = next(drive for drive, name in zip(drives, names, strict=True) if count[name] > 1)
    raise SourceError(
        f"{twice}: is named twice\n    name each drive once; of A.mcap and A.mp4 in one folder, replay one"
    )


def identity(drive: str) -> str:
    """What changes when the drive does: sizes and times of its files, or what its store says; `missing` without it."""
    if is_url(drive):
        try:
            system, place = _system(drive)
            return str(system.ukey(place))
        except (FileNotFoundError, SourceError):
            return MISSING
    path = Path(drive)
    if not path.exists():
        return MISSING
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    seen = hashlib.sha256()
    for file in files:
        about = file.stat()
        seen.update(f"{file.relative_to(path)}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return seen.hexdigest()


@contextmanager
def local_copy(drive: str) -> Iterator[Path]:
    """The drive as a path, inside the block; one at an address is fetched first. Raises `SourceError`."""
    if not is_url(drive):
        yield Path(drive)
        return
    system, path = _system(drive)
    with TemporaryDirectory(prefix="edge-run-") as folder:
        copy = Path(folder) / PurePosixPath(path).name
        _asked(drive, lambda: system.get(path, str(copy), recursive=system.isdir(path)))
        yield copy


def digest(path: Path) -> str:
    """SHA-256 of a file's content, read once as long as it does not change."""
    about = path.stat()
    return _digest(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, t_ns: int) -> str:
    read = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            read.update(block)
    return read.hexdigest()


def _system(url: str) -> tuple[Any, str]:
    stores = _fsspec(url)
    system, path = _asked(url, lambda: stores.url_to_fs(url))
    return system, str(path)


def _fsspec(url: str) -> Any:
    try:
        import fsspec.core
    except ImportError as error:
        raise MissingPart(missing(url, "fsspec", "replay")) from error
    return fsspec.core


def _asked(url: str, ask: Callable[[], Answer]) -> Answer:
    """Every store fails in its own words and classes; here they become one."""
    try:
        return ask()
    except FileNotFoundError as error:
        raise SourceError(f"{url}: no such recording") from error
    except ImportError as error:
        fix = "pip install the driver of that store: s3fs (S3), gcsfs (Google), adlfs (Azure)"
        raise SourceError(f"{url}: {error}\n    {fix}") from error
    except Exception as error:
        raise SourceError(f"{url}: {str(error) or type(error).__name__}") from error
