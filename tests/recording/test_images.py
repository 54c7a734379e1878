"""The two protobuf messages are those of Foxglove, byte for byte as its own SDK writes and reads them."""

import numpy as np
import pytest
from foxglove import messages
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from edge_runtime.errors import SourceError
from edge_runtime.recording.images import StoredPicture, jpeg_message, raw_message, schema

T_NS = 1_790_000_000_123_456_789


def noise(shape=(48, 64)):
    return np.random.default_rng(1).integers(0, 255, (*shape, 3), np.uint8)


def test_a_raw_picture_is_encoded_as_the_sdk_encodes_it_and_comes_back_as_it_was():
    image = noise()
    theirs = messages.RawImage(
        timestamp=messages.Timestamp(*divmod(T_NS, 10**9)),
        frame_id="front",
        width=64,
        height=48,
        encoding="bgr8",
        step=192,
        data=image.tobytes(),
    ).encode()
    assert raw_message(image, "front", T_NS) == theirs
    assert np.array_equal(StoredPicture(theirs, raw=True).decode(), image)


def test_a_picture_that_is_a_part_of_a_larger_one_is_recorded_too():
    whole = noise()
    part = whole[4:20, 8:40]
    assert np.array_equal(StoredPicture(raw_message(part, "front", T_NS), raw=True).decode(), part)


def test_a_jpeg_is_read_by_the_sdks_own_schema_and_comes_back_nearly_as_it_was():
    image = np.full((48, 64, 3), 90, np.uint8)
    message = jpeg_message(image, "front", T_NS)
    theirs = decoder(messages.CompressedImage.get_schema().data, "foxglove.CompressedImage").FromString(message)
    assert (theirs.frame_id, theirs.format) == ("front", "jpeg")
    assert theirs.timestamp.seconds * 10**9 + theirs.timestamp.nanos == T_NS
    assert np.abs(StoredPicture(message, raw=False).decode().astype(int) - image).max() <= 2


@pytest.mark.parametrize(("raw", "theirs"), [(False, messages.CompressedImage), (True, messages.RawImage)])
def test_the_descriptors_describe_the_same_fields_as_the_sdks(raw, theirs):
    name, ours = schema(raw)
    assert name == theirs.get_schema().name
    assert fields(ours, name) == fields(theirs.get_schema().data, name)


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x12\x03abc", b"\xff" * 40])
@pytest.mark.parametrize("raw", [False, True])
def test_what_is_no_picture_is_refused(message, raw):
    with pytest.raises(SourceError, match="recorded picture"):
        StoredPicture(message, raw).decode()


def decoder(descriptors, name):
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def fields(descriptors, name):
    return {
        field.name: (field.number, field.type, field.message_type and field.message_type.full_name)
        for field in decoder(descriptors, name).DESCRIPTOR.fields
    }
