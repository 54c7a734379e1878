"""From pydantic's location of an error to the place in the file and the field of the schema it is about.

Pydantic mixes keys of the file with names of union branches (`source.video.path`, `mean.tuple[…].1`); walking the
schema's annotations beside the location tells the one from the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from .document import Where
from .schema import Block, PipelineConfig

TAGS = ("kind", "family")


@dataclass(frozen=True)
class Spot:
    """What an error is about.

    `where` is the way there in the file; `owner` the block of the last named key and `field` that key, None where the
    block has no such key; `type` the annotation of the value. With a choice of types (`a number or a list`) `choice`
    is where it stands and `branch` which of the types complains. `on_key` when the key itself is wrong.
    """

    where: Where = ()
    owner: type[Block] = PipelineConfig
    field: FieldInfo | None = None
    type: Any = PipelineConfig
    choice: Where | None = None
    branch: str = ""
    on_key: bool = False


def locate(location: Sequence[str | int], root: type[Block] = PipelineConfig) -> Spot:
    spot = Spot(owner=root, type=root)
    for part in location:
        types = members(spot.type)
        if part == "[key]" and not is_block(types[0]):  # in a block it is a key that somebody wrote
            return replace(spot, on_key=True)
        if len(types) > 1:
            spot = _branch(spot, types, str(part))
            continue
        spot = replace(spot, where=(*spot.where, part))
        if is_block(types[0]):
            field = keys(types[0]).get(str(part))
            spot = replace(spot, owner=types[0], field=field, type=field.annotation if field else Any)
        else:
            arguments = get_args(types[0])
            item: Any = Any
            if get_origin(types[0]) is dict:
                item = arguments[1]
            elif get_origin(types[0]) is tuple:
                item = arguments[0]
            spot = replace(spot, type=item)
    return spot


def members(annotation: Any) -> list[Any]:
    """The types a value may have, None left out."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) if part is not type(None) for member in members(part)]
    return [annotation]


def is_block(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Block)


def keys(block: type[Block]) -> dict[str, FieldInfo]:
    """The fields of a block by what the file calls them."""
    return {field.alias or name: field for name, field in block.model_fields.items()}


def choices(annotation: Any) -> list[Any]:
    """The words a field takes when it takes only certain words; for blocks of several kinds, their kinds."""
    types = members(annotation)
    if len(types) > 1:
        return [tag(block) for block in types] if all(map(is_block, types)) else []
    return list(get_args(types[0])) if get_origin(types[0]) is Literal else []


def tag(block: type[Block]) -> str | None:
    """The `kind` (or `family`) that a block is for."""
    for key in TAGS:
        if key in block.model_fields and (words := get_args(block.model_fields[key].annotation)):
            return str(words[0])
    return None


def _branch(spot: Spot, types: list[Any], label: str) -> Spot:
    if all(map(is_block, types)):
        block = next(block for block in types if tag(block) == label)
        return replace(spot, owner=block, type=block)
    chosen = [block for block in types if is_block(block) and block.__name__ == label]
    chosen += [kind for kind in types if (origin := get_origin(kind)) and label.startswith(origin.__name__)]
    return replace(spot, type=chosen[0] if chosen else Any, choice=spot.where, branch=label)
