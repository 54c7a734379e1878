"""The governor's lane and the curves of a trace."""

from edge_runtime.core import Decision, OperatingPoint
from edge_runtime.core.trace import Counter, Span, TraceLog
from edge_runtime.pipeline.traced import TracedDecisions, TracedRate

MS = 1_000_000


def decision(t_ms, point, binding="power", alarm=None):
    return Decision(t_ms * MS, OperatingPoint(point), binding, f"{point} at {t_ms}", alarm=alarm)


def test_a_point_is_a_span_and_every_decision_one_within_it_with_its_reason():
    log = TraceLog()
    lane = TracedDecisions(log)
    for each in (decision(0, "high", None), decision(200, "high"), decision(400, "low", alarm="hot")):
        lane.decided(each)
    lane.end(500 * MS)
    spans = sorted(log.read()[0], key=lambda span: (span.begin_ns, -span.end_ns))
    assert {span.lane for span in spans} == {"governor"}
    assert [(span.name, span.begin_ns // MS, span.end_ns // MS, span.facts["reason"]) for span in spans] == [
        ("high", 0, 400, "high at 0"),
        ("no limit", 0, 200, "high at 0"),
        ("power", 200, 400, "high at 200"),
        ("power", 400, 500, "low at 400"),
        ("low", 400, 500, "low at 400"),
    ]
    assert spans[-1].facts == {"reason": "low at 400", "binding": "power", "feasible": True, "alarm": "hot"}
    lane.end(600 * MS)
    assert len(log.read()[0]) == 5


def test_the_rate_is_that_of_the_last_second_and_0_after_a_second_without_a_frame():
    log = TraceLog()
    rate = TracedRate(log)
    for n in range(5):
        rate.published(n * 100 * MS)
    rate.published(3000 * MS)
    rate.published(3050 * MS)
    rate.published(3100 * MS)
    rate.silent(3500 * MS)
    rate.silent(9000 * MS)
    assert log.read()[0] == [
        *(Counter("fps", n * 100 * MS, 10.0) for n in range(1, 5)),
        Counter("fps", 1400 * MS, 0.0),
        Counter("fps", 3100 * MS, 20.0),
        Counter("fps", 4100 * MS, 0.0),
    ]


def test_no_decision_gives_no_lane():
    log = TraceLog()
    TracedDecisions(log).end(5)
    TracedRate(log).silent(5_000 * MS)
    assert log.read()[0] == []


def test_a_value_that_stays_what_it_was_is_told_once():
    log = TraceLog()
    for t_ns, value in enumerate([0, 0, 1, 1, 0]):
        log.changed("overwritten", t_ns, value)
    log.span("source", "read", 0, 1)
    assert log.read()[0] == [
        Counter("overwritten", 0, 0),
        Counter("overwritten", 2, 1),
        Counter("overwritten", 4, 0),
        Span("source", "read", 0, 1),
    ]
