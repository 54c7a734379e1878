from edge_runtime.core import FrameResult, OperatingPoint
from edge_runtime.pipeline.accounts import NS, REASONS, Accounts


def result(frame_id, latency_ms=10.0, error=None, **stages):
    return FrameResult(frame_id, "front", 0, latency_ms, OperatingPoint(), stage_ms=stages, error=error)


def publish(accounts, times_s, **options):
    for n, time_s in enumerate(times_s):
        accounts.capture(int(time_s * NS))
        accounts.publish(result(n, **options), int(time_s * NS))


def test_the_rate_is_that_of_the_intervals_between_publications():
    accounts = Accounts()
    publish(accounts, [n / 25 for n in range(51)])
    assert accounts.fps is not None
    assert abs(accounts.fps - 25) < 1e-9
    assert Accounts().fps is None


def test_a_failed_frame_counts_apart_and_its_reason_is_kept():
    accounts = Accounts()
    publish(accounts, [0.0, 0.1])
    publish(accounts, [0.2], error="objects: NaN")
    counts = accounts.counts(overwritten=0)
    assert (counts.captured, counts.published, counts.failed) == (3, 2, 1)
    assert counts.balanced
    assert accounts.failures == {"objects: NaN": 1}


def test_reasons_that_never_repeat_do_not_fill_the_memory():
    accounts = Accounts()
    for n in range(1000):
        publish(accounts, [n / 10], error=f"reason {n}")
    assert len(accounts.failures) == REASONS + 1
    assert sum(accounts.failures.values()) == 1000


def test_the_status_shows_the_last_second_only():
    accounts = Accounts()
    publish(accounts, [n / 10 for n in range(30)], latency_ms=100.0, objects=50.0)
    publish(accounts, [3 + n / 20 for n in range(41)], latency_ms=20.0, objects=5.0)
    now = accounts.snapshot(5 * NS, overwritten=3)
    assert now.fps is not None
    assert abs(now.fps - 20) < 1e-6
    assert now.latency_p99_ms == 20.0
    assert now.stage_ms == {"objects": 5.0}
    assert now.counts.overwritten == 3
    publish(accounts, [6 + n / 1000 for n in range(4)], latency_ms=20.0)
    assert accounts.snapshot(6 * NS + NS // 100, overwritten=3).fps == 4, "a bunch after a gap is no high rate"
    silent = accounts.snapshot(60 * NS, overwritten=3)
    assert silent.fps is None
    assert silent.latency_p50_ms is None
