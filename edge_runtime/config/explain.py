"""Pydantic's errors in our voice: what is wrong, with which value, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, get_args, get_origin

from pydantic_core import ErrorDetails

from edge_runtime.errors import Problem

from .document import Document
from .schema import Block, Decode, Fault, PipelineConfig, Sink, Source, Stage
from .spot import TAGS, Spot, choices, is_block, keys, locate, members, tag
from .words import did_you_mean, either, flow, nearest, show

_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "path_type": "a path",
    "tuple_type": "a list",
    "dict_type": "a block of keys",
    "model_type": "a block of keys",
    "model_attributes_type": "a block of keys",
    "literal_error": "one of the words",
}
_BOUNDS = {
    "greater_than": ("too small", "more than", "gt"),
    "greater_than_equal": ("too small", "at least", "ge"),
    "less_than": ("too large", "less than", "lt"),
    "less_than_equal": ("too large", "at most", "le"),
}


def explain(errors: Iterable[ErrorDetails], document: Document, root: type[Block] = PipelineConfig) -> list[Problem]:
    """One problem for each mistake in a file that should read as `root`.

    Of a value that fits none of several types it is one problem and not one a type; a required key that is only
    misspelt is not called missing as well, nor a list too short for the items in it that are wrong.
    """
    located = [(locate(error["loc"], root), error) for error in errors if not _long_enough(error)]
    misspelt = {
        (*spot.where[:-1], _meant_key(spot, document)) for spot, error in located if error["type"] == "extra_forbidden"
    }
    problems = []
    for choice, group in groupby(located, key=lambda entry: entry[0].choice):
        entries = list(group)
        if choice is not None:
            entries = _meant_type(entries)
        problems += [
            _problem(spot, error, document, root)
            for spot, error in entries
            if not (error["type"] == "missing" and spot.where in misspelt)
        ]
    return problems


def _long_enough(error: ErrorDetails) -> bool:
    """Pydantic counts only the items that are right."""
    return error["type"] == "too_short" and len(error["input"]) >= error.get("ctx", {})["min_length"]


def _meant_type(entries: list[tuple[Spot, ErrorDetails]]) -> list[tuple[Spot, ErrorDetails]]:
    """Of a choice of types, the complaints of the type that the value was meant to have: its shape is right."""
    branches = [list(group) for _, group in groupby(entries, key=lambda entry: entry[0].branch)]
    for branch in branches:
        if any(spot.where != spot.choice or error["type"] not in _WANTED for spot, error in branch):
            return branch
    spot, error = entries[0]
    wanted = dict.fromkeys(_WANTED[error["type"]] for _, error in entries if error["type"] != "literal_error")
    return [(spot, {**error, "type": "choice", "ctx": {"wanted": either(wanted)}})]


def _problem(spot: Spot, error: ErrorDetails, document: Document, root: type[Block]) -> Problem:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing" and isinstance(spot.where[-1], int):
        whole = locate(error["loc"][:-1], root)
        return document.problem(whole.where, *_wrong_length(whole, len(document.get(whole.where))))
    if kind == "missing":
        return document.problem(spot.where, "is missing", _to_write(spot), key=True)
    if kind in ("extra_forbidden", "invalid_key"):
        return document.problem(spot.where, "unknown key", _known_keys(spot, document), key=True)
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        key = context["discriminator"].strip("'")
        where, words = (*spot.where, key), choices(spot.type)
        if kind == "union_tag_not_found":
            return document.problem(where, "is missing", f"`{key}:` takes {either(words)}", key=True)
        return document.problem(where, *_unknown_word(document.get(where), words))
    if spot.on_key:
        return document.problem(spot.where, *_wrong_key(spot), key=True)
    if kind == "literal_error":
        return document.problem(spot.where, *_unknown_word(value, choices(spot.type)))
    if kind in _WANTED or kind == "choice":
        wanted = context.get("wanted") or _WANTED[kind]
        return document.problem(spot.where, *_wrong_type(spot, wanted, value), key=value is None)
    if kind in _BOUNDS:
        what, relation, bound = _BOUNDS[kind]
        fix = f"must be {relation} {context[bound]:g}{_description(spot, ': ')}"
        return document.problem(spot.where, f"{show(value)} is {what}", fix)
    if kind in ("too_short", "too_long"):
        return document.problem(spot.where, *_wrong_length(spot, context["actual_length"], context))
    if kind == "string_too_short":
        return document.problem(spot.where, "is empty", _to_write(spot))
    if kind == "string_pattern_mismatch":
        return document.problem(
            spot.where, f"{show(value)} is not a name", "letters, digits, `_`, `.` and `-` make a name"
        )
    if kind == "finite_number":
        return document.problem(spot.where, f"{show(value)} is not a finite number", _to_write(spot))
    return document.problem(spot.where, f"{show(value)}: {error['msg'].lower()}", _to_write(spot))


def _wrong_type(spot: Spot, wanted: str, value: Any) -> tuple[str, str]:
    if value is None:
        optional = spot.field is not None and not spot.field.is_required() and isinstance(spot.where[-1], str)
        blocks = [block for block in members(spot.type) if is_block(block)]
        needs = f"it takes {either(keys(blocks[0]), 'and')}" if len(blocks) == 1 and optional else _to_write(spot)
        return "is empty", f"{needs}; or take the line away" if optional else needs
    what = f"{show(value)} is not {wanted}"
    if wanted == "a text" and isinstance(value, (bool, int, float)):
        return what, f"YAML reads it as {'true or false' if isinstance(value, bool) else 'a number'}; put it in quotes"
    if wanted == "a list" and isinstance(value, str) and str in members(_item_type(spot)):
        return what, f"write `{spot.where[-1]}: [{value}]`{_description(spot, ': ')}"
    if "number" in wanted and isinstance(value, str) and value.strip().replace(".", "", 1).isdecimal():
        return what, "take the quotes away"
    return what, _to_write(spot)


def _wrong_length(spot: Spot, length: int, context: dict[str, Any] | None = None) -> tuple[str, str]:
    context = context or {}
    has = f"has {length} item{'s' * (length != 1)}" if length else "is empty"
    fixed = [kind for kind in members(spot.type) if get_origin(kind) is tuple and ... not in get_args(kind)]
    if fixed:
        needs = f"it takes {len(get_args(fixed[0]))}"
    elif "max_length" in context:
        needs = f"it takes at most {context['max_length']}"
    else:
        needs = f"it takes at least {context['min_length']}"
    return has, f"{needs}; {_to_write(spot, like=list)}"


def _wrong_key(spot: Spot) -> tuple[str, str]:
    key = spot.where[-1]
    if spot.field is not None and "index" in (spot.field.description or ""):
        return f"{show(key)} is not a class index", "an index is a whole number from 0 on, such as `{2: car, 7: truck}`"
    if isinstance(key, int):
        return f"{key} is a number, not a name", f'put it in quotes: `"{key}":`'
    return f"{show(key)} is not a name", "letters, digits, `_`, `.` and `-` make a name"


def _unknown_word(value: Any, words: list[Any]) -> tuple[str, str]:
    if value is None:
        return "is empty", f"it takes {either(words)}"
    guess = did_you_mean(value, words)
    return f"unknown value {show(value)}", f"{guess} It takes {either(words)}" if guess else f"it takes {either(words)}"


def _known_keys(spot: Spot, document: Document) -> str:
    """What an unknown key was meant to be: a near name, a key of a block inside or of another kind, else all keys."""
    key, fields = str(spot.where[-1]), keys(spot.owner)
    if guess := _meant_key(spot, document):
        return f"did you mean `{guess}`?"
    for name, field in fields.items():
        if any(is_block(block) and key in keys(block) for block in members(field.annotation)):
            return f"it belongs into `{name}:`"
    others = [tag(block) for block in _siblings(spot) if key in keys(block)]
    if others:
        word = next(word for word in TAGS if word in fields)
        return f"only `{word}` {either(others)} takes it; this block takes {either(fields, 'and')}"
    return f"this block takes {either(fields, 'and')}"


def _meant_key(spot: Spot, document: Document) -> str | None:
    """The key that an unknown one is a misspelling of, sooner one that the block lacks."""
    fields, present = keys(spot.owner), document.get(spot.where[:-1]) or ()
    return nearest(spot.where[-1], [key for key in fields if key not in present]) or nearest(spot.where[-1], fields)


def _siblings(spot: Spot) -> list[Any]:
    """The blocks of the other kinds that could stand where this one stands."""
    unions = [members(union) for union in (Source, Decode, Stage, Sink, Fault)]
    return [block for blocks in unions if spot.owner in blocks for block in blocks if block is not spot.owner]


def _item_type(spot: Spot) -> Any:
    lists = [kind for kind in members(spot.type) if get_origin(kind) is tuple]
    return get_args(lists[0])[0] if lists else None


def _to_write(spot: Spot, like: type = object) -> str:
    """An example of what is right (of type `like` where there is one), and what it means: both are the schema's."""
    key, field = spot.where[-1] if spot.where else "", spot.field
    if field is None:
        return ""
    examples = field.examples or [field.default]
    example = next((example for example in examples if isinstance(example, like)), examples[0])
    if isinstance(key, int):
        item = example[0] if isinstance(example, list) else None
        return f"write `- {flow(item)}`" if isinstance(item, dict) else field.description or ""
    if not field.examples and (words := choices(field.annotation)):
        return f"`{key}:` takes {either(words)}{_description(spot, ': ')}"
    if isinstance(example, (str, int, float, list, dict)):
        return f"write `{key}: {flow(example)}`{_description(spot, ': ')}"
    return field.description or ""


def _description(spot: Spot, before: str) -> str:
    text = spot.field.description if spot.field else None
    return f"{before}{text}" if text else ""
