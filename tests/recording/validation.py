"""Every message of a recording against its own schema, and those of Foxglove against the schemas of Foxglove's SDK."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jsonschema
from foxglove import messages
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.timestamp_pb2 import Timestamp
from mcap.reader import make_reader


def validate(path: Path) -> Counter[str]:
    """Messages by topic; raises for the first that is not what it says it is."""
    counts: Counter[str] = Counter()
    with path.open("rb") as stream:
        for schema, channel, message in make_reader(stream, validate_crcs=True).iter_messages():
            counts[channel.topic] += 1
            if schema.encoding == "protobuf":
                assert schema.name in ("foxglove.CompressedImage", "foxglove.RawImage")
                read = official(schema.name).FromString(message.data)
                assert read.timestamp.seconds * 10**9 + read.timestamp.nanos == message.log_time
                continue
            document = json.loads(message.data)
            jsonschema.validate(document, json.loads(schema.data))
            if schema.name.startswith("foxglove."):
                # Unknown fields and wrong types are refused here.
                json_format.ParseDict(with_protobuf_times(document), official(schema.name)())
    return counts


def official(name):
    """The SDK's own message type."""
    data = getattr(messages, name.removeprefix("foxglove.")).get_schema().data
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def with_protobuf_times(value):
    """In JSON Foxglove writes a time as {sec, nsec}, protobuf as a text."""
    if isinstance(value, list):
        return [with_protobuf_times(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"sec", "nsec"}:
        return Timestamp(seconds=value["sec"], nanos=value["nsec"]).ToJsonString()
    return {key: with_protobuf_times(each) for key, each in value.items()}
