"""The pipelines that ship, on real networks and real driving."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edge_runtime.cli.main import run_app
from tests.material import ADAS, HIGHWAY, HIGHWAY_720P, TWINLITE, YOLOX, material


def run(pipeline, model, video, out, *more):
    name = "lanes" if "lane" in pipeline else "road"
    arguments = [f"pipelines/{pipeline}", "--set", f"models.{name}.onnx={material(model)}", "--set"]
    return run_app([*arguments, f"source.path={material(video)}", "--out", str(out), *more])


def lines(out):
    return [json.loads(line) for line in (out / "detections.jsonl").read_text().splitlines()]


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def test_highway_finds_and_follows_the_cars_and_draws_every_frame(tmp_path):
    assert run("highway_video.yaml", YOLOX, HIGHWAY, tmp_path, "--pace", "fast") == 0
    found = lines(tmp_path)
    assert len(found) == 221
    tracked = [line["stages"]["tracked"] for line in found]
    assert sum(bool(stage["class_name"]) for stage in tracked) > 200
    assert {name for stage in tracked for name in stage["class_name"]} <= {"vehicle", "motorcycle"}
    longest = max(
        sum(track in stage["track_id"] for stage in tracked)
        for track in {track for stage in tracked for track in stage["track_id"]}
    )
    assert longest > 40, "one car is followed for more than a second and a half"
    capture = cv2.VideoCapture(str(tmp_path / "annotated.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 221


def test_adas_finds_both_cars_of_the_motorway_in_nearly_every_frame(tmp_path):
    assert run("adas_video.yaml", ADAS, HIGHWAY_720P, tmp_path, "--pace", "fast") == 0
    counts = [line["stages"]["objects"]["class_name"].count("vehicle") for line in lines(tmp_path)]
    assert len(counts) == 38
    assert np.median(counts) >= 2


def test_lanes_marks_the_road_below_and_not_the_sky_above(tmp_path):
    sinks = ["--set", "sinks=[{kind: jsonl}]"]
    assert run("lane_video.yaml", TWINLITE, HIGHWAY, tmp_path, "--pace", "fast", "--frames", "6", *sinks) == 0
    masks = lines(tmp_path)[3]["masks"]["road"]
    assert set(masks["png"]) == {"drivable area", "lane line"}
    drivable = cv2.imread(str(tmp_path / masks["png"]["drivable area"]), cv2.IMREAD_GRAYSCALE)
    height = drivable.shape[0]
    assert drivable[: height // 3].mean() < 1
    assert drivable[-height // 4 :].mean() > 100


def test_a_wrong_class_list_is_refused_with_the_line_and_the_count(tmp_path, capsys):
    wrong = ["--set", "models.road.decode.classes=[car, bus, truck]"]
    assert run("highway_video.yaml", YOLOX, HIGHWAY, tmp_path / "out", *wrong) == 2
    error = capsys.readouterr().err
    assert "3 classes" in error
    assert "80" in error


def test_two_networks_run_side_by_side_and_share_one_class_table(tmp_path):
    pipeline = tmp_path / "two.yaml"
    pipeline.write_text(f"""\
name: two
source: {{kind: video, path: {material(HIGHWAY_720P)}, pace: fast}}
models:
  coco:
    onnx: {material(YOLOX)}
    input: {{size: [416, 416], resize: letterbox_top_left, color: bgr, scale: 1.0}}
    decode: {{family: yolox, classes: coco, keep: [car, truck, bus]}}
  adas:
    onnx: {material(ADAS)}
    input: {{size: [672, 384], resize: stretch, color: bgr, scale: 1.0}}
    decode: {{family: boxes_scores, classes: {{1: car, 2: person}}}}
stages:
  - {{name: general, kind: detect, model: coco}}
  - {{name: special, kind: detect, model: adas}}
  - {{name: fused, kind: merge, of: [general, special]}}
  - {{name: tracked, kind: track, of: fused}}
sinks: [{{kind: jsonl}}]
""")
    assert run_app([str(pipeline), "--out", str(tmp_path / "out"), "--frames", "20"]) == 0
    for line in lines(tmp_path / "out"):
        stages = line["stages"]
        assert set(stages) == {"general", "special", "fused", "tracked"}
        assert len(stages["fused"]["class_id"]) <= len(stages["general"]["class_id"]) + len(
            stages["special"]["class_id"]
        )
        assert set(stages["special"]["class_id"]) <= {0, 2}, "car and person have their COCO ids whoever reports them"
    last = lines(tmp_path / "out")[-1]["stages"]
    assert len(last["fused"]["class_id"]) < len(last["general"]["class_id"]) + len(last["special"]["class_id"])


def test_surround_finds_in_each_camera_what_highway_finds_in_it_alone(tmp_path):
    batch = tmp_path / "batch.onnx"
    assert run_app(["model", "edit", str(material(YOLOX)), "--batch", "dynamic", "-o", str(batch)]) == 0
    videos = {"front": HIGHWAY, "left": HIGHWAY_720P}
    blocks = [f"{{kind: video, camera: {name}, path: {material(video)}, pace: fast}}" for name, video in videos.items()]
    surround = ["surround", "--set", f"models.road.onnx={batch}", "--set", f"sources=[{', '.join(blocks)}]"]
    assert run_app([*surround, "--frames", "20", "--out", str(tmp_path / "both")]) == 0
    both = lines(tmp_path / "both")
    for name, video in videos.items():
        arguments = ["--pace", "fast", "--frames", "20", "--set", "sinks=[{kind: jsonl}]"]
        assert run("highway_video.yaml", YOLOX, video, tmp_path / name, *arguments) == 0
        own = [line["stages"] for line in both if line["camera"] == name]
        alone = [line["stages"] for line in lines(tmp_path / name)]
        assert len(own) == len(alone) == 20
        assert any(stages["tracked"]["class_name"] for stages in own)
        for one, other in zip(own, alone, strict=True):
            assert one["tracked"]["track_id"] == other["tracked"]["track_id"]
            assert one["tracked"]["class_name"] == other["tracked"]["class_name"]
            assert np.allclose(one["tracked"]["xyxy"], other["tracked"]["xyxy"], atol=0.1)
