"""The ring in /dev/shm: what is read is what was written, whole or not at all, whatever becomes of the writer."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from edge_runtime.config.schema import SharedMemorySink
from edge_runtime.core import ClassTable, Detections, Frame, FrameResult, OperatingPoint, SystemClock
from edge_runtime.errors import SinkError
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.base import ResultsLost, SinkContext
from edge_runtime.sinks.ring import RingWriter
from edge_runtime.sinks.ring_layout import DEAD_NS, FOLDER, MAGIC, RECORD
from edge_runtime.sinks.shared_memory import SharedMemoryReader

from .ring_process import CLASSES, PICTURE, frame, is_whole, result, shape
from .waiting import until

ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()
pytestmark = pytest.mark.skipif(not os.access(FOLDER, os.W_OK), reason=f"no {FOLDER} here")


@pytest.fixture
def writer(name):
    writer = RingWriter(Path(FOLDER, name), shape(), CLOCK)
    yield writer
    writer.close()


# What is in a record.


def test_a_record_is_what_was_found_in_the_frame(name):
    ring = RingWriter(Path(FOLDER, name), shape(stages=("tracked", "lights")), CLOCK)
    boxes = Detections.of([[1, 2, 3, 4], [5, 6, 7, 8.5]], [0.5, 0.25], [2, 0], [12, -1])
    picture = Frame(7, "front", 1000, PICTURE, 27.5, 2000)
    found = {"tracked": boxes, "lights": boxes.with_labels(np.array([5, -1], np.int32)), "other": boxes}
    before_ns = CLOCK.now_ns()
    ring.write(picture, FrameResult(7, "front", 1000, 33.25, OperatingPoint("half"), found, t_stream_ns=2000))
    with SharedMemoryReader(name) as reader:
        record = reader.latest()
        assert (reader.classes, reader.stages, reader.pipeline) == (CLASSES, ("tracked", "lights"), "highway")
        assert reader.writer_pid == os.getpid()
    ring.close()
    assert (record.number, record.frame_id, record.camera, record.point) == (1, 7, "front", "half")
    assert (record.t_capture_ns, record.t_stream_ns, record.latency_ms) == (1000, 2000, 33.25)
    assert before_ns <= record.t_published_ns <= CLOCK.now_ns()
    assert (record.width, record.height, record.ego_speed_mps) == (6, 4, 27.5)
    assert record.stages == ("tracked", "lights")
    assert record.boxes["xyxy"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8.5]] * 2
    assert record.boxes["confidence"].tolist() == [0.5, 0.25] * 2
    assert record.boxes["class_id"].tolist() == [2, 0] * 2
    assert record.boxes["track_id"].tolist() == [12, -1] * 2
    assert record.boxes["label"].tolist() == [-1, -1, 5, -1]
    assert record.boxes["stage"].tolist() == [0, 0, 1, 1]
    assert not record.failed
    assert not record.truncated


def test_what_is_unknown_is_none_and_a_stage_that_rested_is_not_one_that_found_nothing(writer, name):
    with SharedMemoryReader(name) as reader:
        empty = FrameResult(1, "front", 1, 1.0, OperatingPoint(), {"tracked": Detections.empty()})
        writer.write(frame(1), empty)
        record = reader.latest()
        assert (record.t_stream_ns, record.ego_speed_mps) == (None, None)
        assert (record.stages, len(record.boxes)) == (("tracked",), 0)
        writer.write(frame(2), FrameResult(2, "front", 2, 1.0, OperatingPoint()))
        assert reader.latest().stages == ()
        writer.write(frame(3), FrameResult(3, "front", 3, 1.0, OperatingPoint(), error="NaN"))
        assert reader.latest().failed


def test_of_too_many_boxes_the_most_confident_are_there_and_it_says_so(writer, name):
    confidence = np.linspace(0.1, 0.9, 20)[np.random.default_rng(1).permutation(20)]
    boxes = Detections.of(np.zeros((20, 4)), confidence, np.zeros(20), np.arange(20))
    writer.write(frame(0), FrameResult(0, "front", 0, 1.0, OperatingPoint(), {"tracked": boxes}))
    with SharedMemoryReader(name) as reader:
        record = reader.latest()
    assert record.truncated
    assert (len(record.boxes), record.found) == (8, 20)
    assert sorted(record.boxes["track_id"]) == sorted(np.argsort(-confidence)[:8])


def test_names_that_are_too_long_are_cut_at_a_whole_letter(name):
    long = RingWriter(Path(FOLDER, name), shape(stages=("ü" * 50,)), CLOCK)
    with SharedMemoryReader(name) as reader:
        assert reader.stages == ("ü" * 31,)
    long.close()


def test_more_stages_than_a_record_has_bits_are_refused():
    with pytest.raises(SinkError, match=r"33 stages; 32 fit, name them with `stages:`"):
        shape(stages=tuple(map(str, range(33))))


# Reading.


def test_latest_gives_each_newest_record_once_and_next_gives_all(writer, name):
    with SharedMemoryReader(name) as reader:
        assert reader.latest() is reader.next() is None
        for n in range(3):
            writer.write(frame(n), result(n, 8))
        assert reader.latest().frame_id == 2
        assert reader.latest() is None
        assert [reader.next().frame_id for _ in range(3)] == [0, 1, 2]
        assert reader.next() is None
        assert (reader.missed, reader.torn) == (0, 0)


def test_what_was_overwritten_before_it_was_read_is_counted(writer, name):
    with SharedMemoryReader(name) as reader:
        for n in range(10):
            writer.write(frame(n), result(n, 8))
        assert [reader.next().frame_id for _ in range(4)] == [6, 7, 8, 9]
        assert (reader.missed, reader.next()) == (6, None)


def test_each_camera_has_its_newest_record(writer, name):
    with SharedMemoryReader(name) as reader:
        for n, camera in enumerate(["front", "left", "front", "front"]):
            writer.write(frame(n, camera), result(n, 8, camera))
        assert reader.latest("left").frame_id == 1
        assert reader.latest("front").frame_id == 3
        assert reader.latest("left") is reader.latest("front") is reader.latest("rear") is None


def test_a_reader_may_come_first(name):
    with SharedMemoryReader(name) as reader:
        assert not reader.alive
        assert reader.latest() is reader.next() is reader.writer_pid is None
        writer = RingWriter(Path(FOLDER, name), shape(), CLOCK)
        assert reader.alive
        writer.write(frame(0), result(0, 8))
        assert reader.wait(10).frame_id == 0
        writer.close()
        assert not reader.alive
        assert not reader.path.exists()
    assert reader.latest() is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "cannot mmap an empty file"),
        (b"x" * 5000, "is no ring of edge_runtime"),
        (MAGIC + b"\2\0\0\0" + bytes(5000), "has layout 2, this reader knows 1"),
        (MAGIC + b"\1\0\0\0" + bytes(5000), "its dimensions contradict each other"),
    ],
)
def test_a_file_that_is_no_ring_is_refused(name, content, what):
    Path(FOLDER, name).write_bytes(content)
    with pytest.raises(SinkError, match=what):
        SharedMemoryReader(name)


def test_the_reader_needs_numpy_only():
    code = "import sys, edge_runtime.sinks.shared_memory; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numpy", "edge_runtime"} <= loaded
    assert not loaded & {"pydantic", "cv2", "yaml", "onnxruntime", "click", "rich", "psutil", "mcap", "trackforge"}


# Never half a record.


def slot_of(writer, number):
    return writer._shape.slots_from + number % 4 * (len(writer._ring) - writer._shape.slots_from) // 4


def test_a_record_that_is_being_written_is_not_read(writer, name):
    writer.write(frame(0), result(0, 8))
    with SharedMemoryReader(name) as reader:
        writer._sequences[1] = 1
        assert reader.latest() is None
        assert reader.torn > 0
        writer._sequences[1] = 2
        assert reader.latest().frame_id == 0


@pytest.mark.parametrize("at", [12, 16, 30, 72, 100, RECORD.size + 3])
def test_a_record_of_two_pieces_is_not_read_even_if_its_number_fits(writer, name, at):
    writer.write(frame(0), result(0, 8))
    place = slot_of(writer, 1) + at
    with SharedMemoryReader(name) as reader:
        before = writer._ring[place]
        writer._ring[place] = before ^ 255
        assert reader.latest() is None
        writer._ring[place] = before
        assert reader.latest().frame_id == 0


def test_a_record_of_another_lap_is_not_taken_for_this_one(writer, name):
    for n in range(5):
        writer.write(frame(n), result(n, 8))
    with SharedMemoryReader(name) as reader:
        writer._header["head"] = 9  # what a reader would see on a machine that shows it too early
        assert reader.latest() is None
        writer._header["head"] = 5
        assert reader.latest().frame_id == 4


@pytest.mark.parametrize("take", ["latest", "next"])
def test_a_process_that_reads_as_fast_as_it_can_never_sees_half_a_record(name, process, take):
    """Two slots only, so that the writer comes round while the reader copies; that must have happened."""
    boxes = 2000
    process("fast", slots=2, boxes=boxes)
    with SharedMemoryReader(name) as reader:
        read, last = 0, -1

        def enough():
            nonlocal read, last
            record = getattr(reader, take)()
            if record is not None:
                assert is_whole(record, boxes)
                assert record.frame_id > last
                read, last = read + 1, record.frame_id
            return read >= 300 and reader.torn > 0

        while not enough():
            pass


# The writer dies, and comes back.


def test_a_writer_killed_in_the_middle_of_a_record_leaves_whole_ones_and_its_successor_goes_on(name, process):
    child = process("half")
    assert child.wait() == -signal.SIGKILL
    with SharedMemoryReader(name) as reader:
        assert reader.writer_pid == child.pid
        record = reader.latest()
        assert (record.number, record.frame_id) == (10, 9)
        assert is_whole(record, 8)
        assert reader.latest() is None
        until(lambda: not reader.alive)
        successor = RingWriter(Path(FOLDER, name), shape(), CLOCK)
        assert reader.alive
        assert (reader.writer_pid, int(reader._header["epoch"])) == (os.getpid(), 2)
        assert reader.latest() is None
        successor.write(frame(70), result(70, 8))
        record = reader.latest()
        assert record.number > 10
        assert record.frame_id == 70
        successor.close()


def test_killed_at_any_moment_it_leaves_whole_records(name, process):
    boxes, last = 5000, 0
    with SharedMemoryReader(name) as reader:
        for kill_after in (1, 2, 3, 5, 8, 13):
            child = process("fast", boxes=boxes)
            for _ in range(kill_after):
                record = until(reader.latest)
                assert is_whole(record, boxes)
                assert record.number > last
                last = record.number
            child.kill()
            child.wait()
            while (record := reader.latest()) is not None:
                assert is_whole(record, boxes)
                last = record.number


def test_a_writer_that_hangs_is_not_alive_until_it_goes_on(name, process):
    child = process("fast")
    with SharedMemoryReader(name) as reader:
        until(lambda: reader.alive)
        child.send_signal(signal.SIGSTOP)
        until(lambda: not reader.alive)
        child.send_signal(signal.SIGCONT)
        until(lambda: reader.alive)


def test_a_heartbeat_counts_for_half_a_second(writer, name):
    class Later(SystemClock):
        by_ns = 0

        def now_ns(self):
            return beaten_ns + self.by_ns

    writer.beat()
    clock, beaten_ns = Later(), int(writer._header["heartbeat_ns"])
    with SharedMemoryReader(name, clock=clock) as reader:
        clock.by_ns = DEAD_NS
        assert reader.alive
        clock.by_ns += 1
        assert not reader.alive


def test_two_writers_do_not_meet_in_one_ring(writer, name):
    with pytest.raises(SinkError, match=rf"{name} is written by process {os.getpid()}\n.*another `name:`"):
        RingWriter(Path(FOLDER, name), shape(), CLOCK)


def test_a_ring_of_another_shape_gives_way_and_readers_follow(name, process):
    process("half").wait()
    with SharedMemoryReader(name) as reader:
        assert reader.latest().number == 10
        other = RingWriter(Path(FOLDER, name), shape(slots=6, stages=("fused",)), CLOCK)
        other.write(frame(3), FrameResult(3, "front", 3, 1.0, OperatingPoint(), {"fused": Detections.empty()}))
        record = reader.latest()
        assert (record.number, record.stages, reader.stages) == (1, ("fused",), ("fused",))
        other.close()


def test_what_lies_there_and_is_no_ring_gives_way(name):
    Path(FOLDER, name).write_bytes(b"left by somebody")
    ring = RingWriter(Path(FOLDER, name), shape(), CLOCK)
    with SharedMemoryReader(name) as reader:
        assert reader.alive
    ring.close()
    assert not [path for path in Path(FOLDER).iterdir() if name in path.name]


def test_other_users_may_read_whatever_the_umask(name):
    before = os.umask(0o077)
    try:
        ring = RingWriter(Path(FOLDER, name), shape(), CLOCK)
    finally:
        os.umask(before)
    assert Path(FOLDER, name).stat().st_mode & 0o777 == 0o644
    ring.close()


def test_memory_that_is_full_is_said_at_the_start():
    name = f"edge-test-{uuid4().hex}"
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from tests.sinks.ring_process import shape; from edge_runtime.sinks.ring import RingWriter\n"
        "from edge_runtime.core import SystemClock\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (4096, {resource.RLIM_INFINITY}))\n"
        f"RingWriter(Path('/dev/shm', '{name}'), shape(boxes=1000), SystemClock())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert f"SinkError: shared_memory: /dev/shm/{name}: File too large" in done.stderr
    assert not [path for path in Path(FOLDER).iterdir() if name in path.name]


# The sink around it.


def output(name, *cameras, **keys):
    sink = make_sink(SharedMemorySink(kind="shared_memory", name=name, **keys))
    context = SinkContext(Path(), ClassTable(CLASSES), ("tracked",), 25.0, {}, cameras, "highway")
    sink.open(context)
    return sink


def test_one_ring_a_camera_or_one_for_all(name):
    apart = output(name + "-{camera}", "front", "left")
    assert apart.name == f"shared_memory {name}-{{camera}}"
    with SharedMemoryReader(f"{name}-front") as front, SharedMemoryReader(f"{name}-left") as left:
        assert front.alive
        assert left.alive
        apart.write(frame(4, "left"), result(4, 8, "left"))
        assert (front.latest(), left.latest().frame_id) == (None, 4)
        apart.close()
        assert not left.alive
    together = output(name, "front", "left")
    with SharedMemoryReader(name) as both:
        together.write(frame(1, "left"), result(1, 8, "left"))
        together.write(frame(1), result(1, 8))
        assert [both.next().camera for _ in range(2)] == ["left", "front"]
    together.close()
    together.close()


def test_a_run_that_waits_for_a_camera_is_alive(name):
    sink = output(name, "front")
    with SharedMemoryReader(name) as reader:
        beaten_ns = int(reader._header["heartbeat_ns"])
        until(lambda: int(reader._header["heartbeat_ns"]) > beaten_ns)
        assert reader.alive
    sink.close()


def test_a_ring_that_somebody_deleted_is_made_anew(name):
    sink = output(name, "front")
    with SharedMemoryReader(name) as reader:
        assert reader.alive
        Path(FOLDER, name).unlink()
        sink.write(frame(5), result(5, 8))
        assert reader.latest().frame_id == 5
    sink.close()


def test_a_name_that_another_program_takes_costs_results_until_it_is_free(name, process):
    sink = output(name, "front")
    Path(FOLDER, name).unlink()
    other = process("fast")
    with pytest.raises(ResultsLost, match=rf"is written by process {other.pid}"):
        sink.write(frame(1), result(1, 8))
    other.kill()
    other.wait()
    sink.write(frame(2), result(2, 8))
    with SharedMemoryReader(name) as reader:
        assert reader.latest().frame_id == 2
    sink.close()


def test_the_next_run_of_a_process_has_the_ring_when_the_one_before_has_closed(name):
    old, new = output(name, "front"), output(name, "front", slots=16)
    old.write(frame(1), result(1, 8))
    with SharedMemoryReader(name) as reader:
        assert reader.latest().frame_id == 1
        with pytest.raises(ResultsLost, match="the run before this one has not ended yet"):
            new.write(frame(2), result(2, 8))
        assert reader.alive
        old.close()
        new.write(frame(3), result(3, 8))
        assert reader.latest().frame_id == 3
    new.close()
