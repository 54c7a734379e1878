import numpy as np
import pytest

from edge_runtime.config.schema import BoxesScoresDecode, InputBlock, ParityBlock
from edge_runtime.core import ClassTable, Frame
from edge_runtime.pipeline.parity import measure
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.resize import plan_view

INPUT = InputBlock(size=(64, 64), resize="stretch", color="bgr", scale=1.0)
DECODE = BoxesScoresDecode(family="boxes_scores", classes=("car",), confidence=0.5, normalized=False)
BOXES = np.array([[[2, 2, 12, 12], [20, 20, 60, 60]]], np.float32)
SCORES = np.array([[[0.9], [0.8]]], np.float32)


class Fixed:
    """A network that says the same of every picture."""

    def __init__(self, boxes=BOXES, scores=SCORES):
        self.answer = {"boxes": boxes, "scores": scores}
        self.decoder = make_decoder(DECODE, INPUT, ClassTable())

    def launch(self, slot, glances):
        return tuple(plan_view(glance.region.xyxy, INPUT.size, INPUT.resize) for glance in glances)

    def wait(self, slot):
        pass

    def decode(self, slot, views, first=0):
        return [self.decoder.decode(self.answer, row, view) for row, view in enumerate(views)]

    def outputs(self, slot):
        return self.answer


def parity(engine, **tolerance):
    frames = [Frame(n, "front", 0, np.zeros((128, 128, 3), np.uint8)) for n in range(3)]
    return measure(Fixed(), engine, frames, ParityBlock(**tolerance))


def test_the_same_network_is_within_any_tolerance():
    found = parity(Fixed(), cosine=0.9999, lost=0.0)
    assert found.refusal is None
    assert "6 of 6 detections matched" in found.sentence()
    assert [band.reference for band in found.detections] == [0, 3, 0, 3]


def test_a_lost_object_refuses_the_engine_and_is_told_by_its_size():
    weak = SCORES.copy()
    weak[0, 0] = 0.45
    found = parity(Fixed(scores=weak), cosine=0.5, lost=0.1)
    assert found.refusal == "3 of 6 detections are lost (50.0%, allowed 10.0%)"
    assert [(band.reference, band.matched) for band in found.detections] == [(0, 0), (3, 0), (0, 0), (3, 3)]


def test_outputs_that_drift_refuse_the_engine_whatever_the_boxes_say():
    found = parity(Fixed(boxes=BOXES[:, ::-1].copy()), cosine=0.999)
    assert found.refusal is not None
    assert "boxes" in found.refusal


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_never_parity(bad):
    scores = SCORES.copy()
    scores[0, 1] = bad
    found = parity(Fixed(scores=scores), cosine=0.0, lost=1.0)
    assert found.refusal is not None
    found.document()
