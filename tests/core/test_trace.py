import threading

import pytest

from edge_runtime.core.trace import Counter, Span, TraceLog


def test_spans_and_counters_come_out_as_they_went_in():
    log = TraceLog()
    log.span("front", "preprocess", 10, 20, frame_id=3)
    log.counter("in flight", 15, 2)
    assert log.read() == ([Span("front", "preprocess", 10, 20, 3), Counter("in flight", 15, 2)], 0)


def test_beyond_the_limit_the_oldest_are_left_out_and_counted():
    log = TraceLog(limit=3)
    for number in range(10):
        log.span("front", str(number), number, number + 1)
    kept, left_out = log.read()
    assert [span.name for span in kept] == ["7", "8", "9"]
    assert left_out == 7


def test_every_event_of_every_thread_is_kept_or_counted():
    log = TraceLog(limit=1000)
    start = threading.Barrier(4)

    def work(lane):
        start.wait()
        for number in range(2000):
            log.span(lane, "work", number, number + 1)

    threads = [threading.Thread(target=work, args=(f"lane {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept, left_out = log.read()
    assert (len(kept), left_out) == (1000, 7000)


def test_a_limit_below_one_is_refused():
    with pytest.raises(ValueError, match="limit must be 1 or more, got 0"):
        TraceLog(0)
