import threading

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.pipeline.slot import NewestSlot


def test_the_newest_item_replaces_the_one_nobody_took():
    slot = NewestSlot()
    for item in "abc":
        assert slot.put(item)
    assert slot.take() == "c"
    assert slot.overwritten == 2


def test_a_closed_slot_gives_what_it_holds_and_then_none():
    slot = NewestSlot()
    slot.put("last")
    slot.close()
    assert slot.put("late") is False
    assert slot.take() == "last"
    assert slot.take() is None


def test_a_waiting_writer_is_released_when_the_slot_closes():
    slot = NewestSlot()
    slot.put("first")
    taken = []
    writer = threading.Thread(target=lambda: taken.append(slot.put("second", wait=True)))
    writer.start()
    slot.close()
    writer.join(5)
    assert taken == [False]


@given(st.lists(st.sampled_from(["put", "take"]), max_size=60))
def test_every_item_put_is_taken_overwritten_or_still_inside(actions):
    slot: NewestSlot[int] = NewestSlot()
    put = taken = 0
    inside = False
    for action in actions:
        if action == "put":
            slot.put(put)
            put, inside = put + 1, True
        elif inside:
            assert slot.take() == put - 1
            taken, inside = taken + 1, False
    assert put == taken + slot.overwritten + inside


def test_a_fast_reader_and_a_waiting_writer_lose_nothing():
    slot: NewestSlot[int] = NewestSlot()

    def write():
        for item in range(2000):
            slot.put(item, wait=True)
        slot.close()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while (item := slot.take()) is not None:
        seen.append(item)
    writer.join(5)
    assert seen == list(range(2000))
    assert slot.overwritten == 0
