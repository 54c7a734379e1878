"""What a pipeline file's knobs span."""

import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import Budgets, FpsFloor
from edge_runtime.core import OperatingPoint
from edge_runtime.evaluate.profile_looks import forms
from edge_runtime.evaluate.profile_result import Figures, Spread
from edge_runtime.evaluate.profile_span import Turn, caps, effort, span, turns

PIPELINE = """\
name: p
source: {kind: video, path: not_there.mp4}
models:
  road:
    onnx: not_there.onnx
    input: {size: [640, 384], resize: stretch, color: bgr, scale: 1.0}
    decode: {family: yolov8, classes: coco}
    variants: {small: {size: [320, 192]}}
stages:
  - {name: objects, kind: detect, model: road}
  - {name: far, kind: detect, model: road, regions: {max: 3, from: [horizon]}}
  - {name: found, kind: merge, of: [objects, far]}
  - {name: tracked, kind: track, of: found}
"""


@pytest.fixture
def config(tmp_path):
    def load(text=PIPELINE):
        (tmp_path / "p.yaml").write_text(text)
        return load_pipeline(tmp_path / "p.yaml", runs=False).config

    return load


def names(config, *settings):
    return [point.name for point in span(config, *settings)]


def test_regions_periods_and_variants_span_the_points(config):
    found = names(config())
    assert {"r0", "r1", "r2", "r3", "r3-p2", "r0-d2", "r3-d3", "small-r0", "small-r3-p2"} <= set(found)
    assert len(found) == len(set(found))


def test_what_demands_least_comes_first_and_everything_comes_last(config):
    found = names(config())
    assert found[0] == "small-r0-d3"
    assert found[-1] == "r3"


def test_a_resting_detector_looks_at_no_regions_so_their_period_is_not_spanned_twice(config):
    assert not any("p2-d" in name for name in names(config()))


def test_without_a_stage_that_tracks_the_detector_never_rests(config):
    text = PIPELINE.replace("  - {name: tracked, kind: track, of: found}\n", "")
    assert not any("d2" in name for name in names(config(text)))


def test_a_pipeline_with_nothing_to_turn_has_one_point(config):
    text = PIPELINE[: PIPELINE.index("  - {name: far")].replace("    variants: {small: {size: [320, 192]}}\n", "")
    assert names(config(text)) == ["full"]


def test_effort_counts_the_pixels_that_networks_see(config):
    config = config()
    by_name = {point.name: effort(config, point) for point in span(config)}
    whole = 640 * 384 / 1e6
    assert by_name["r0"] == pytest.approx(whole)
    assert by_name["r3"] == pytest.approx(4 * whole)
    assert by_name["r3-p2"] == pytest.approx(2.5 * whole)
    assert by_name["r3-d2"] == pytest.approx(2 * whole)
    assert by_name["small-r0"] == pytest.approx(whole / 4)


def test_a_board_spans_its_modes_and_caps_below_its_fastest_clock():
    found = turns(["MAXN", "MODE_50W"], [300.0, 600.0, 900.0, 1200.0])
    assert found == tuple(Turn(mode, cap) for mode in ("MAXN", "MODE_50W") for cap in (None, 900.0, 600.0))
    assert turns(["MAXN"], []) == (Turn(None, None),)


def test_every_setting_of_the_board_is_in_the_name(config):
    found = names(config(), (Turn("MODE_30W", 600.0),))
    assert found[-1] == "r3-mode_30w-600mhz"


def test_a_cap_at_the_floor_leaves_room_for_results_that_come_unevenly():
    """Four results a second, of which each third comes 0.2 s late: in a second and a fifth there must be four."""
    assert caps(Budgets(fps_floor=4.0), 10.0, swing_s=0.21)[-1] == 4.9
    assert caps(Budgets(fps_floor=10.0), 30.0, swing_s=0.1) == (15.0, 11.0), "a third of the camera's rate is too few"


@pytest.mark.parametrize(("period", "cap"), [(1, 4.5), (3, 4.8)])
def test_a_ladder_holds_a_point_to_a_floor_with_what_its_own_results_stray_by(tmp_path, period, cap):
    """Where the detector rests they come as soon as the host is done, 2 ms, and else at the median."""
    path = tmp_path / "p.yaml"
    path.write_text(PIPELINE + "budgets: {fps_floor: 4}\n")
    once = {"fps": 20.0, "latency_p50_ms": 80.0, "latency_p99_ms": 202.0, "gpu_ms": 40.0, "host_ms": 2.0, "watts": 9.0}
    spreads = {name: Spread.of([value]) for name, value in once.items()}
    figures = Figures(OperatingPoint("p", detector_period=period), **spreads)
    found = forms(load_pipeline(path, runs=False), {"p": figures}, 25.0)
    assert found[-1].point.fps_cap == cap


@pytest.mark.parametrize(
    ("floor", "rates"),
    [
        (None, (15.0, 10.0)),
        (12.0, (15.0, 12.0)),
        (FpsFloor(city=15.0, highway=25.0), (25.0, 15.0)),
        (30.0, ()),
    ],
)
def test_caps_are_floors_and_parts_of_the_camera_rate_that_keep_the_floor(floor, rates):
    assert caps(Budgets(fps_floor=floor), 30.0) == rates
