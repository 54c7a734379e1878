"""The schemas are schemas, and the documentation names every topic and field of ours."""

from pathlib import Path

import jsonschema
import pytest

from edge_runtime.recording.schemas import topics

DOCS = (Path(__file__).parents[2] / "docs" / "recording.md").read_text()


@pytest.mark.parametrize(("topic", "schema"), topics(["NAME"]).items())
def test_a_topic_has_a_valid_schema_and_is_documented(topic, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert f"| `{topic}` | `{schema['title']}` |" in DOCS


@pytest.mark.parametrize("schema", [s for s in topics("front").values() if s["title"].startswith("edge_runtime.")])
def test_our_own_messages_say_what_they_are(schema):
    assert schema["description"]
    assert schema["required"]
