"""Whatever happened to a recording, what was written before it is read."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mcap.writer import Writer

from edge_runtime.core import Decision, FrameStats, OperatingPoint, TelemetrySample
from edge_runtime.errors import SinkError, SourceError
from edge_runtime.recording import schemas
from edge_runtime.recording.cameras import RecordedCamera
from edge_runtime.recording.documents import GovernorInputs, decision_document, encode, log_document
from edge_runtime.recording.images import jpeg_message
from edge_runtime.recording.mcap_file import McapFile, summary_attachment
from edge_runtime.recording.reader import LogLine, RecordedFrame, RecordedResult, Recording

from .making import MS, ORIGIN_NS, S, opening, picture, write_frame


def record(path, frames=10, *, chunk_every=1, **more):
    file = McapFile(path, opening(**more), 0)
    for n in range(frames):
        write_frame(file, n)
        if n % chunk_every == chunk_every - 1:
            file.flush(n * 40 * MS, at_once=True)
    return file


def ids(recording):
    return [frame.frame_id for frame in recording.of(RecordedFrame)]


def test_everything_comes_back_as_values_in_the_order_in_which_it_was_written(tmp_path):
    file = McapFile(tmp_path / "drive.mcap", opening(), 0)
    sample = TelemetrySample(5 * MS, "sysfs", 21.5, temp_c={"tj": 60.0})
    told = GovernorInputs(0, sample, FrameStats(6 * MS, 0.2, 5, 5), 20.0)
    decision = Decision(6 * MS, OperatingPoint("full"), None, "full: everything is held")
    result = {"frame_id": 0, "stages": {"objects": {"xyxy": []}}}
    file.write(schemas.TELEMETRY, sample.t_ns, encode(sample.document()))
    file.write(schemas.INPUTS, told.t_ns, encode(told.document()))
    file.write(schemas.DECISION, decision.t_ns, encode(decision_document(decision)))
    write_frame(file, 0)
    file.write(schemas.RESULT, 0, encode(result))
    file.write(schemas.LOG, 7 * MS, encode(log_document(schemas.WARNING, "budget", "not held", 7 * MS + ORIGIN_NS)))
    file.close(summary_attachment({"fps": 25.0}))

    recording = Recording(tmp_path / "drive.mcap")
    kinds = [TelemetrySample, GovernorInputs, Decision, RecordedFrame, RecordedResult, LogLine]
    entries = list(recording.entries())
    assert [type(entry) for entry in entries] == kinds
    assert entries[:3] == [sample, told, decision]
    assert np.array_equal(entries[3].picture.decode(), picture(0))
    assert entries[4].document == result
    assert entries[5] == LogLine(7 * MS, schemas.WARNING, "budget", "not held")
    assert recording.whole
    assert recording.pictures == {"front": 1}
    assert (recording.name, recording.cameras) == ("drive", {"front": RecordedCamera(25.0, 64, 48)})
    assert recording.pipeline_text == "name: drive\n"
    assert recording.ladder_text is None
    assert recording.models == {"road": "ab12"}
    assert recording.summary() == {"fps": 25.0}


def test_a_file_cut_at_any_byte_gives_every_whole_chunk_before_the_cut(tmp_path):
    path = tmp_path / "drive.mcap"
    file, ends = McapFile(path, opening(), 0), []
    begin = file.size
    for n in range(6):
        write_frame(file, n)
        file.flush(n * 40 * MS, at_once=True)
        ends.append(file.size)
    file.close()
    data, cut = path.read_bytes(), tmp_path / "cut.mcap"
    for length in range(begin, len(data), 37):
        cut.write_bytes(data[:length])
        recording = Recording(cut)
        assert not recording.whole
        assert recording.pictures is None
        # A chunk is followed by its index, so it is whole a little before the next one begins.
        assert len(ids(recording)) >= sum(end <= length for end in ends)
        assert ids(recording) == list(range(len(ids(recording))))


def test_zeros_where_the_disk_never_got_the_data_end_the_recording_there(tmp_path):
    record(tmp_path / "drive.mcap").close()
    data = (tmp_path / "drive.mcap").read_bytes()
    (tmp_path / "zeros.mcap").write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    read = ids(Recording(tmp_path / "zeros.mcap"))
    assert 0 < len(read) < 10
    assert read == list(range(len(read)))


def test_killed_at_any_moment_it_leaves_a_file_that_opens_up_to_its_last_whole_chunk(tmp_path):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "10"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["opened"] == 10


def test_pictures_that_were_left_out_leave_their_frames(tmp_path):
    file = McapFile(tmp_path / "drive.mcap", opening(), 0)
    write_frame(file, 0)
    write_frame(file, 1, with_picture=False, fate="overwritten")
    write_frame(file, 2)
    file.close()
    frames = list(Recording(tmp_path / "drive.mcap").of(RecordedFrame))
    assert [frame.picture is not None for frame in frames] == [True, False, True]
    assert [frame.fate for frame in frames] == ["published", "overwritten", "published"]
    assert [int(frames[n].picture.decode().mean()) for n in (0, 2)] == [0, 2]


def test_a_recording_never_replaces_another(tmp_path):
    record(tmp_path / "drive.mcap").close()
    with pytest.raises(SinkError, match=r"there is a recording already\n.*another name"):
        McapFile(tmp_path / "drive.mcap", opening(), 0)
    assert ids(Recording(tmp_path / "drive.mcap")) == list(range(10))


def test_several_cameras_have_frames_pictures_and_facts_of_their_own(tmp_path):
    known = {"front": RecordedCamera(25.0, 64, 48), "left": RecordedCamera()}
    file = McapFile(tmp_path / "drive.mcap", opening(cameras=known), 0)
    for camera, n, seen in (("front", 0, 10), ("left", 0, 20), ("left", 1, 30), ("front", 1, 40)):
        write_frame(file, n, camera=camera, image=picture(seen))
    write_frame(file, 2, camera="left", with_picture=False)
    file.close()
    recording = Recording(tmp_path / "drive.mcap")
    assert recording.cameras == known
    assert recording.pictures == {"front": 2, "left": 2}
    frames = list(recording.of(RecordedFrame))
    assert [frame.key for frame in frames] == [("front", 0), ("left", 0), ("left", 1), ("front", 1), ("left", 2)]
    assert [int(frame.picture.decode().mean()) for frame in frames[:4]] == [10, 20, 30, 40]
    assert frames[4].picture is None


def test_a_recording_of_format_1_opens_as_before(tmp_path):
    about = {"format": "1", "unix_origin_ns": str(ORIGIN_NS), "images": "jpeg", "camera": "nose", "name": "drive"}
    calibration = '{"focal_px":[700,700],"centre_px":[32,24],"pitch_deg":0.0,"height_m":1.5}'
    with (tmp_path / "old.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.add_metadata(
            "edge_runtime", {**about, "fps": "25.0", "width": "64", "height": "48"} | {"calibration": calibration}
        )
        for topic in (schemas.image_topic("nose"), schemas.FRAME):
            writer.register_channel(topic, "x", writer.register_schema("foxglove.CompressedImage", "x", b""))
        frame = {"frame_id": 0, "camera": "nose", "t_capture_ns": 0, "t_stream_ns": None, "ego_speed_mps": None}
        writer.add_message(1, 0, jpeg_message(picture(9), "nose", 0), 0)
        writer.add_message(2, 0, encode({**frame, "fate": "published", "picture": True}), 0)
        writer.finish()
    recording = Recording(tmp_path / "old.mcap")
    (known,) = recording.cameras.values()
    assert (known.fps, known.width, known.height, known.calibration.height_m) == (25.0, 64, 48, 1.5)
    (frame,) = recording.of(RecordedFrame)
    assert (frame.key, int(frame.picture.decode().mean())) == (("nose", 0), 9)
    assert recording.pictures == {"nose": 1}


def test_a_recording_of_a_format_to_come_says_which_version_to_install(tmp_path):
    with (tmp_path / "new.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.add_metadata("edge_runtime", {"format": "99", "unix_origin_ns": "0", "images": "jpeg"})
        writer.add_metadata("versions", {"edge_runtime": "9.1"})
        writer.finish()
    with pytest.raises(SourceError, match=r"newer edge-run\n    install the version that wrote it: 9\.1"):
        Recording(tmp_path / "new.mcap")


def test_what_is_no_recording_is_answered(tmp_path):
    with pytest.raises(SourceError, match=r"no such recording(.|\n)*--record"):
        Recording(tmp_path / "missing.mcap")
    (tmp_path / "text.mcap").write_text("this is not an MCAP file at all")
    with pytest.raises(SourceError, match="not an MCAP file"):
        Recording(tmp_path / "text.mcap")
    with (tmp_path / "other.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.finish()
    with pytest.raises(SourceError, match="not a recording of edge-run"):
        Recording(tmp_path / "other.mcap")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"holds no \*\.mcap"):
        Recording(tmp_path / "empty")


def test_without_pictures_the_small_messages_are_packed(tmp_path):
    for images in ("none", "jpeg"):
        file = McapFile(tmp_path / f"{images}.mcap", opening(images=images), 0)
        for n in range(200):
            write_frame(file, n, with_picture=False)
        file.close()
    sizes = {path.stem: path.stat().st_size for path in tmp_path.glob("*.mcap")}
    assert sizes["none"] < 0.5 * sizes["jpeg"]
    assert ids(Recording(tmp_path / "none.mcap")) == list(range(200))


def test_time_is_monotonic_inside_and_unix_time_for_others(tmp_path):
    from mcap.reader import make_reader

    record(tmp_path / "drive.mcap", 3).close()
    with (tmp_path / "drive.mcap").open("rb") as stream:
        times = [message.log_time for _, channel, message in make_reader(stream).iter_messages(topics=["/frame"])]
    assert times == [ORIGIN_NS + n * 40 * MS for n in range(3)]
    assert ORIGIN_NS > S
