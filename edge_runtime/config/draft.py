"""What of a document is right already, so that checks over several values need not wait for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from . import schema
from .document import Document, Where
from .schema import Decode, InputBlock, Sink, Source, Stage

T = TypeVar("T")


@dataclass(frozen=True)
class ModelDraft:
    """The two blocks of a model that other parts are checked against."""

    input: InputBlock | None
    decode: Decode | None


@dataclass(frozen=True)
class Draft:
    """The parts of a pipeline, None in place of a part that is not right on its own."""

    document: Document
    sources: tuple[tuple[Where, Source | None], ...]
    models: dict[str, ModelDraft]
    stages: tuple[Stage | None, ...]
    sinks: tuple[Sink | None, ...]

    @classmethod
    def of(cls, document: Document) -> Draft:
        models, stages, sinks = (document.data.get(key) for key in ("models", "stages", "sinks"))
        stage: TypeAdapter[Stage] = TypeAdapter(schema.Stage)
        sink: TypeAdapter[Sink] = TypeAdapter(schema.Sink)
        source: TypeAdapter[Source] = TypeAdapter(schema.Source)
        return cls(
            document,
            tuple((where, _part(source, document.get(where))) for where in source_places(document)),
            {str(name): _model(value) for name, value in models.items()} if isinstance(models, dict) else {},
            tuple(_part(stage, value) for value in stages) if isinstance(stages, list) else (),
            tuple(_part(sink, value) for value in sinks) if isinstance(sinks, list) else (),
        )

    def stage_name(self, index: int) -> str | None:
        """Also of a stage that is not right otherwise."""
        name = self.document.get(("stages", index, "name"))
        return name if isinstance(name, str) else None


def source_places(document: Document) -> list[Where]:
    """Where the blocks of the cameras stand."""
    several = document.data.get("sources")
    listed: list[Where] = [("sources", index) for index in range(len(several) if isinstance(several, list) else 0)]
    return [("source",), *listed] if document.data.get("source") is not None else listed


def _model(value: Any) -> ModelDraft:
    blocks = value if isinstance(value, dict) else {}
    network_input: TypeAdapter[InputBlock] = TypeAdapter(schema.InputBlock)
    decode: TypeAdapter[Decode] = TypeAdapter(schema.Decode)
    return ModelDraft(_part(network_input, blocks.get("input")), _part(decode, blocks.get("decode")))


def _part(adapter: TypeAdapter[T], value: Any) -> T | None:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None
