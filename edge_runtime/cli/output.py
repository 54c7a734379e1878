"""Where the words of a verb go: one JSON document on stdout where that was asked for, and errors on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from edge_runtime.errors import ConfigError, EdgeRuntimeError

FAILED, BAD_USE, NOT_HELD = 1, 2, 3
_TOLD = "told"


class Refused(Exception):
    """Bad use or a bad file, found by what was called: exit code 2."""


@contextmanager
def refusals(*kinds: type[Exception]) -> Iterator[None]:
    """Errors in here (of these kinds, by default all that are meant for people) are bad use, not a failed run."""
    meant = kinds or (EdgeRuntimeError,)
    try:
        yield
    except ConfigError:
        raise
    except meant as error:
        raise Refused(str(error)) from error


def print_json(document: Any) -> None:
    """The one document of a verb."""
    click.get_current_context().find_root().ensure_object(dict)[_TOLD] = True
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def complain(text: str) -> None:
    """An error for a person."""
    loud = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    click.echo(f"{click.style('edge-run:', fg='red', bold=True) if loud else 'edge-run:'} {text}", err=True)


class Ending:
    """How a command line that went wrong ends: in words on stderr, and as a document on stdout where one was asked for
    and none was printed.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        before = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
        self.obj: dict[str, Any] = {}
        self._as_json = "--json" in before

    def say(self, code: int, text: str, **more: Any) -> int:
        """Prints `text` as it is; `more` goes into the document."""
        click.echo(text, err=True)
        return self._document(code, text, **more)

    def complain(self, code: int, text: str) -> int:
        complain(text)
        return self._document(code, text)

    def _document(self, code: int, text: str, **more: Any) -> int:
        if self._as_json and not self.obj.get(_TOLD):
            click.echo(json.dumps({"error": text, "exit_code": code, **more}, indent=2, ensure_ascii=False))
        return code
