from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.sources.pace import DriveClock, StreamPace

MS = 1_000_000


def test_pictures_are_due_at_the_stream_s_own_distances():
    pace = StreamPace(fps=25)
    assert [pace.due_ns(t * MS, now_ns=1000 * MS) for t in (0, 40, 80)] == [1000 * MS, 1040 * MS, 1080 * MS]
    assert pace.late_pictures == 0


def test_a_stream_that_starts_late_starts_at_once():
    assert StreamPace(fps=25).due_ns(5000 * MS, now_ns=7) == 7


def test_files_of_one_drive_keep_their_distance_whichever_is_read_first():
    drive = DriveClock()
    left, front, rear = StreamPace(25, drive), StreamPace(25, drive), StreamPace(25, drive)
    assert left.due_ns(5000 * MS, now_ns=100 * MS) == 5100 * MS
    assert front.due_ns(0, now_ns=130 * MS) == 100 * MS
    assert front.due_ns(40 * MS, now_ns=131 * MS) == 140 * MS
    assert rear.due_ns(0, now_ns=300 * MS) == 300 * MS  # opened long after the others
    assert rear.due_ns(40 * MS, now_ns=301 * MS) == 340 * MS
    assert [pace.late_pictures for pace in (left, front, rear)] == [0, 0, 0]


def test_a_reader_a_little_late_keeps_the_schedule():
    pace = StreamPace(fps=25)
    pace.due_ns(0, 0)
    assert pace.due_ns(40 * MS, now_ns=79 * MS) == 40 * MS
    assert pace.due_ns(80 * MS, now_ns=79 * MS) == 80 * MS
    assert pace.late_pictures == 0


def test_a_reader_later_than_a_picture_moves_the_schedule_and_is_counted():
    pace = StreamPace(fps=25)
    pace.due_ns(0, 0)
    assert pace.due_ns(40 * MS, now_ns=200 * MS) == 200 * MS
    assert pace.due_ns(80 * MS, now_ns=201 * MS) == 240 * MS
    assert pace.late_pictures == 1


def test_a_picture_without_stream_time_is_due_at_once():
    assert StreamPace(fps=None).due_ns(None, now_ns=42) == 42


@given(
    steps=st.lists(st.tuples(st.integers(1, 500 * MS), st.integers(0, 500 * MS)), min_size=1, max_size=60),
    fps=st.floats(1, 200),
)
def test_due_times_increase_and_never_race_ahead_of_the_stream(steps, fps):
    pace = StreamPace(fps)
    t_stream_ns = now_ns = 0
    before = None
    for stream_step_ns, clock_step_ns in steps:
        t_stream_ns += stream_step_ns
        now_ns += clock_step_ns
        due_ns = pace.due_ns(t_stream_ns, now_ns)
        assert now_ns - due_ns <= round(1e9 / fps)
        if before is not None:
            assert due_ns - before >= stream_step_ns
        before = due_ns
        now_ns = max(now_ns, due_ns)
    assert pace.late_pictures < len(steps)
