"""Kinds of values on the command line, refused in the words of this program."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from edge_runtime.config.shipped import Kind, meant, shipped

Ctx = click.Context | None
Param = click.Parameter | None


def either(words: Iterable[object]) -> str:
    """`a, b or c`"""
    *head, last = [str(word) for word in words]
    return f"{', '.join(head)} or {last}" if head else last


def _bounds(low: float | None, high: float | None, low_open: bool) -> str:
    if low is None:
        return f"at most {high:g}"
    least = f"more than {low:g}" if low_open else f"{low:g} or more"
    return least if high is None else f"from {low:g} to {high:g}"


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"

    def convert(self, value: Any, param: Param, ctx: Ctx) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"'{value}' is not a whole number", param, ctx)
        if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
            self.fail(f"takes {_bounds(self.min, self.max, False)}, not {number}", param, ctx)
        return number


class Real(click.FloatRange):
    """A finite number within bounds."""

    name = "number"

    def convert(self, value: Any, param: Param, ctx: Ctx) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"'{value}' is not a number", param, ctx)
        low = self.min is not None and (number <= self.min if self.min_open else number < self.min)
        if low or (self.max is not None and number > self.max):
            self.fail(f"takes {_bounds(self.min, self.max, self.min_open)}, not {number:g}", param, ctx)
        return number


class OneOf(click.Choice):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.2 on
    """One of some words."""

    def convert(self, value: Any, param: Param, ctx: Ctx) -> Any:
        if value not in self.choices:
            near = get_close_matches(str(value), list(self.choices), 1)
            guess = f"; did you mean '{near[0]}'?" if near else ""
            self.fail(f"takes {either(self.choices)}, not '{value}'{guess}", param, ctx)
        return value


class FileToRead(click.Path):
    """A file that is there."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: Param, ctx: Ctx) -> Path:
        path = Path(str(super().convert(value, param, ctx)))
        if os.path.isdir(path):
            self.fail(f"{path} is a folder, not a file", param, ctx)
        if not os.path.exists(path):
            self.fail(f"no such file: {path}{_neighbour(path)}", param, ctx)
        if not os.access(path, os.R_OK):
            self.fail(f"{path} may not be read by this user", param, ctx)
        return path


class FolderToRead(click.Path):
    """A folder that is there."""

    name = "folder"

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: Param, ctx: Ctx) -> Path:
        path = Path(str(value))
        if os.path.isfile(path):
            self.fail(f"{path} is a file, not a folder", param, ctx)
        if not os.path.isdir(path):
            self.fail(f"no such folder: {path}{_neighbour(path)}", param, ctx)
        return path


class FileToWrite(click.Path):
    """A file that will be written at the end of long work: its folder must take it at the beginning."""

    name = "file"

    def __init__(self, ending: str = "") -> None:
        super().__init__(path_type=Path)
        self._ending = ending

    def convert(self, value: Any, param: Param, ctx: Ctx) -> Path:
        path = Path(str(super().convert(value, param, ctx)))
        if os.path.isdir(path):
            self.fail(f"{path} is a folder, not a file", param, ctx)
        if not path.name.lower().endswith(self._ending):
            fix = f"Write: {path.with_suffix(self._ending)}"
            self.fail(f"'{value}' does not end in {self._ending}. {fix}", param, ctx)
        if not os.path.isdir(path.parent):
            self.fail(f"the folder {path.parent} does not exist. Run: mkdir -p {path.parent}", param, ctx)
        if not os.access(path if os.path.exists(path) else path.parent, os.W_OK):
            self.fail(f"{path} may not be written by this user", param, ctx)
        return path


class FolderToWrite(click.Path):
    """A folder that will be made where it is not there."""

    name = "folder"

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: Param, ctx: Ctx) -> Path:
        path = Path(str(value))
        if os.path.isfile(path):
            self.fail(f"{path} is a file, not a folder", param, ctx)
        return path


class ByName(click.Path):
    """A file, or the name of one that ships. A name that is neither is left for the reader of the file to answer."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(path_type=Path)
        self._kind: Kind = kind

    def convert(self, value: Any, param: Param, ctx: Ctx) -> Path:
        path = Path(str(super().convert(value, param, ctx)))
        return meant(self._kind, str(path)) or path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name) for name in shipped(self._kind) if name.startswith(incomplete)]
        return [*names, *super().shell_complete(ctx, param, incomplete)]


def _neighbour(path: Path) -> str:
    """What may have been meant."""
    try:
        near = get_close_matches(path.name, os.listdir(path.parent), 1)
    except (OSError, ValueError):
        return ""
    return f"; did you mean '{path.parent / near[0]}'?" if near else ""
