"""A ring keeps the last seconds, saves them when something happens, and stays within its quota."""

import pytest

from edge_runtime.core import Decision, FrameStats, OperatingPoint
from edge_runtime.recording import schemas
from edge_runtime.recording.documents import GovernorInputs, decision_document, encode, log_document
from edge_runtime.recording.mcap_file import McapFile
from edge_runtime.recording.reader import RecordedFrame, Recording
from edge_runtime.recording.ring import NOTICES, open_target

from .making import MS, S, opening, write_frame

GB = 1_000_000_000


def ring(tmp_path, *, keep_seconds=20.0, max_gb=None, now_ns=0):
    path = tmp_path / "front.mcap"
    return open_target(path, opening(), now_ns, keep_seconds=keep_seconds, max_gb=max_gb)


def drive(target, first_s, last_s, *, padding=0):
    """25 frames a second, each with `padding` bytes of log beside it."""
    for n in range(first_s * 25, last_s * 25):
        t_ns = n * 40 * MS
        write_frame(target, n, with_picture=False)
        if padding:
            target.write(schemas.LOG, t_ns, encode(log_document(schemas.INFO, "padding", "x" * padding, t_ns)))
        target.tick(t_ns)


def seconds_of(folder):
    """First and last second of the frames in a folder, which must be without a hole."""
    ids = [frame.frame_id for frame in Recording(folder).of(RecordedFrame)]
    assert ids == list(range(ids[0], ids[-1] + 1))
    return ids[0] // 25, (ids[-1] + 1) // 25


def saved(tmp_path):
    return sorted(path for path in tmp_path.iterdir() if path.is_dir() and not path.name.endswith(".ring"))


def test_only_the_last_seconds_stay_on_the_disk(tmp_path):
    target = ring(tmp_path)
    drive(target, 0, 100)
    target.close({})
    first, last = seconds_of(tmp_path / "front.ring")
    assert last == 100
    assert 75 <= first <= 80
    assert saved(tmp_path) == []


def test_an_event_saves_what_led_to_it_under_its_name_and_time(tmp_path):
    target = ring(tmp_path)
    drive(target, 0, 50)
    target.save("camera lost", 50 * S)
    drive(target, 50, 100)
    target.close({})
    (folder,) = saved(tmp_path)
    assert folder.name == "front.20260921T141410.camera_lost"  # 50 s after the recording's beginning
    first, last = seconds_of(folder)
    assert first <= 30
    assert last >= 50
    assert list(target.notices) == [f"camera lost: what led to it is in {folder}"]
    assert seconds_of(tmp_path / "front.ring")[1] == 100


def test_an_event_in_the_last_moment_is_saved_when_the_run_ends(tmp_path):
    target = ring(tmp_path)
    drive(target, 0, 10)
    target.save("run_failed", 10 * S)
    target.close({})
    (folder,) = saved(tmp_path)
    assert seconds_of(folder) == (0, 10)


def test_every_event_gets_what_the_governor_was_told_since_the_beginning(tmp_path):
    target = ring(tmp_path)
    for second in range(60):
        told = GovernorInputs(second, None, FrameStats(second * S, 1.0), None)
        decision = Decision(second * S, OperatingPoint("full"), None, "full")
        target.write(schemas.INPUTS, second * S, encode(told.document()))
        target.write(schemas.DECISION, second * S, encode(decision_document(decision)))
        drive(target, second, second + 1)
    target.save("signal", 60 * S)
    drive(target, 60, 62)
    target.close({})
    (folder,) = saved(tmp_path)
    recording = Recording(folder)
    assert [told.n for told in recording.of(GovernorInputs)] == list(range(60))
    assert [decision.t_ns for decision in recording.of(Decision)] == [n * S for n in range(60)]
    assert seconds_of(folder)[0] >= 35
    assert recording.whole, "a history that goes on is no recording that was cut off"
    assert recording.pictures is not None


def test_a_quota_is_kept_by_letting_go_of_the_oldest_segments(tmp_path):
    target = ring(tmp_path, keep_seconds=1000, max_gb=0.004)
    for second in range(60):
        drive(target, second, second + 1, padding=4000)
        assert used(tmp_path) <= 0.004 * GB
    target.close({})
    first, last = seconds_of(tmp_path / "front.ring")
    assert last == 60
    assert 20 < first < 58
    assert list(target.notices) == []


def test_what_events_saved_goes_last_and_not_without_a_word(tmp_path):
    target = ring(tmp_path, keep_seconds=1000, max_gb=0.004)
    for event in range(8):
        drive(target, 10 * event, 10 * event + 10, padding=4000)
        target.save("signal", (10 * event + 10) * S)
    target.close({})
    assert used(tmp_path) <= 0.004 * GB
    said = [notice for notice in target.notices if "was deleted" in notice]
    assert said
    assert all("record.max_gb is used up: front.2026" in notice for notice in said)
    assert len(saved(tmp_path)) + len(said) == 8


def used(tmp_path):
    return sum(path.stat().st_size for path in tmp_path.rglob("*.mcap"))


def test_segments_of_a_run_that_was_killed_are_saved_at_the_next_start(tmp_path):
    killed = ring(tmp_path)
    drive(killed, 0, 30)  # and never closed
    target = ring(tmp_path, now_ns=100 * S)
    (folder,) = saved(tmp_path)
    assert folder.name.endswith(".unfinished")
    assert seconds_of(folder)[1] >= 29
    target.close({})
    ring(tmp_path, now_ns=200 * S).close({})  # one that ended in order leaves nothing to save
    assert saved(tmp_path) == [folder]


@pytest.mark.parametrize("keep_seconds", [3.0, 20.0])
def test_a_ring_that_was_killed_has_all_that_the_governor_was_told_but_for_the_last_second(tmp_path, keep_seconds):
    """Its history comes to the disk less often than its segments, and these hold the rest."""
    target = ring(tmp_path, keep_seconds=keep_seconds)
    for second in range(65):
        told = GovernorInputs(second, None, FrameStats(second * S, 1.0), None)
        target.write(schemas.INPUTS, second * S, encode(told.document()))
        drive(target, second, second + 1)
    told = [told.n for told in Recording(tmp_path / "front.ring").of(GovernorInputs)]
    assert told == list(range(len(told)))
    assert len(told) >= 63
    target.close({})


def test_of_many_notices_the_newest_are_kept(tmp_path):
    target = ring(tmp_path)
    for second in range(NOTICES + 10):
        target.save(f"budget_{second}", second * S)
        drive(target, second * 2, second * 2 + 2)
    assert len(target.notices) == NOTICES
    assert target.notices[-1].startswith(f"budget_{NOTICES + 9}:")
    target.close({})


def test_what_was_just_saved_is_not_the_oldest_because_the_clock_was_set_back(tmp_path):
    """What an earlier run saved has a later date in its name."""
    earlier = tmp_path / "front.20311231T000000.camera_lost"
    earlier.mkdir()
    (earlier / "000001.mcap").write_bytes(bytes(2_000_000))
    target = ring(tmp_path, keep_seconds=1000, max_gb=0.004)
    drive(target, 0, 30, padding=2000)
    target.save("engine_error", 30 * S)
    drive(target, 30, 100, padding=2000)
    target.close({})
    assert not earlier.exists()
    assert any("front.20311231T000000.camera_lost, saved by an event, was deleted" in text for text in target.notices)


def test_one_file_ends_at_its_quota_and_says_so(tmp_path):
    target = open_target(tmp_path / "front.mcap", opening(), 0, keep_seconds=None, max_gb=0.001)
    drive(target, 0, 60, padding=4000)
    target.close({})
    assert (tmp_path / "front.mcap").stat().st_size < 0.0012 * GB
    assert Recording(tmp_path / "front.mcap").whole
    assert len(target.notices) == 1
    assert "record.max_gb" in target.notices[0]
    assert "record.keep_seconds" in target.notices[0]


def test_a_folder_of_segments_is_read_as_one_recording(tmp_path):
    for part in range(3):
        file = McapFile(tmp_path / "saved" / f"{part + 1:06d}.mcap", opening(), part * 10 * S)
        for n in range(part * 5, part * 5 + 5):
            write_frame(file, n)
        file.close()
    recording = Recording(tmp_path / "saved")
    assert [frame.frame_id for frame in recording.of(RecordedFrame)] == list(range(15))
    assert recording.pictures == {"front": 15}


@pytest.mark.parametrize("keep_seconds", [0.5, 5.0, 600.0])
def test_a_segment_is_a_small_part_of_what_is_kept(tmp_path, keep_seconds):
    target = ring(tmp_path, keep_seconds=keep_seconds)
    drive(target, 0, 65)
    target.close({})
    first, _ = seconds_of(tmp_path / "front.ring")
    assert first >= 65 - keep_seconds - max(2.0, 0.1 * keep_seconds) - 1
