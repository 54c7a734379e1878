import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.errors import ConfigError

PIPELINE = """\
name: drive
source: {source}
models:
  road:
    onnx: road.onnx
    input: {{size: [64, 64], resize: stretch, color: bgr, scale: 1.0}}
    decode: {{family: yolov8, classes: coco}}
stages:
  - {{name: objects, kind: detect, model: road}}
"""


@pytest.fixture
def load(tmp_path):
    def load(source):
        (tmp_path / "road.onnx").write_bytes(b"")
        (tmp_path / "drive.yaml").write_text(PIPELINE.format(source=source))
        return load_pipeline(tmp_path / "drive.yaml").config.source

    return load


def test_a_simulation_needs_no_key_but_its_kind(load):
    source = load("{kind: simulation}")
    assert (source.size, source.fps, source.seconds, source.lighting) == ((1920, 1080), 30.0, 60.0, "noon")


def test_a_speed_may_be_one_number_or_points_in_time(load):
    assert load("{kind: simulation, speed_kmh: 50}").speed_kmh == 50
    assert load("{kind: simulation, speed_kmh: [[0, 50], [10, 90]]}").speed_kmh == ((0, 50), (10, 90))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("size: [7680, 4320]", r"7680 is too large\n.*at most 3840"),
        ("size: [32, 64]", r"32 is too small\n.*at least 64"),
        ("lighting: midnight", r"unknown value 'midnight'[\s\S]*noon, dusk, night or drive"),
        ("rain: 2", r"2 is too large\n.*at most 1"),
        ("seconds: 0", r"0 is too small\n.*more than 0"),
        ("fov_deg: 170", r"170 is too large\n.*at most 120"),
        ("speed_kmh: 900", r"900 is too large\n.*at most 250"),
        ("speed_kmh: [[5, 50], [5, 60]]", r"second 5 does not come after second 5\n.*order of time"),
        ("seeds: 4", r"unknown key\n.*did you mean `seed`"),
        ("device: 0", r"only `kind` camera takes it"),
    ],
)
def test_a_mistake_says_what_is_wrong_and_what_would_be_right(load, keys, message):
    with pytest.raises(ConfigError, match=message.replace(r"\n.*", r"[\s\S]*")):
        load(f"{{kind: simulation, {keys}}}")


def test_any_source_may_state_its_calibration(load):
    block = "{focal_px: [1660, 1660], centre_px: [960, 540], pitch_deg: 1.5, height_m: 1.4}"
    known = load(f"{{kind: camera, device: 0, calibration: {block}}}").calibration
    assert (known.focal_px, known.centre_px, known.pitch_deg, known.height_m) == ((1660, 1660), (960, 540), 1.5, 1.4)
    assert load("{kind: camera, device: 0}").calibration is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("focal_px: [0, 1660], centre_px: [960, 540], height_m: 1.4", r"0 is too small[\s\S]*at least 10"),
        ("focal_px: [1660, 1660], centre_px: [960, 540], height_m: 140", r"140 is too large[\s\S]*at most 20"),
        ("focal_px: [1660, 1660], centre_px: [960, 540], height_m: 1.4, pitch_deg: 90", r"90 is too large"),
        ("focal_px: [1660, 1660], centre_px: [960, 540]", r"height_m: is missing[\s\S]*write `height_m: 1.4`"),
    ],
)
def test_an_absurd_calibration_is_refused(load, keys, message):
    with pytest.raises(ConfigError, match=message):
        load(f"{{kind: camera, device: 0, calibration: {{{keys}}}}}")
