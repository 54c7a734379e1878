from edge_runtime.pipeline.alarms import Alarm, AlarmBook

MS = 1_000_000


def book(*texts, step_ms=200):
    made = AlarmBook()
    for place, text in enumerate(texts):
        made.see(place * step_ms * MS, text)
    return list(made.alarms.values())


def test_an_alarm_of_many_decisions_is_one_alarm_with_its_length():
    stale = [f"telemetry is stale: the last reading is {age} s old" for age in (1.0, 1.2, 1.4, 1.6, 1.8)]
    assert book(None, *stale, None) == [Alarm("telemetry is stale: the last reading is 1.0 s old", 1, 1.0, 0.2)]


def test_one_that_comes_again_is_counted_and_another_kind_stands_by_itself():
    alarms = book("over-current: 2 events in 1.0 s", None, "no telemetry", "over-current: 9 events in 1.0 s", None)
    assert [(alarm.text[:12], alarm.times) for alarm in alarms] == [("over-current", 2), ("no telemetry", 1)]
    assert [round(alarm.seconds, 1) for alarm in alarms] == [0.4, 0.2]
    assert str(alarms[0]) == "alarm at 0 s, 2 times, 0.4 s in all: over-current: 2 events in 1.0 s"


def test_without_an_alarm_there_is_nothing_to_say():
    assert book(None, None) == []
