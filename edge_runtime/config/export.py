"""The pipeline file to the outside: its JSON Schema for editors, and a loaded one as a plain document."""

from __future__ import annotations

from typing import Any

from .schema import PipelineConfig


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a pipeline file.

    An editor with yaml-language-server completes keys, kinds and words from it when the file begins with
    `# yaml-language-server: $schema=FILE`.
    """
    schema = PipelineConfig.model_json_schema(mode="validation")
    schema["oneOf"] = [{"required": ["source"]}, {"required": ["sources"]}]
    schema["title"] = "edge_runtime pipeline"
    schema["description"] = "A camera, the networks that look at its frames, and where their results go."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def to_document(config: PipelineConfig) -> dict[str, Any]:
    """The config as JSON or YAML can hold it, defaults written out; it loads again to an equal config."""
    document: dict[str, Any] = config.model_dump(mode="json", exclude_none=True, by_alias=True)
    return document
