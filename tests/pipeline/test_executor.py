import queue
import threading
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.core import Detections, Frame, OperatingPoint, SystemClock
from edge_runtime.errors import EngineError, OutputError
from edge_runtime.pipeline.executor import Executor
from edge_runtime.pipeline.feed import Captured
from edge_runtime.pipeline.optional import ENGINE_FAILURES_IN_A_ROW
from edge_runtime.pipeline.recovery import Recovery
from edge_runtime.pipeline.slot import HandOver, NewestSlot
from edge_runtime.pipeline.stuck import Watch


class FakeNetwork:
    """A network that notes the order of events and finishes a frame only when it is told to."""

    name = "objects"

    def __init__(self, events, fails=None):
        self.events, self.fails = events, fails or {}
        self.allowed: queue.Queue[int] = queue.Queue()
        self.launched: queue.Queue[int] = queue.Queue()
        self.finishing: queue.Queue[int] = queue.Queue()
        self.free_running = False

    def launch(self, entries):
        (entry,) = entries
        self.events.append(("launch", entry.frame.frame_id, entry.ring))
        self.launched.put(entry.frame.frame_id)

    def finish(self, entry):
        self.finishing.put(entry.frame.frame_id)
        if not self.free_running:
            assert self.allowed.get(timeout=10) == entry.frame.frame_id
        self.events.append(("finish", entry.frame.frame_id, entry.ring))
        error = self.fails.get(entry.frame.frame_id)
        if error is not None:
            raise error
        entry.detections[self.name] = Detections.empty()


def frame(n):
    return Captured(Frame(n, "front", n, np.zeros((2, 2, 3), np.uint8)), 0.1)


def start(network, in_flight=2, alone=False, recover=None, slot=None, read=lambda: None, clock=None):
    slot = slot or NewestSlot()
    published = []
    executor = Executor(
        slot,
        [network],
        lambda frame, result: published.append(result),
        clock or SystemClock(),
        in_flight=in_flight,
        fresh=False,
        alone=alone,
        recovery=Recovery(recover),
        point=OperatingPoint,
    )
    threads = executor.threads(read)
    for thread in threads:
        thread.start()
    return slot, executor, threads, published


def feed_and_join(slot, threads, count):
    for n in range(count):
        if not slot.put(frame(n), wait=True):
            break
    slot.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("alone", [False, True])
def test_the_next_frame_is_launched_while_the_one_before_is_in_the_network(alone):
    events = []
    network = FakeNetwork(events)
    slot, _, threads, published = start(network, alone=alone)
    slot.put(frame(0))
    assert network.launched.get(timeout=10) == 0
    slot.put(frame(1))
    assert network.launched.get(timeout=10) == 1
    assert published == []
    network.free_running = True
    network.allowed.put(0)
    slot.close()
    for thread in threads:
        thread.join(10)
    assert [result.frame_id for result in published] == [0, 1]


@pytest.mark.parametrize("alone", [False, True])
def test_no_more_frames_are_in_flight_than_the_ring_holds_and_each_has_its_own_entry(alone):
    events = []
    network = FakeNetwork(events)
    network.free_running = True
    slot, _, threads, published = start(network, in_flight=3, alone=alone)
    feed_and_join(slot, threads, 200)
    inside, most = set(), 0
    for what, _, ring in events:
        if what == "launch":
            assert ring not in inside
            inside.add(ring)
        else:
            inside.remove(ring)
        most = max(most, len(inside))
    assert most <= 3
    assert [result.frame_id for result in published] == list(range(200))


@pytest.mark.parametrize("alone", [False, True])
def test_a_frame_with_a_bad_output_fails_and_the_run_goes_on(alone):
    network = FakeNetwork([], fails={3: OutputError("output 'boxes' has 2 NaN values")})
    network.free_running = True
    slot, executor, threads, published = start(network, alone=alone)
    feed_and_join(slot, threads, 6)
    assert executor.failure is None
    assert [result.error for result in published if result.error] == ["objects: output 'boxes' has 2 NaN values"]
    assert published[3].detections == {}
    assert len(published) == 6


@pytest.mark.parametrize("alone", [False, True])
def test_a_network_that_keeps_raising_ends_the_run_and_every_frame_is_accounted_for(alone):
    network = FakeNetwork([], fails={n: EngineError("road: out of memory") for n in range(2, 100)})
    network.free_running = True
    slot, executor, threads, published = start(network, alone=alone)
    feed_and_join(slot, threads, 100)
    assert isinstance(executor.failure, EngineError)
    assert f"{ENGINE_FAILURES_IN_A_ROW} frames in a row" in str(executor.failure)
    assert len([result for result in published if result.error]) == ENGINE_FAILURES_IN_A_ROW
    assert [result.frame_id for result in published] == list(range(5))
    assert executor.lost.total() <= 1, "only what was in flight behind the last failure is lost"


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_a_network_that_keeps_raising_is_made_anew_once_with_nothing_in_flight(alone, again):
    events = []
    network = FakeNetwork(events, fails={n: EngineError("road: illegal address") for n in range(4, 100)})
    network.free_running = True
    made = []

    def recover():
        launched, finished = ([ring for what, _, ring in events if what == each] for each in ("launch", "finish"))
        made.append(len(launched) - len(finished))
        network.fails = (
            {30: EngineError("road: once more")} if not again else dict.fromkeys(range(30, 60), EngineError("x"))
        )

    slot, executor, threads, published = start(network, in_flight=3, alone=alone, recover=recover)
    feed_and_join(slot, threads, 60)
    assert made == [0]
    failed = [result.frame_id for result in published if result.error]
    assert failed[:ENGINE_FAILURES_IN_A_ROW] == [4, 5, 6]
    assert max(n for n in failed if n < 30) < 4 + ENGINE_FAILURES_IN_A_ROW + 3, "what was in flight, and no more"
    if again:
        assert isinstance(executor.failure, EngineError)
        return
    assert executor.failure is None
    assert len(published) == 60
    assert [n for n in failed if n >= 30] == [30]


@pytest.mark.parametrize("alone", [False, True])
def test_networks_that_find_no_memory_when_they_are_made_anew_end_the_run_with_that(alone):
    network = FakeNetwork([], fails={n: EngineError("road: out of memory") for n in range(4, 100)})
    network.free_running = True
    said = "road: CUDA failed while allocating 64.0 MiB of GPU memory: out of memory; 3.0 MiB of 8.0 GiB are free"

    def recover():
        raise EngineError(said)

    slot, executor, threads, published = start(network, alone=alone, recover=recover)
    feed_and_join(slot, threads, 60)
    assert str(executor.failure) == said
    assert [result.frame_id for result in published] == list(range(len(published)))
    assert len(published) + executor.lost.total() <= 4 + ENGINE_FAILURES_IN_A_ROW + 3


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("where", ["launch", "finish"])
def test_a_defect_in_a_stage_ends_the_run_instead_of_hanging_it(where, alone, monkeypatch):
    network = FakeNetwork([])
    network.free_running = True
    before = getattr(network, where)

    def broken(given):
        entry = given[0] if where == "launch" else given
        if entry.frame.frame_id == 5:
            raise ZeroDivisionError("a defect")
        before(given)

    monkeypatch.setattr(network, where, broken)
    slot, executor, threads, published = start(network, alone=alone)
    feed_and_join(slot, threads, 50)
    assert isinstance(executor.failure, ZeroDivisionError)
    assert executor.lost.total() >= 1
    assert [result.frame_id for result in published] == list(range(len(published)))


@pytest.mark.parametrize("breaks_at", [None, 20])
def test_pictures_in_memory_are_read_by_the_thread_that_does_all_the_rest(breaks_at):
    network = FakeNetwork([], {breaks_at: EngineError("broken")} if breaks_at else None)
    network.free_running = True
    slot: HandOver[Captured] = HandOver()
    readers, taken = [], []

    def read():
        readers.append(threading.get_ident())
        taken.extend(slot.put(frame(n), wait=True) for n in range(40))
        slot.close()

    _, _, threads, published = start(network, alone=True, slot=slot, read=read)
    (thread,) = threads
    thread.join(10)
    assert readers == [thread.ident]
    assert taken == [True] * 40
    assert [result.frame_id for result in published] == list(range(40))
    assert [result.frame_id for result in published if result.error] == ([20] if breaks_at else [])
    launched = [event[1] for event in network.events if event[0] == "launch"]
    assert network.events.index(("launch", 1, 1)) < network.events.index(("finish", 0, 0))
    assert launched == list(range(40))


def test_a_frame_that_is_handed_over_after_a_defect_is_not_taken(monkeypatch):
    network = FakeNetwork([])
    monkeypatch.setattr(network, "launch", lambda entry: 1 / 0)
    slot: HandOver[Captured] = HandOver()
    taken = []
    _, executor, threads, published = start(
        network, alone=True, slot=slot, read=lambda: taken.extend(slot.put(frame(n)) for n in range(3))
    )
    threads[0].join(10)
    assert (taken, published, executor.lost.total()) == ([True, False, False], [], 1)
    assert isinstance(executor.failure, ZeroDivisionError)


class StandingClock:
    ns = 0

    def now_ns(self):
        return self.ns

    def thread_cpu_ns(self):
        return 0


@pytest.mark.parametrize("alone", [False, True])
def test_a_network_that_never_comes_back_is_left_behind_and_what_it_still_says_is_not_heard(alone):
    network, clock = FakeNetwork([]), StandingClock()
    slot, executor, threads, published = start(network, alone=alone, clock=clock)
    network.allowed.put(0)
    slot.put(frame(0))
    for n in (1, 2):
        assert slot.put(frame(n), wait=True)
    assert [network.launched.get(timeout=10) for _ in range(3)] == [0, 1, 2]
    assert [network.finishing.get(timeout=10) for _ in range(2)] == [0, 1]
    assert not executor.wait(0.0), "it may still come back"
    clock.ns = 9_000_000_000
    assert executor.wait(0.0)
    assert executor.given_up
    assert "objects has not come back from frame 1 for 9 s" in str(executor.failure)
    assert executor.lost.total() == 2
    network.free_running = True
    network.allowed.put(1)  # now it does come back
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert [result.frame_id for result in published] == [0]
    assert executor.lost.total() == 2


@pytest.mark.parametrize(("several", "says"), [(False, "from frame 7 for 9 s"), (True, "from frame 7 of left for 9 s")])
def test_a_frame_that_is_stuck_is_said_with_its_camera_where_there_are_several(several, says):
    clock = StandingClock()
    watch = Watch(clock, 8.0, several=several)
    watch.begins("back", "objects", replace(frame(7).frame, camera="left"))
    assert watch.stuck() is None
    clock.ns = 9_000_000_000
    assert says in str(watch.stuck())


def test_threads_end_when_nothing_ever_comes():
    slot, _, threads, published = start(FakeNetwork([]))
    slot.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert published == []
    assert threading.active_count() < 20
