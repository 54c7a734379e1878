"""A slowed network holds up its callers as a slower processor would, and says so in its times."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime.config.schema import EngineErrorFault, SlowNetworkFault
from edge_runtime.core import Frame, Region
from edge_runtime.errors import EngineError
from edge_runtime.pipeline.faults.networks import NetworkFaults
from edge_runtime.pipeline.faults.tally import Tally
from edge_runtime.pipeline.network import Glance
from tests.pipeline.test_feed import MS, FakeClock

TOOK_MS = 10


class FakeNetwork:
    """One processor: a call takes 10 ms from when it is launched, or from the end of the one before."""

    def __init__(self, clock):
        self.clock, self.free_ns, self.ends_ns, self.waited = clock, 0, {}, []
        self.engine = SimpleNamespace(name="road", took_ms=lambda slot: TOOK_MS, span_ns=lambda slot: (0, TOOK_MS * MS))

    def launch(self, slot, glances):
        self.free_ns = max(self.free_ns, self.clock.now) + TOOK_MS * MS
        self.ends_ns[slot] = self.free_ns
        return ()

    def wait(self, slot):
        self.waited.append(slot)
        self.clock.now = max(self.clock.now, self.ends_ns[slot])


def frame(n, t_ms):
    image = np.zeros((4, 4, 3), np.uint8)
    return Frame(frame_id=n, camera="front", t_capture_ns=t_ms * MS, image=image, t_stream_ns=t_ms * MS)


def glance(shot):
    return Glance(0, shot, Region.whole(shot))


@pytest.fixture
def clock():
    return FakeClock()


def faulty(clock, *faults, name="road"):
    """The network with faults, and their tallies."""
    tallied = [(fault, Tally()) for fault in faults]
    network = NetworkFaults(tallied, clock).on(name, FakeNetwork(clock))
    return network, [tally for _, tally in tallied]


def test_a_slowed_call_ends_so_many_times_as_late(clock):
    network, (tally,) = faulty(clock, SlowNetworkFault(kind="slow_network", x="x1.5"))
    network.launch(0, [glance(frame(0, 0))])
    network.wait(0)
    assert clock.now == 15 * MS
    assert network.engine.took_ms(0) == 15
    assert network.engine.span_ns(0) == (0, 15 * MS)
    assert tally.counts() == {"calls_slowed": 1}


def test_slowed_calls_queue_up_behind_each_other(clock):
    network, _ = faulty(clock, SlowNetworkFault(kind="slow_network", x=3))
    for slot in (0, 1):
        network.launch(slot, [glance(frame(slot, 0))])
    ends = []
    for slot in itertools.islice(itertools.cycle((0, 1)), 6):
        network.wait(slot)
        ends.append(clock.now // MS)
        network.launch(slot, [glance(frame(slot, 0))])
    assert ends == [30, 60, 90, 120, 150, 180]


def test_behind_its_time_a_network_is_as_fast_as_before(clock):
    network, (tally,) = faulty(clock, SlowNetworkFault(kind="slow_network", x=3, d=1))
    for n, t_ms in enumerate((0, 900, 1000, 1100)):
        clock.now = t_ms * MS
        network.launch(0, [glance(frame(n, t_ms))])
        network.wait(0)
        assert clock.now == (t_ms + (30 if t_ms < 1000 else 10)) * MS
        assert network.engine.took_ms(0) == (30 if t_ms < 1000 else 10)
    assert tally.counts() == {"calls_slowed": 2}


def test_two_causes_of_slowness_multiply_and_other_models_stay_as_they_are(clock):
    faults = [SlowNetworkFault(kind="slow_network", x=2, model="road"), SlowNetworkFault(kind="slow_network", x=3)]
    variant, _ = faulty(clock, *faults, name="road/small")
    variant.launch(0, [glance(frame(0, 0))])
    variant.wait(0)
    assert variant.engine.took_ms(0) == 60
    other, _ = faulty(clock, faults[0], name="lane")
    assert isinstance(other, FakeNetwork)


def test_every_call_of_a_failing_frame_fails_after_it_was_waited_for(clock):
    network, (tally,) = faulty(clock, EngineErrorFault(kind="engine_error", n=2, t=1))
    failed = []
    for n in range(6):
        for slot in (0, 1):
            network.launch(slot, [glance(frame(n, 500 * n))])
            try:
                network.wait(slot)
            except EngineError as error:
                failed.append((n, slot, str(error)))
    said = "road: the network call failed: the fault engine_error:2,t=1s is on"
    assert failed == [(n, slot, said) for n in (2, 3) for slot in (0, 1)]
    assert tally.counts() == {"frames_failed": 2}


def test_a_network_made_anew_does_not_fail_anew(clock):
    faults = NetworkFaults([(EngineErrorFault(kind="engine_error", n=1), Tally())], clock)
    first, anew = (faults.on("road", FakeNetwork(clock)) for _ in range(2))
    first.launch(0, [glance(frame(0, 0))])
    with pytest.raises(EngineError):
        first.wait(0)
    anew.launch(0, [glance(frame(1, 40))])
    anew.wait(0)
