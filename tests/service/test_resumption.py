"""Sinks that have ended are opened again, the less often the more often they end."""

from __future__ import annotations

from edge_runtime.service.resumption import Resumption

MINUTE = 60_000_000_000
ENDED = ("jsonl detections.jsonl",)


def tries(resumption: Resumption, minutes: range, ended=ENDED, has_room=True) -> list[int]:
    return [n for n in minutes if resumption.due(ended, n * MINUTE, has_room=has_room)]


def test_a_sink_that_has_ended_is_tried_at_once_and_then_after_1_2_4_and_at_last_60_minutes():
    assert tries(Resumption(), range(300)) == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]


def test_without_room_nothing_is_tried_and_with_room_at_once():
    resumption = Resumption()
    assert tries(resumption, range(100), has_room=False) == []
    assert tries(resumption, range(100, 103)) == [100, 101]


def test_an_hour_without_an_end_makes_the_next_one_the_first_again():
    resumption = Resumption()
    tries(resumption, range(40))
    assert tries(resumption, range(40, 101), ended=()) == []
    assert tries(resumption, range(101, 104)) == [101, 102]
