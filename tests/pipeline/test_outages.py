"""The books of a camera that comes and goes."""

from __future__ import annotations

from edge_runtime.pipeline.outages import TOLD, CameraAccount, Outages

NS = 1_000_000_000
WHY = "rtsp://cam/1: no stream there\n    check the cable"


def test_an_outage_lasts_from_the_last_picture_to_the_next():
    outages = Outages("front", 0)
    outages.picture(10 * NS)
    assert outages.lost(WHY)
    assert not outages.lost("said again")
    assert outages.picture(22 * NS) == "camera front is back after 12.0 s (outage 1)"
    assert outages.picture(23 * NS) is None
    outages.lost(WHY)
    outages.picture(24 * NS)
    assert outages.account(30 * NS) == CameraAccount(outages=2, longest_s=12.0, away_s=13.0)


def test_an_outage_that_goes_on_counts_as_far_as_it_has_come():
    outages = Outages("front", 0)
    outages.lost(WHY)
    assert outages.account(5 * NS) == CameraAccount(1, 5.0, 5.0)


def test_the_alarm_says_since_when_and_why_in_one_line():
    outages = Outages("front", 0)
    outages.picture(NS)
    assert outages.alarm(2 * NS) is None
    outages.lost(WHY)
    assert outages.alarm(13 * NS) == "no picture from front for 12 s: rtsp://cam/1: no stream there"
    outages.picture(14 * NS)
    assert outages.alarm(14 * NS) is None


def test_a_camera_whose_driver_only_waits_is_an_alarm_too():
    outages = Outages("front", 0)
    outages.picture(NS)
    assert outages.alarm(4 * NS) == "no picture from front for 3 s"
    assert outages.account(4 * NS).outages == 0


def test_of_a_camera_that_comes_and_goes_all_day_the_newest_is_told():
    outages = Outages("front", 0)
    for n in range(100):
        outages.lost(WHY)
        outages.picture(n * NS)
    assert len(outages.notices) == TOLD
    assert outages.notices[-1].endswith("(outage 100)")


def test_what_to_check_is_told_once():
    outages = Outages("front", 0)
    for n in range(2):
        outages.lost(WHY)
        outages.picture(n * NS)
    first, _, second, _ = outages.notices
    assert first == f"camera front is away (outage 1): {WHY}"
    assert second == "camera front is away (outage 2): rtsp://cam/1: no stream there"
