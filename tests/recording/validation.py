"""Every message of a recording against its own schema, and those of Foxglove against the schemas of Foxglove's SDK."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path

import jsonschema
from foxglove import messages
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.timestamp_pb2 import Timestamp
from mcap.reader import make_reader

MAGIC = b"\x89MCAP0\r\n"


def validate(path: Path) -> Counter[str]:
    """Messages by topic; raises for the first that is not what it says it is."""
    counts: Counter[str] = Counter()
    validators = {}
    with path.open("rb") as stream:
        for schema, channel, message in make_reader(stream, validate_crcs=True).iter_messages():
            counts[channel.topic] += 1
            if schema.encoding == "protobuf":
                assert schema.name in ("foxglove.CompressedImage", "foxglove.RawImage")
                read = official(schema.name).FromString(message.data)
                assert read.timestamp.seconds * 10**9 + read.timestamp.nanos == message.log_time
                continue
            document = json.loads(message.data)
            if schema.id not in validators:
                described = json.loads(schema.data)
                jsonschema.Draft202012Validator.check_schema(described)
                validators[schema.id] = jsonschema.Draft202012Validator(described)
            validators[schema.id].validate(document)
            if schema.name.startswith("foxglove."):
                # Unknown fields and wrong types are refused here.
                json_format.ParseDict(with_protobuf_times(document), official(schema.name)())
    return counts


@lru_cache
def official(name):
    """The SDK's own message type."""
    data = getattr(messages, name.removeprefix("foxglove.")).get_schema().data
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def closed(path: Path) -> bool:
    """Whether the file was ended in order, so that any reader of MCAP takes it as it is."""
    data = path.read_bytes()
    return len(data) > 16 and data[:8] == data[-8:] == MAGIC


def with_protobuf_times(value):
    """In JSON Foxglove writes a time as {sec, nsec}, protobuf as a text."""
    if isinstance(value, list):
        return [with_protobuf_times(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"sec", "nsec"}:
        return Timestamp(seconds=value["sec"], nanos=value["nsec"]).ToJsonString()
    return {key: with_protobuf_times(each) for key, each in value.items()}
