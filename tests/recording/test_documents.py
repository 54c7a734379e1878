"""Values go into a recording and come out as they were, to the last bit of a float."""

import json

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.core import Decision, FrameStats, OperatingPoint, TelemetrySample
from edge_runtime.recording.documents import GovernorInputs, decision_document, decision_from, encode

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(numbers, numbers, st.none() | numbers)
def test_what_a_governor_was_told_is_told_again_exactly(watts, celsius, speed):
    sample = TelemetrySample(5, "sysfs", watts, {"VDD_IN": watts}, {"tj": celsius}, throttled=("thermal",))
    stats = FrameStats(7, 0.2, 6, 5, 1, 29.97, celsius, None, watts, 3.25, None, 0.5, "full")
    told = GovernorInputs(3, sample, stats, speed)
    assert GovernorInputs.from_document(json.loads(encode(told.document()))) == told
    blind = GovernorInputs(4, None, stats, speed)
    assert GovernorInputs.from_document(json.loads(encode(blind.document()))) == blind


def test_a_decision_comes_back_with_every_knob():
    point = OperatingPoint("small-r2", 2, 3, 2, "small", 15.0, "MODE_30W", 918.0)
    decision = Decision(9, point, "power", "small-r2: power counts", False, "too warm")
    assert decision_from(json.loads(encode(decision_document(decision)))) == decision


def test_a_broken_sensors_nan_is_null_in_the_file_and_not_the_end_of_the_recording():
    text = encode({"power_w": float("nan"), "rails_w": {"VDD": float("inf")}, "list": [1.5, float("-inf")]})
    assert json.loads(text) == {"power_w": None, "rails_w": {"VDD": None}, "list": [1.5, None]}
