"""The trace file, held against the rules of the Trace Event Format that its viewers rely on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.core.trace import Counter, Span, TraceLog
from edge_runtime.errors import RunError
from edge_runtime.report.trace import trace_document, write_trace

MS = 1_000_000
NEEDS = {
    "X": {"name", "cat", "pid", "tid", "ts", "dur", "args"},
    "C": {"name", "pid", "ts", "args"},
    "M": {"name", "pid", "args"},
    "s": {"name", "cat", "id", "pid", "tid", "ts"},
    "f": {"name", "cat", "id", "pid", "tid", "ts", "bp"},
}


def frame(number, begin_ms):
    """One frame down the staircase, two networks side by side."""
    steps = [
        ("source", "read", 0, 1),
        ("front", "preprocess", 1, 3),
        ("front", "enqueue", 3, 4),
        ("network road", "road", 3, 9),
        ("network lanes", "lanes", 4, 11),
        ("back", "decode", 11, 13),
        ("sink overlay", "draw", 13, 16),
    ]
    return [
        Span(lane, name, (begin_ms + begin) * MS, (begin_ms + end) * MS, number) for lane, name, begin, end in steps
    ]


def of(document, phase):
    return [event for event in document["traceEvents"] if event["ph"] == phase]


def check(document):
    """Required keys, order, nesting, and arrows that have both ends inside of a slice."""
    events = json.loads(json.dumps(document, allow_nan=False))["traceEvents"]
    assert all(NEEDS[event["ph"]] <= event.keys() for event in events)
    times = [event["ts"] for event in events if event["ph"] != "M"]
    assert times == sorted(times)
    assert all(ts >= 0 for ts in times)
    slices = {}
    for event in of(document, "X"):
        slices.setdefault(event["tid"], []).append((round(event["ts"] * 1000), round(event["dur"] * 1000)))
    for rows in slices.values():
        ends = []
        for begin, duration in rows:
            while ends and ends[-1] <= begin:
                ends.pop()
            assert not ends or begin + duration <= ends[-1], "slices of one thread overlap without nesting"
            ends.append(begin + duration)
    starts, ends = ({event["id"]: event for event in of(document, phase)} for phase in "sf")
    assert starts.keys() == ends.keys()
    for arrow in (*starts.values(), *ends.values()):
        at = round(arrow["ts"] * 1000)
        assert any(begin <= at < begin + duration for begin, duration in slices[arrow["tid"]])
    assert all(starts[number]["ts"] <= ends[number]["ts"] for number in starts)


def test_lanes_stand_in_the_order_a_frame_passes_them():
    document = trace_document([Span("governor", "decide", 0, MS), *reversed(frame(0, 0))], name="highway")
    check(document)
    named = {event["tid"]: event["args"]["name"] for event in of(document, "M") if event["name"] == "thread_name"}
    order = {
        event["args"]["sort_index"]: event["tid"] for event in of(document, "M") if event["name"] == "thread_sort_index"
    }
    assert [named[order[place]] for place in sorted(order)] == [
        "source", "front", "network lanes", "network road", "back", "sink overlay", "governor",
    ]  # fmt: skip
    assert of(document, "M")[0]["args"] == {"name": "highway"}


def test_arrows_follow_each_frame_through_both_networks_and_no_other():
    document = trace_document([*frame(0, 0), *frame(1, 20)], name="highway")
    check(document)
    named = {event["tid"]: event["args"]["name"] for event in of(document, "M") if event["name"] == "thread_name"}
    ends = {event["id"]: event for event in of(document, "f")}
    for number in (0, 1):
        arrows = [event for event in of(document, "s") if event["name"] == f"frame {number}"]
        assert {(named[arrow["tid"]], named[ends[arrow["id"]]["tid"]]) for arrow in arrows} == {
            ("source", "front"),
            ("front", "network road"),
            ("front", "network lanes"),
            ("network road", "back"),
            ("network lanes", "back"),
            ("back", "sink overlay"),
        }
        assert len(arrows) == 6


def test_spans_of_one_lane_that_overlap_get_rows_of_their_own():
    spans = [Span("network road", f"frame {number}", number * MS, (number + 2) * MS, number) for number in range(6)]
    document = trace_document(spans, name="x")
    check(document)
    labels = [event["args"]["name"] for event in of(document, "M") if event["name"] == "thread_name"]
    assert labels == ["network road", "network road (overlapping)"]


def test_times_are_microseconds_from_the_first_event():
    document = trace_document([Span("front", "a", 5_000_500, 5_002_000), Counter("depth", 5_000_000, 2)], name="x")
    (slice_,), (value,) = of(document, "X"), of(document, "C")
    assert (value["ts"], value["args"]) == (0.0, {"value": 2})
    assert (slice_["ts"], slice_["dur"], slice_["args"]) == (0.5, 1.5, {})
    assert document["otherData"]["begins_at_ns"] == 5_000_000


def test_what_cannot_be_drawn_is_left_out_and_counted():
    bad = [Span("front", "back in time", 9, 3), Counter("power", 1, float("nan"))]
    document = trace_document([*bad, Span("front", "fine", 1, 2)], name="x", left_out=5)
    check(document)
    assert document["otherData"]["events_left_out"] == 7
    assert [event["name"] for event in of(document, "X")] == ["fine"]


lanes = st.sampled_from(["source", "front", "network road", "network lanes", "back", "sink video", "other"])
spans = st.builds(
    lambda lane, begin, length, frame_id: Span(lane, "work", begin, begin + length, frame_id),
    lanes,
    st.integers(0, 40),
    st.integers(0, 20),
    st.none() | st.integers(0, 3),
)


@given(st.lists(spans | st.builds(Counter, st.just("depth"), st.integers(0, 50), st.integers(0, 4)), max_size=30))
def test_whatever_was_traced_the_file_keeps_the_rules(events):
    document = trace_document(events, name="any")
    check(document)
    assert len(of(document, "X")) + len(of(document, "C")) == len(events)


def test_the_file_is_written_whole_and_reads_back(tmp_path):
    log = TraceLog(limit=8)
    for span in [*frame(0, 0), *frame(1, 20)]:
        log.span(span.lane, span.name, span.begin_ns, span.end_ns, span.frame_id)
    write_trace(tmp_path / "trace.json", log, "highway")
    document = json.loads((tmp_path / "trace.json").read_text())
    check(document)
    assert document["otherData"]["events_left_out"] == 6
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(RunError, match=r"cannot write .*trace\.json"):
        write_trace(tmp_path / "nowhere" / "trace.json", TraceLog(), "highway")


def test_nothing_traced_is_an_empty_picture():
    document = trace_document([], name="x")
    check(document)
    assert [event["ph"] for event in document["traceEvents"]] == ["M"]


def test_frames_of_the_same_number_from_two_cameras_are_two_frames():
    def spans(camera, begin):
        return [
            Span("source " + camera, "read", begin * MS, (begin + 1) * MS, 5, camera=camera),
            Span("back", "decode", (begin + 2) * MS, (begin + 3) * MS, 5, camera=camera),
        ]

    document = trace_document([*spans("front", 0), *spans("left", 10)], name="x")
    check(document)
    assert len(of(document, "s")) == 2, "and no arrow leads from one camera's frame to the other's"
    assert [event["args"]["camera"] for event in of(document, "X")] == ["front", "front", "left", "left"]
