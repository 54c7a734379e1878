import numpy as np
import pytest

from edge_runtime.sources import open_source

from .drives import block


def read_all(source, limit=100):
    pictures = []
    while len(pictures) < limit and (picture := source.read()) is not None:
        pictures.append(picture)
    return pictures


def test_a_drive_ends_after_its_seconds():
    with open_source(block(seconds=0.5)) as source:
        info = source.info
        pictures = read_all(source)
    assert (info.fps, info.pictures, info.width, info.height) == (10.0, 5, 640, 360)
    assert [picture.t_stream_ns for picture in pictures] == [index * 100_000_000 for index in range(5)]
    assert source.read() is None
    assert not source.paced


def test_a_loop_starts_again_while_time_goes_on():
    with open_source(block(seconds=0.3, loop=True)) as source:
        pictures = read_all(source, limit=7)
    assert [picture.t_stream_ns for picture in pictures] == [index * 100_000_000 for index in range(7)]
    assert np.array_equal(pictures[0].image, pictures[3].image)


def test_every_picture_says_how_fast_the_vehicle_is():
    with open_source(block(seconds=1.0, speed_kmh=((0.0, 36.0), (1.0, 72.0)))) as source:
        speeds = [picture.ego_speed_mps for picture in read_all(source)]
    assert speeds == pytest.approx([10 + index for index in range(10)])


def test_pictures_are_arrays_of_their_own():
    with open_source(block()) as source:
        first = source.read().image
        before = first.copy()
        source.read()
    assert np.array_equal(first, before)


def test_a_closed_source_gives_nothing_and_may_be_closed_again():
    source = open_source(block())
    source.close()
    source.close()
    assert source.read() is None
