"""How messages name values, list choices and guess what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import yaml


def nearest(word: object, words: Iterable[object]) -> str | None:
    """The one of `words` that `word` is most likely a misspelling of, None where none is close."""
    choices = {str(choice).lower(): str(choice) for choice in words}
    written = str(word).lower()[:100]
    close = difflib.get_close_matches(written, list(choices), n=5, cutoff=0.6)
    # Swapped letters are the commonest slip: `cra` is `car` sooner than `cat`.
    close.sort(key=lambda choice: sorted(choice) != sorted(written))
    return choices[close[0]] if close else None


def did_you_mean(word: object, words: Iterable[object]) -> str:
    """`did you mean …?`, or nothing."""
    guess = nearest(word, words)
    return f"did you mean `{guess}`?" if guess is not None else ""


def either(words: Iterable[object], joiner: str = "or") -> str:
    """`a, b or c`"""
    *head, last = [str(word) for word in words] or ["nothing"]
    return f"{', '.join(head)} {joiner} {last}" if head else last


def flow(value: Any) -> str:
    """A value as it would be written on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def show(value: Any) -> str:
    """A value of the file as messages quote it: short, and a text in quotes."""
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode()
        text = "".join(letter if letter.isprintable() else " " for letter in text)
        return f"'{_crop(text, 80)}'"
    try:
        return _crop(flow(value), 40)
    except (yaml.YAMLError, RecursionError, ValueError):
        return _crop(repr(value), 40)


def _crop(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
