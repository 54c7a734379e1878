"""The text of a pipeline file, and what is wrong with it when it is no text or no YAML."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from edge_runtime.errors import ConfigError, Problem

from .shipped import Kind, shipped
from .words import did_you_mean, either

_MAX_BYTES = 1_000_000
_START: dict[Kind | None, str] = {
    "pipelines": "a pipeline has `name:`, `source:`, `models:` and `stages:`; `edge-run schema` prints every key",
}

# What PyYAML says (its problem text begins so) and what a person should read: what is wrong, what to do about it, and
# whether the mistake is where the construct begins (context) rather than where the parser noticed (problem).
_SYNTAX = (
    ("mapping values are not allowed", "a `:` where no key can be",
     "put a text that contains `: ` in quotes, and give all keys of one block the same indentation", False),
    ("could not find expected ':'", "a key without `:`", "write `key: value`, with a space after the colon", True),
    ("expected <block end>, but found '<scalar>'", "text after the end of a value",
     "a text with quotes in it goes into quotes of the other kind", False),
    ("expected <block end>", "this does not line up with the block it is in",
     "give all keys of one block the same indentation", False),
    ("expected ',' or ']'", "a list that is not closed", "a list ends with `]`, its items stand between commas", True),
    ("expected ',' or '}'", "a block that is not closed", "a block ends with `}`, its keys stand between commas", True),
    ("found unexpected end of stream", "a quote that is not closed", "end the text with the quote it began with", True),
    ("found unexpected document separator", "a quote that is not closed", "end the text with the same quote", True),
    ("found unknown escape character", "a backslash that means nothing in double quotes",
     "put the text in single quotes: backslashes are plain letters there", False),
    ("sequence entries are not allowed", "a `-` where no list can be", "start the list on its own line", False),
    ("expected the node content", "a value is missing, or a list or block is not closed", "", False),
    ("found undefined alias", "an alias (*) of an anchor that is not above it",
     "write `&name` at the value that is meant", False),
    ("but found another document", "a second document", "one file holds one pipeline: take the `---` away", False),
)  # fmt: skip


def read_text(path: Path, shown: str, kind: Kind | None = None) -> str:
    """The file's text; raises ConfigError when it is not there or no text. `shown` is the path as the user wrote it,
    `kind` what it should be, where such files go by name.
    """
    noun = "YAML file" if kind is None else "pipeline file" if kind == "pipelines" else kind.removesuffix("s")

    def refuse(what: str, fix: str = "", line: int = 0, column: int = 0) -> ConfigError:
        return ConfigError([Problem("", what, fix, shown, line, column)])

    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise refuse("no such file", _neighbour(path, kind)) from None
    except IsADirectoryError:
        files = sorted(str(child) for child in path.glob("*.y*ml"))[:5]
        raise refuse(f"is a folder, not a {noun}", f"it holds {', '.join(files)}" if files else "") from None
    except (OSError, ValueError) as error:
        raise refuse(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse("is UTF-16", "save it as UTF-8")
    if b"\0" in raw:
        named = "give the YAML file that names it: networks and videos are passed with `--set`"
        raise refuse(f"is a binary file, not a {noun}", named if kind == "pipelines" else "")
    if len(raw) > _MAX_BYTES:
        raise refuse(
            f"is over 1 MB, too long for a {noun}", "give the YAML file of the pipeline" * (kind == "pipelines")
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise refuse(what, "save the file as UTF-8", line, column) from None


def empty(file: str, kind: Kind | None) -> ConfigError:
    return ConfigError([Problem("", "the file is empty", _START.get(kind, ""), file)])


def not_a_block(file: str, kind: Kind | None, found: str, line: int, column: int, text: str) -> ConfigError:
    what = f"the file holds {found} instead of keys"
    return ConfigError([Problem("", what, _START.get(kind, ""), file, line, column, text)])


def syntax_problem(error: yaml.YAMLError, file: str, lines: list[str]) -> Problem:
    """A parser's complaint in our words, at the line to look at."""

    def at(line: int, column: int, what: str, fix: str = "") -> Problem:
        text = lines[line] if line < len(lines) else ""
        return Problem("", what, fix, file, line + 1, column + 1, text)

    if isinstance(error, yaml.reader.ReaderError):
        before = "\n".join(lines)[: error.position]
        letter = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
        what = f"character U+{letter:04X} cannot be in a YAML file"
        return at(before.count("\n"), len(before) - before.rfind("\n") - 1, what, "delete it")
    if not isinstance(error, yaml.MarkedYAMLError) or not (mark := error.problem_mark or error.context_mark):
        return Problem("", f"is not YAML: {error}", "", file)
    said = error.problem or error.context or "is not YAML"
    line = lines[mark.line] if mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or "'\\t'" in said:
        return at(mark.line, line.find("\t") if "\t" in line else mark.column, "a tab", "indent with spaces only")
    for begins, what, fix, at_start in _SYNTAX:
        if said.startswith(begins):
            if at_start and error.context_mark:
                mark = error.context_mark
            return at(mark.line, mark.column, what, fix)
    if said.startswith("found character"):
        first = line[mark.column : mark.column + 1]
        return at(mark.line, mark.column, f"no value begins with `{first}`", "put the text in quotes")
    return at(mark.line, mark.column, f"is not YAML: {said}")


def _neighbour(path: Path, kind: Kind | None) -> str:
    """What may have been meant: a file beside it, or one that ships."""
    try:
        names = [name for name in os.listdir(path.parent) if name.endswith((".yaml", ".yml"))]
    except (OSError, ValueError):
        names = []
    by_name = shipped(kind) if kind is not None and path == Path(path.name) else {}
    guess = did_you_mean(path, [*by_name, *(path.parent / name for name in names)])
    return guess or (f"{kind} that ship go by name: {either(by_name, 'and')}" if by_name and not path.suffix else "")
