import numpy as np
import pytest

from edge_runtime.errors import OutputError
from edge_runtime.vision.resize import plan_view

from .blocks import VIEW, complaints, decoder

LOGITS = np.array([[9.0, 9.0, 9.0], [1.0, 3.0, 2.0]], np.float32)
WEATHER = ("clear", "rain", "snow")


@pytest.mark.parametrize(
    ("activation", "confidence"),
    [("softmax", np.exp(3) / np.exp([1, 2, 3]).sum()), ("sigmoid", 1 / (1 + np.exp(-3))), ("none", 3.0)],
)
def test_the_best_class_is_a_box_around_the_view(activation, confidence):
    view = plan_view((10, 20, 110, 60), (64, 32), "stretch")
    found = decoder(family="classification", classes=WEATHER, activation=activation).decode({"o": LOGITS}, 1, view)
    np.testing.assert_array_equal(found.xyxy, [[10, 20, 110, 60]])
    np.testing.assert_allclose(found.confidence, [confidence], rtol=1e-6)
    assert found.class_id.tolist() == [1]


def test_large_logits_do_not_overflow():
    found = decoder(family="classification", classes=WEATHER).decode({"o": LOGITS * 1000}, 1, VIEW)
    np.testing.assert_allclose(found.confidence, [1.0])


def test_only_classes_named_by_index_compete_and_probabilities_are_over_all():
    found = decoder(family="classification", classes={0: "clear", 2: "snow"}).decode({"o": LOGITS}, 1, VIEW)
    assert found.class_id.tolist() == [1]
    np.testing.assert_allclose(found.confidence, [np.exp(2) / np.exp([1, 2, 3]).sum()], rtol=1e-6)


def test_trailing_axes_of_one_are_ignored():
    found = decoder(family="classification", classes=WEATHER)
    assert complaints(found, o=(None, 3, 1, 1)) == []
    assert found.decode({"o": LOGITS[:, :, None, None]}, 1, VIEW).class_id.tolist() == [1]


def test_nan_fails_the_frame():
    with pytest.raises(OutputError, match="output 'o' has 1 of 3 values"):
        decoder(family="classification", classes=WEATHER).decode({"o": np.array([[0, np.nan, 1]])}, 0, VIEW)


def test_the_wrong_number_of_names_is_refused():
    [(key, what, fix)] = complaints(decoder(family="classification"), o=(1, 1000))
    assert (key, what) == ("decode.classes", "decode.classes names 2 classes, output 'o' has 1000 class columns")
    assert fix == "List 1000 names, or {index: name} to use only some"
