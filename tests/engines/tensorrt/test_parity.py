import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_runtime.engines.tensorrt.parity import as_json, compare, refusal, worst

VALUES = arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32))


def one(expected, got):
    (parity,) = compare({"y": np.asarray(expected)}, {"y": np.asarray(got)})
    return parity


@given(VALUES)
def test_a_run_is_the_same_as_itself(values):
    parity = one(values, values)
    assert parity.cosine == pytest.approx(1)
    assert parity.max_error == 0


@given(VALUES, st.floats(-10, 10, width=32))
def test_the_error_is_that_of_the_worst_value(values, step):
    moved = values.astype(np.float64)
    moved[-1] += step
    assert one(values, moved).max_error == pytest.approx(abs(step), abs=1e-6)


def test_opposite_and_scaled_outputs():
    assert one([1.0, 2.0], [-1.0, -2.0]).cosine == pytest.approx(-1)
    assert one([1.0, 2.0], [2.0, 4.0]).cosine == pytest.approx(1)
    assert one([0.0, 0.0], [0.0, 1.0]).cosine == 0
    assert one([0.0, 0.0], [0.0, 0.0]).cosine == 1


def test_small_integers_are_compared_without_wrapping_around():
    assert one(np.array([250], np.uint8), np.array([5], np.uint8)).max_error == 245


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_on_one_side_only_is_never_within_a_tolerance(bad):
    parity = one([1.0, 2.0], [1.0, bad])
    assert (parity.cosine, parity.max_error) == (None, None)
    assert not parity.within(cosine=-1, max_error=np.inf)
    assert (
        refusal([parity], cosine=-1) == "not the same as ONNX Runtime FP32 (cosine >= -1): y has NaN or infinite values"
    )
    assert one([1.0, bad], [1.0, bad]).max_error == 0


def test_over_many_frames_the_worst_counts():
    frames = [compare({"y": np.array([1.0, 0.0])}, {"y": np.array([1.0, error])}) for error in (0.0, 0.5, 0.1)]
    (parity,) = worst(frames)
    assert parity.max_error == 0.5
    assert parity == frames[1][0]
    (parity,) = worst([*frames, compare({"y": np.array([1.0])}, {"y": np.array([np.nan])})])
    assert parity.cosine is None


def test_beyond_the_tolerance_the_sentence_names_output_and_numbers():
    parity = one([1.0, 1.0], [1.0, 1.5])
    assert refusal([parity], cosine=0.9) is None
    said = refusal([parity], cosine=0.9, max_error=0.25)
    assert (
        said == "not the same as ONNX Runtime FP32 (cosine >= 0.9, error <= 0.25): y has cosine 0.980581 and error 0.5"
    )
    assert json.loads(json.dumps(as_json([parity])))[0]["max_error"] == 0.5


def test_outputs_that_do_not_correspond_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="the outputs differ"):
        compare({"y": np.zeros(1)}, {"z": np.zeros(1)})
    with pytest.raises(ValueError, match=r"output y is \(2,\), the reference is \(1,\)"):
        compare({"y": np.zeros(1)}, {"y": np.zeros(2)})
