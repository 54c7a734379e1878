"""`edge-run init`: from an ONNX file to a pipeline that runs, with what was guessed and what a picture says of it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import yaml
from onnx import helper

from edge_runtime.cli.main import run_app
from edge_runtime.config.load import load_pipeline
from tests.engines.onnx_models.makers import info, network, node
from tests.material import ADAS, MATERIAL, TWINLITE, YOLOX, material
from tests.tiny import tiny_video

SIDE = 64
PLACES = 64 + 16 + 4
STREET = "images/bdd_0ace96c3-48481887.jpg"
VEHICLES = "models/vehicle-detection-adas-0002.onnx"


def head(path: Path, *, names: str = "", box_scale: float = 1.0, score: float = 0.9, count: int = 2) -> Path:
    """A head as Ultralytics writes it that is sure of `count` boxes when the first channel is full, within 0..1."""
    boxes = np.full((1, 4, PLACES), 4.0, np.float32)
    boxes[0, :2, :count] = np.linspace(10, 50, count)
    boxes[0, 2:, :count] = 20.0
    likely = np.zeros((1, 3, PLACES), np.float32)
    likely[0, 1, :count] = score
    model = network(
        [
            node("Slice", "images zero one channel", "first"),
            node("ReduceMax", "first", "most", keepdims=0),
            node("LessOrEqual", "most one_f", "within"),
            node("Cast", "within", "counts", to=1),
            node("Mul", "most counts", "fullness"),
            node("Mul", "fullness likely", "scores"),
            node("Concat", "boxes scores", "output0", axis=1),
        ],
        [info("images", [1, 3, SIDE, SIDE])],
        [info("output0", [1, 7, PLACES])],
        {
            "zero": np.array([0], np.int64),
            "one": np.array([1], np.int64),
            "channel": np.array([1], np.int64),
            "one_f": np.array(1.01, np.float32),
            "likely": likely,
            "boxes": boxes * np.float32(box_scale),
        },
    )
    if names:
        helper.set_model_props(model, {"names": names, "description": "Ultralytics YOLOv8n model", "task": "detect"})
    onnx.save(model, path)
    return path


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def red(tmp_path) -> Path:
    """A picture in which only the red channel is full."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[..., 2] = 255
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), picture)
    return path


def init(*arguments: object) -> int:
    return run_app(["init", *map(str, arguments)])


def told(capsys, *arguments: object) -> dict:
    assert init(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_the_pipeline_of_an_ultralytics_model_is_complete_and_runs(tmp_path, red, capsys):
    tiny_video(tmp_path / "drive.avi")
    model = head(tmp_path / "net.onnx", names="{0: 'car', 1: 'truck', 2: 'bus'}")
    document = told(capsys, model, "--source", "drive.avi", "--picture", red)
    assert document["found"] == {"boxes": 2, "by_class": {"truck": 2}, "best": pytest.approx(0.9)}
    assert all(check["state"] == "ok" for check in document["checks"])
    written = yaml.safe_load((tmp_path / "net.yaml").read_text())
    assert written["source"] == {"kind": "video", "path": "drive.avi", "pace": "live"}
    assert written["models"]["road"] == {
        "onnx": "net.onnx",
        "input": {"size": [64, 64], "resize": "letterbox", "color": "rgb", "scale": "1/255", "pad": 114},
        "decode": {"family": "yolov8", "classes": ["car", "truck", "bus"], "confidence": 0.3, "iou": 0.5},
    }
    drawn = cv2.imread(document["annotated"])
    assert drawn.shape == (64, 64, 3)
    assert (drawn != cv2.imread(str(red))).any()
    assert run_app(["net.yaml", "--frames", "2", "--pace", "fast", "--out", "out"]) == 0


def test_every_guess_is_marked_in_the_file_with_its_reason(tmp_path, red, capsys):
    assert init(head(tmp_path / "net.onnx"), "--picture", red) == 0
    text = (tmp_path / "net.yaml").read_text()
    assert "guess: 'output0' has 7 values for each of 84 places: 4 + 3, no objectness" in text
    assert "guess: as Ultralytics trains; boxes found: rgb 2 (best 0.90), bgr none" in text.replace("\n      #", "")
    assert "guess: the names are not in the file" in text
    assert max(map(len, text.splitlines())) <= 120
    shown = capsys.readouterr().out
    assert "write yours, in the order" in " ".join(shown.split())
    assert "edge-run net.yaml --set source.path=drive.mp4" in shown


def test_the_picture_decides_against_what_is_usual_where_it_is_clear(tmp_path, capsys):
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[..., 0] = 255
    cv2.imwrite("blue.png", blue)
    document = told(capsys, head(tmp_path / "net.onnx", count=4), "--picture", "blue.png")
    color = document["guesses"]["input.color"]
    assert color["value"] == "bgr"
    assert color["why"].startswith("the picture says so; boxes found: rgb none, bgr 4")
    assert document["guesses"]["input.scale"]["value"] == "1/255"


@pytest.mark.parametrize(
    ("made", "what", "fix"),
    [
        ({"box_scale": 1 / SIDE}, "as 0..1 of the input would, and yolov8 reads pixels", ""),
        ({"score": 0.1}, "nothing was found", "is there anything in it"),
        ({"box_scale": 1 / SIDE}, "smaller than 3 pixels", "normalized: true"),
        ({"score": 7.0}, "go up to 7.0, which is no probability", "sigmoid"),
    ],
)
def test_nothing_and_nonsense_are_said_with_what_to_change(made, what, fix, tmp_path, red, capsys):
    document = told(capsys, head(tmp_path / "net.onnx", **made), "--picture", red)
    warnings = [check for check in document["checks"] if check["state"] == "warning" and what in check["found"]]
    assert len(warnings) == 1
    assert fix in warnings[0]["fix"]
    assert load_pipeline("net.yaml", runs=False).config.name == "net"


def test_without_a_picture_it_says_that_only_running_was_tried(tmp_path, capsys):
    document = told(capsys, head(tmp_path / "net.onnx"))
    assert document["checks"][-1] == {
        "name": "picture",
        "state": "warning",
        "found": "a painted street: it runs, more it cannot tell",
        "fix": "--picture STREET.jpg",
    }


def test_a_network_of_this_package_is_recognised_on_the_painted_drive(capsys):
    model = Path(__file__).parents[2] / "edge_runtime/assets/demo_detector.onnx"
    document = told(capsys, model, "--source", "simulation")
    guessed = {key: guess["value"] for key, guess in document["guesses"].items()}
    assert (guessed["decode.family"], guessed["decode.strides"]) == ("yolox", [4, 8, 16, 32])
    assert (guessed["input.color"], guessed["input.scale"]) == ("bgr", "1/255")
    assert "(noise)" in document["guesses"]["input.scale"]["why"]  # what 0..255 makes of it
    assert document["found"]["boxes"] > 5


@pytest.mark.parametrize(
    ("model", "expected", "least"),
    [
        (YOLOX, {"family": "yolox", "color": "bgr", "scale": 1.0, "resize": "letterbox_top_left"}, {"car": 5}),
        (ADAS, {"family": "boxes_scores", "color": "bgr", "scale": 1.0, "resize": "stretch"}, {"class_1": 4}),
        (VEHICLES, {"family": "boxes_scores", "color": "bgr", "scale": 1.0, "resize": "stretch"}, {"class_1": 4}),
        (TWINLITE, {"family": "segmentation", "color": "rgb", "scale": "1/255", "resize": "stretch"}, {}),
    ],
)
def test_real_networks_are_recognised_on_a_real_street(model, expected, least, capsys):
    document = told(capsys, material(model), "--picture", MATERIAL / STREET, "-o", "mine.yaml")
    guessed = {key.partition(".")[2]: guess["value"] for key, guess in document["guesses"].items()}
    assert {key: guessed[key] for key in expected} == expected
    found = document["found"].get("by_class", {})
    assert all(found[name] >= count for name, count in least.items())


def test_a_pipeline_that_is_there_is_not_written_over(tmp_path, red, capsys):
    model = head(tmp_path / "net.onnx")
    (tmp_path / "net.yaml").write_text("mine")
    assert init(model, "--picture", red) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "net.yaml").read_text() == "mine"
    assert init(model, "--picture", red, "--force") == 0
    assert "yolov8" in (tmp_path / "net.yaml").read_text()


def test_a_network_that_no_family_reads_leaves_nothing_behind(tmp_path, red, capsys):
    raw = network([node("Conv", "images w", "raw")], [info("images", [1, 3, 8, 8])], [info("raw", [1, 1, 8, 8])],
                  {"w": np.ones((1, 3, 1, 1), np.float32)})  # fmt: skip
    onnx.save(raw, tmp_path / "raw.onnx")
    assert init("raw.onnx", "--picture", red) == 2
    assert "no decode family reads such outputs: 'raw' 1 x 8 x 8" in capsys.readouterr().err
    assert not (tmp_path / "raw.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["nothing.onnx"], "nothing.onnx"),
        (["text.onnx"], "is not an ONNX file"),
        (["net.onnx", "--source", "nowhere.mp4"], "no video, folder, recording or camera"),
        (["net.onnx", "--source", "red.png"], "A single picture goes with --picture"),
        (["net.onnx", "--picture", "text.onnx"], "does not decode"),
        (["net.onnx", "-o", "away/mine.yaml"], "mkdir -p away"),
    ],
)
def test_bad_use_is_answered_in_a_sentence(arguments, answer, tmp_path, red, capsys):
    head(tmp_path / "net.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    assert init(*arguments) == 2
    assert answer in capsys.readouterr().err
