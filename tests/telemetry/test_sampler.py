import threading

from edge_runtime.core import TelemetrySample
from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry.base import Sampler


class SteppedClock:
    """Time that only moves when somebody waits for it; every wait is announced and let go by the test."""

    def __init__(self):
        self.now = 0
        self.waits = []
        self.waiting, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def now_ns(self):
        return self.now

    def wait_until_ns(self, due_ns, stop):
        self.waits.append(due_ns)
        self.waiting.release()
        self.go.acquire()
        self.now = max(self.now, due_ns)
        return not stop.is_set()


class Reader:
    name = "scripted"

    def __init__(self, clock, *answers, takes_ns=0):
        self.clock, self.answers, self.takes_ns, self.closed = clock, list(answers), takes_ns, 0

    def read(self, now_ns):
        self.clock.now += self.takes_ns
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return TelemetrySample(now_ns, self.name, power_w=answer)

    def close(self):
        self.closed += 1


def rounds(clock, sampler, count):
    """Let the sampler make so many readings; what `read` and `problem` were after each."""
    seen = []
    for turn in range(count):
        clock.waiting.acquire()
        seen.append((sampler.read(clock.now), sampler.problem))
        if turn < count - 1:
            clock.go.release()
    sampler._stop.set()
    clock.go.release()
    sampler.close()
    return seen


def test_a_source_is_asked_once_a_period():
    clock = SteppedClock()
    reader = Reader(clock, 10.0, 11.0, 12.0)
    seen = rounds(clock, Sampler(reader, clock, 50), 3)
    assert [(sample.t_ns, sample.power_w) for sample, _ in seen] == [(0, 10.0), (50_000_000, 11.0), (100_000_000, 12.0)]
    assert reader.closed == 1


def test_a_source_that_fails_keeps_its_old_sample_and_says_why():
    clock = SteppedClock()
    seen = rounds(clock, Sampler(Reader(clock, 10.0, TelemetryError("gone"), 12.0), clock, 50), 3)
    assert [sample.t_ns for sample, _ in seen] == [0, 0, 100_000_000]
    assert [problem for _, problem in seen] == [None, "gone", None]


def test_a_slow_source_is_not_asked_in_a_burst_afterwards():
    clock = SteppedClock()
    rounds(clock, Sampler(Reader(clock, 1.0, 2.0, 3.0, takes_ns=120_000_000), clock, 50), 3)
    assert clock.waits == [120_000_000, 240_000_000, 360_000_000]
