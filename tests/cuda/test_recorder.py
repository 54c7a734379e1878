"""The recording double itself: it must see what it is there to see."""

import numpy as np

from tests.cuda.recorder import RecordingGpu


def test_nothing_is_done_before_an_event_is_waited_for():
    gpu = RecordingGpu()
    stream, event, mirror = gpu.stream("s"), gpu.event(), gpu.mirror(4)
    mirror.array((4,), np.uint8)[:] = 7
    mirror.to_device(4, stream=stream)
    stream.record(event)
    assert (mirror.bytes != 7).all()
    event.wait()
    assert (mirror.bytes == 7).all()
    assert gpu.races == []


def test_a_host_that_changes_what_a_copy_has_yet_to_read_is_a_race():
    gpu = RecordingGpu()
    stream, mirror = gpu.stream("s"), gpu.mirror(4)
    mirror.to_device(4, stream=stream)
    mirror.array((4,), np.uint8)[:] = 7
    gpu.finish()
    assert gpu.races == ["pinned memory changed before copy_in read it"]


def test_two_streams_on_one_buffer_need_an_event_between_them():
    for ordered in (False, True):
        gpu = RecordingGpu()
        one, other, event, mirror = gpu.stream("1"), gpu.stream("2"), gpu.event(), gpu.mirror(4)
        mirror.to_device(4, stream=one)
        one.record(event)
        if ordered:
            other.wait(event)
        mirror.to_host(4, stream=other)
        gpu.finish()
        assert bool(gpu.races) is not ordered


def test_a_host_that_waited_orders_what_it_enqueues_next():
    gpu = RecordingGpu()
    one, other, event, mirror = gpu.stream("1"), gpu.stream("2"), gpu.event(), gpu.mirror(4)
    mirror.to_device(4, stream=one)
    one.record(event)
    event.wait()
    mirror.to_host(4, stream=other)
    gpu.finish()
    assert gpu.races == []


def test_a_graph_does_its_work_at_every_launch():
    gpu = RecordingGpu()
    stream, mirror = gpu.stream("s"), gpu.mirror(1)
    graph = gpu.capture(lambda: mirror.to_device(1, stream=stream), stream=stream)
    for value in (1, 2):
        mirror.array((1,), np.uint8)[:] = value
        graph.launch(stream=stream)
        gpu.finish()
        assert mirror.bytes[0] == value
    assert gpu.calls["graph_launch"] == 2
    assert gpu.calls["copy_in"] == 0
