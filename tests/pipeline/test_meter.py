"""What the governor is told of the time that frames take."""

import numpy as np
import pytest

from edge_runtime.core import Frame, FrameResult, OperatingPoint
from edge_runtime.pipeline.meter import FrameMeter, busy_times

MS = 1_000_000


def result(stage_ms, point=None):
    return FrameResult(0, "front", 0, 20.0, point or OperatingPoint(), stage_ms=stage_ms)


def test_a_camera_that_is_waited_for_does_not_make_the_host_busy():
    waited = {"source": 33.0, "queue": 5.0, "objects.preprocess": 2.0, "objects": 12.0, "objects.decode": 1.0}
    assert busy_times(result(waited), {"objects"}) == (12.0, 2.0)


def test_the_host_is_as_busy_as_the_busier_of_its_threads():
    stages = {"objects.preprocess": 2.0, "objects": 12.0, "objects.decode": 1.5, "tracked": 1.0}
    assert busy_times(result(stages), {"objects"}).host_ms == 2.5


def test_a_resting_detector_reads_as_its_mean_not_as_fast_and_slow_frames():
    meter = FrameMeter(["objects"], None)
    point = OperatingPoint("d3", detector_period=3)
    for n in range(30):
        took = {"objects": 30.0, "objects.decode": 3.0} if n % 3 == 0 else {"tracked": 0.3}
        frame = Frame(n, "front", n * MS, np.zeros((2, 2, 3), np.uint8))
        meter.publish(n * 30 * MS, frame, result(took, point))
        if n == 14:
            meter.take(n * 30 * MS)
    stats = meter.take(900 * MS)
    assert stats.gpu_ms == stats.gpu_max_ms == pytest.approx(10.0)
    assert stats.host_ms == pytest.approx(1.2)
